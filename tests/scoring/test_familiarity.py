"""What is unlike all training is told apart from what people ask."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import msgspec
import numpy as np
import pytest

from router.errors import ArtifactError
from router.scoring.artifact import default_artifact_path, load_artifact
from router.scoring.familiarity import (
    CHARACTERS_FILE,
    KINDS,
    SHAPE_FILE,
    UNFAMILIAR_ABOVE,
    Familiarity,
    FamiliarityLimits,
    character_keys,
)
from router.scoring.features import FEATURE_NAMES
from router.scoring.golden import GOLDEN_FILE, replay_golden
from router.scoring.manifest import MANIFEST_FILE
from router.scoring.prompt import MAX_CHARS, bound
from router.scoring.scorer import Scorer
from tests.scoring.kernel_parts import make_artifact

LIMITS = FamiliarityLimits(mean_surprise=2.0, surprise=3.0, shape=4.0)


@pytest.fixture(scope="module")
def shipped() -> Scorer:
    return Scorer.load()


def rows(repository: Path, name: str) -> list[dict[str, str]]:
    lines = (repository / "data" / "sample" / f"{name}.jsonl").read_bytes().decode().split("\n")
    return [json.loads(line) for line in lines if line]


def is_unfamiliar(scorer: Scorer, prompt: str) -> bool:
    found = scorer.score(prompt).unfamiliarity
    assert found is not None
    return found > UNFAMILIAR_ABOVE


def test_most_prompts_unlike_what_people_ask_are_unfamiliar_whatever_their_kind(
    shipped: Scorer, repository: Path
) -> None:
    flagged: dict[str, list[bool]] = defaultdict(list)
    for row in rows(repository, "unfamiliar"):
        flagged[row["kind"]].append(is_unfamiliar(shipped, row["prompt"]))
    assert sum(map(sum, flagged.values())) >= 0.85 * sum(map(len, flagged.values()))
    assert all(sum(hits) >= len(hits) / 2 for hits in flagged.values()), flagged


def test_everyday_prompts_are_familiar(shipped: Scorer, repository: Path) -> None:
    assert not any(is_unfamiliar(shipped, row["prompt"]) for row in rows(repository, "tryout"))
    assert not any(is_unfamiliar(shipped, prompt) for prompt in ("hi", "Thanks!", "ok", "why?", "What is 2+2?"))


def test_a_script_that_training_holds_is_familiar_and_one_that_it_lacks_is_not(shipped: Scorer) -> None:
    assert not is_unfamiliar(shipped, "法国的首都是哪里？")
    assert is_unfamiliar(shipped, "რატომ არის ცა ლურჯი? ამიხსენი მოკლედ.")


def test_a_very_long_prompt_is_measured_by_the_part_of_it_that_is_scored(shipped: Scorer, repository: Path) -> None:
    long = "\n\n".join(row["prompt"] for row in rows(repository, "tryout")) * 40
    assert len(long) > 10 * MAX_CHARS
    found = shipped.score(long).unfamiliarity
    assert found is not None
    assert 0 < found < 10
    assert found == shipped.score(bound(long)).unfamiliarity


def test_an_artifact_of_an_earlier_version_loads_and_calls_nothing_unfamiliar(tmp_path: Path) -> None:
    folder = make_artifact(tmp_path / "old")
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    del manifest["familiarity"], manifest["reference"]
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest))
    assert Scorer.load(folder).score("\u2620 \u2620 \u2620").unfamiliarity is None


def test_golden_rows_catch_a_familiarity_that_has_drifted() -> None:
    folder = default_artifact_path()
    artifact = load_artifact(folder)
    assert artifact.familiarity is not None
    limits = msgspec.structs.replace(artifact.familiarity.limits, surprise=artifact.familiarity.limits.surprise + 0.01)
    counts = artifact.familiarity.characters.counts
    other = Familiarity(counts, artifact.familiarity.moments, limits)
    with pytest.raises(ArtifactError, match=rf"{GOLDEN_FILE}: row \d+ was recorded with unfamiliarity"):
        replay_golden(folder, artifact.chain, other)
    with pytest.raises(ArtifactError, match="now gives None"):
        replay_golden(folder, artifact.chain, None)


def test_case_and_the_value_of_digits_do_not_count() -> None:
    assert character_keys("Room 12").tolist() == character_keys("rOOM 98").tolist()
    assert character_keys("Room 12").tolist() != character_keys("Room ab").tolist()
    assert len(character_keys("")) == 0
    assert character_keys("\U0010ffff \x00~").max() < KINDS**3


def test_a_run_of_characters_seen_in_training_surprises_less_than_one_that_was_not() -> None:
    counts = np.zeros(KINDS**3, np.float32)
    counts[character_keys("the cat sat on the mat")] += 100
    familiarity = Familiarity(counts, np.eye(len(FEATURE_NAMES)), LIMITS)
    assert familiarity.surprise("the cat sat") < familiarity.surprise("xq zjv kwp")


def test_a_short_text_is_held_to_be_ordinary_until_more_is_known() -> None:
    familiarity = Familiarity(np.zeros(KINDS**3, np.float32), np.eye(len(FEATURE_NAMES)), LIMITS)
    assert familiarity.surprise("") == LIMITS.mean_surprise
    assert LIMITS.mean_surprise < familiarity.surprise("qx") < familiarity.surprise("qx" * 40)


@pytest.mark.parametrize("file", [CHARACTERS_FILE, SHAPE_FILE])
def test_damaged_arrays_are_refused_by_name(file: str, tmp_path: Path) -> None:
    counts = np.zeros(KINDS**3, np.float32)
    Familiarity(counts, np.eye(len(FEATURE_NAMES)), LIMITS).save(tmp_path)
    np.save(tmp_path / file, np.full(3, -1.0, np.float32) if file == CHARACTERS_FILE else np.eye(3))
    with pytest.raises(ArtifactError, match=file):
        Familiarity.load(tmp_path, LIMITS)


def test_limits_of_zero_are_refused() -> None:
    nothing = msgspec.structs.replace(LIMITS, shape=0.0)
    with pytest.raises(ArtifactError, match="limits must be positive"):
        Familiarity(np.zeros(KINDS**3, np.float32), np.eye(len(FEATURE_NAMES)), nothing)
