"""Why a request went where it went, or why nobody can say."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from router.artifacts.in_use import InUse
from router.http.console.reasons import explained
from router.http.console.timeline import timeline
from router.recent import Recent, Settled, Sight
from router.scoring.scorer import Scorer
from router.settings import Settings
from tests.ledger.support import a_row
from tests.live import HARD


@pytest.fixture(scope="module")
def in_use() -> InUse:
    return InUse.of(Scorer.load(verify=False), Settings())


def sight_of(in_use: InUse, **changes: Any) -> Sight:
    score = in_use.scorer.score(HARD)
    sight = Sight(
        input=score.row, dim=len(score.embedding), score=score.score, artifact=in_use.digest, encoder="encoder"
    )
    return msgspec.structs.replace(sight, **changes)


def test_the_parts_add_up_from_the_strongest_to_the_weakest(in_use: InUse) -> None:
    settled = Settled(a_row(), sight_of(in_use), [])
    told = explained(settled.row, settled, Recent(), in_use)
    assert told.reasons is not None
    assert told.reasons.contributions == in_use.scorer.explain(HARD, top=99)
    sizes = [abs(value) for value in told.reasons.contributions.values()]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"reason": "pinned"}, "named the model"),
        ({"cache": "exact"}, "before anything was scored."),
        ({"reason": None, "win_rate": None, "outcome": "error"}, "before it was scored"),
    ],
)
def test_what_was_not_weighed_has_no_reasons(in_use: InUse, row: dict[str, Any], said: str) -> None:
    settled = Settled(a_row(**row), None, [])
    told = explained(settled.row, settled, Recent(), in_use)
    assert told.reasons is None
    assert told.why_no_reasons is not None
    assert said in told.why_no_reasons


def test_numbers_that_another_artifact_saw_are_not_read_by_this_one(in_use: InUse) -> None:
    settled = Settled(a_row(artifact="before/7"), sight_of(in_use, artifact="other"), [])
    told = explained(settled.row, settled, Recent(), in_use)
    assert told.reasons is None
    assert told.why_no_reasons is not None
    assert "before/7" in told.why_no_reasons


def test_what_is_not_in_memory_any_more_says_so(in_use: InUse) -> None:
    told = explained(a_row(), None, Recent(), in_use)
    assert told.why_no_reasons is not None
    assert "memory" in told.why_no_reasons


def test_a_reworded_question_has_reasons_and_the_request_whose_answer_it_was_given(in_use: InUse) -> None:
    recent = Recent()
    recent.add(Settled(a_row("first", cache_key="aa"), None, []))
    settled = Settled(a_row("again", cache="semantic", cache_key="bb", cache_entry="aa"), sight_of(in_use), [])
    recent.add(settled)
    told = explained(settled.row, settled, recent, in_use)
    assert told.reasons is not None
    assert told.answered_first == "first"


def test_each_step_is_told_as_it_was_measured_or_since_the_one_before() -> None:
    row = a_row(decision_us=400.0, verify_us=50.0, first_token_ms=9.0, latency_ms=12.5)
    steps = [("admitted", 1.0), ("decided", 2.0), ("cache", 2.5), ("asked", 3.0), ("asked", 5.0), ("first-token", 9.0)]
    told = timeline(row, Settled(row, None, steps))  # type: ignore[arg-type]
    assert [(each.step, each.at_ms, each.took_ms) for each in told] == [
        ("arrived", 0.0, 0.0),
        ("let in", 1.0, 1.0),
        ("decided", 2.0, 0.4),
        ("looked in the cache", 2.5, 0.05),
        ("asked the model", 3.0, 0.5),
        ("asked the model", 5.0, 2.0),
        ("first token", 9.0, 4.0),
        ("end", 12.5, 3.5),
    ]
    assert [(each.step, each.at_ms, each.took_ms) for each in timeline(row, None)] == [
        ("arrived", 0.0, 0.0),
        ("decided", None, 0.4),
        ("looked in the cache", None, 0.05),
        ("first token", 9.0, None),
        ("end", 12.5, 3.5),
    ]
