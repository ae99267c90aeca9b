from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.scoring.features import FEATURE_NAMES
from router.scoring.scorer import Scorer
from tests.scoring.kernel_parts import DIM, GOLDEN, make_artifact, make_chain

TEXTS = [*GOLDEN, "", "a" * 1_000_000, "漢字" * 5000, "hi " * 2000, "\n" * 300_000, "1" * 9000, "a\ud800b"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_artifact(tmp_path_factory.mktemp("artifact"))


@pytest.fixture(scope="module")
def scorer(folder: Path) -> Scorer:
    return Scorer.load(folder)


def test_the_version_names_the_artifact(scorer: Scorer) -> None:
    assert scorer.version == "tiny/3"
    assert scorer.curve.threshold_for_quality(0.7) == pytest.approx(0.4)


def test_a_score_carries_win_rate_embedding_and_tokens(scorer: Scorer) -> None:
    score = scorer.score("Write Python code")
    assert 0.0 < score.win_rate < 1.0
    assert score.win_rate == pytest.approx(1 / (1 + np.exp(-(0.8 * score.score - 0.1))))
    assert np.array_equal(score.embedding, scorer.encode("Write Python code"))
    assert score.embedding.shape == (DIM,)
    assert score.tokens == 3


def test_single_and_batch_give_the_same_bits(scorer: Scorer) -> None:
    scores, win_rates = scorer.score_batch(TEXTS)
    single = [scorer.score(text) for text in TEXTS]
    assert scores.tolist() == [score.score for score in single]
    assert win_rates.tolist() == [score.win_rate for score in single]


def test_a_score_does_not_depend_on_the_rest_of_the_batch(scorer: Scorer) -> None:
    forwards, _ = scorer.score_batch(TEXTS)
    backwards, _ = scorer.score_batch(TEXTS[::-1])
    assert forwards.tolist() == backwards[::-1].tolist()


def test_a_batch_larger_than_any_block_scores_every_text(scorer: Scorer) -> None:
    texts = [f"prove that {number} is irrational" for number in range(700)]
    scores, _ = scorer.score_batch(texts)
    assert scores[[0, 255, 256, 511, 512, 699]].tolist() == [
        scorer.score(texts[place]).score for place in (0, 255, 256, 511, 512, 699)
    ]


def test_an_empty_batch_gives_empty_arrays(scorer: Scorer) -> None:
    scores, win_rates = scorer.score_batch([])
    assert scores.shape == win_rates.shape == (0,)


def test_two_loads_of_one_artifact_agree(folder: Path, scorer: Scorer) -> None:
    again = Scorer.load(folder, verify=False)
    assert again.score_batch(TEXTS)[0].tolist() == scorer.score_batch(TEXTS)[0].tolist()


def test_an_explanation_names_the_strongest_parts_first(scorer: Scorer) -> None:
    parts = scorer.explain(GOLDEN[1], top=4)
    assert len(parts) == 4
    assert set(parts) <= {"topic"} | {name.partition(".")[0] for name in FEATURE_NAMES}
    sizes = [abs(value) for value in parts.values()]
    assert sizes == sorted(sizes, reverse=True)


def test_an_explanation_adds_up_for_a_linear_classifier(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    linear = chain.blend.heads[0].head
    row = chain.scaler.apply(chain.inputs.raw([GOLDEN[2]]))
    assert linear.contributions(row[0]).sum() + linear.bias == pytest.approx(linear.predict(row)[0], abs=1e-9)


@settings(max_examples=60)
@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_any_text_gets_a_win_rate(scorer: Scorer, text: str) -> None:
    score = scorer.score(text)
    assert 0.0 < score.win_rate < 1.0
    assert np.isfinite(score.score)
