"""What expected quality is worth on labels that the artifact never saw, as docs/replay.md says."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.scoring.scorer import Scorer
from tests.bench.expected_quality import compared, line, on_its_votes


@pytest.mark.parametrize("labels", ["AlpacaEval", "MT-Bench", "GSM8K"])
def test_the_documentation_says_how_far_it_is_off(shared_data: Path, repository: Path, labels: str) -> None:
    """Not MMLU, which takes long: ``python -m tests.bench.expected_quality``."""
    page = (repository / "docs" / "replay.md").read_text(encoding="utf-8")
    for row in compared(labels, shared_data, Scorer.load()):
        assert line(row) in page


def test_the_documentation_says_how_it_does_on_the_votes_that_win_rates_are_calibrated_on(repository: Path) -> None:
    page = " ".join((repository / "docs" / "replay.md").read_text(encoding="utf-8").split())
    (cheap, low), (balanced, middle), (best, high) = on_its_votes(Scorer.load()).values()
    assert f"it is {cheap:.2f}, {balanced:.2f} and {best:.2f}, against {low:.2f} [" in page
    assert f"{middle:.2f} [" in page
    assert f"{high:.2f} [" in page
