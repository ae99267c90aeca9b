"""The artifact in ``models/default``: small, clean, and as good as its card says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from router.scoring.artifact import default_artifact_path
from router.scoring.scorer import Scorer
from tests.training_pipeline.conftest import TrainRouter

MOST_BYTES = 12 * 1024 * 1024
FIRST_BAR = 0.72
NEVER_IN_IT = {"golden/mmlu_pro_of_mmlu", "judged/alpaca_eval"}


@pytest.fixture(scope="module")
def shipped() -> Scorer:
    return Scorer.load()


def test_it_is_small_enough_to_commit() -> None:
    assert sum(path.stat().st_size for path in default_artifact_path().iterdir()) < MOST_BYTES


def test_it_learned_only_from_sources_that_allow_commercial_use(shipped: Scorer) -> None:
    sources = shipped.manifest.training_data
    assert sources
    assert all(source["commercial"] for source in sources)
    assert not NEVER_IN_IT & {source["name"] for source in sources}


@pytest.mark.parametrize(
    ("easier", "harder"),
    [
        ("hi", "Prove that there are infinitely many primes congruent to 3 modulo 4."),
        ("Thanks!", "Write a thread-safe LRU cache in C++ with O(1) operations and explain its invariants."),
        ("What colour is the sky?", "Derive the gradient of softmax cross-entropy and implement it without overflow."),
    ],
)
def test_it_ranks_a_hard_prompt_above_an_easy_one(easier: str, harder: str, shipped: Scorer) -> None:
    assert shipped.score(harder).win_rate > shipped.score(easier).win_rate


def test_its_card_shows_the_figures_of_its_manifest(shipped: Scorer) -> None:
    card = (default_artifact_path() / "MODEL_CARD.md").read_text(encoding="utf-8")
    for report in shipped.manifest.measured["benchmarks"]:
        assert f"**{report['router']['apgr']:.3f}**" in card
        assert f"{report['length']['apgr']:.3f}" in card


def test_its_card_says_where_it_is_weak_and_what_a_win_rate_is_not_meant_for() -> None:
    card = (default_artifact_path() / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "On mmlu and gsm8k this router does worse than the length of the prompt" in card
    assert "from 2023" in card
    assert "`DATA` is the data folder." in card
    assert [line.split("|")[-2].strip() for line in card.splitlines() if line.startswith("| exam |")] == ["not meant"]


@pytest.mark.parametrize("benchmark", ["mt-bench", "mmlu", "gsm8k"])
def test_evaluate_gives_what_the_manifest_says(
    benchmark: str, shipped: Scorer, shared_data: Path, train_router: TrainRouter
) -> None:
    words = ["--benchmark", benchmark, "--data", shared_data / "routellm_evals", "--json"]
    report = json.loads(train_router("evaluate", *words))
    recorded = next(row for row in shipped.manifest.measured["benchmarks"] if row["benchmark"] == benchmark)
    assert report["router"]["apgr"] == pytest.approx(recorded["router"]["apgr"], abs=1e-4)
    if benchmark == "mt-bench":
        assert report["router"]["apgr"] >= FIRST_BAR


@pytest.mark.timeout(300)
def test_one_command_makes_it_again(
    shipped: Scorer, shared_data: Path, tmp_path: Path, train_router: TrainRouter
) -> None:
    again = tmp_path / "again"
    train_router("--data", shared_data, "--evaluate", "--name", shipped.manifest.label, "--out", again, "-q")
    prompts = [row["prompt"] for row in map(json.loads, (again / "golden.jsonl").read_text("utf-8").splitlines())]
    _, win_rates = Scorer.load(again).score_batch(prompts)
    assert win_rates == pytest.approx(shipped.score_batch(prompts)[1], abs=1e-6)
