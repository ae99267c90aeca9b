"""Drift is read from the ledger: generated traffic that has shifted, that has not, and too little of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router.database import migrate
from router.database.sqlite import SqliteDatabase
from router.errors import LedgerError
from router.ledger import Ledger
from router.ledger.drift import Drift, read_drift
from router.ledger.migrations import COMPONENT, MIGRATIONS
from router.scoring.curve import Curve, CurvePoints
from router.scoring.reference import Distribution, Reference
from tests.ledger.support import a_row

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TENTHS = Distribution(edges=[round(0.1 * edge, 1) for edge in range(1, 10)], shares=[0.1] * 10)
REFERENCE = Reference(
    n=20_000,
    win_rate=TENTHS,
    tokens=Distribution(edges=[20.0, 40.0, 60.0, 80.0], shares=[0.2] * 5),
    unfamiliarity=TENTHS,
    unfamiliar_share=0.0,
)
CURVE = Curve(CurvePoints(threshold=[0.25, 0.5, 0.75], strong_share=[0.75, 0.5, 0.25], quality=[0.9, 0.6, 0.3]))


async def record(path: Path, n: int, *, at: datetime, power: float = 1.0, seed: int = 0, **changes: Any) -> None:
    """``n`` requests whose win rates, tokens and unfamiliarity are uniform to some power: 1 is the reference's law."""
    random = np.random.default_rng(seed)
    ledger = Ledger.open(path)
    written = []
    for number in range(n):
        win_rate, length, unfamiliarity = (random.random(3) ** power).tolist()
        fields = {
            "at": at,
            "win_rate": win_rate,
            "threshold": 0.5,
            "route": "strong" if win_rate >= 0.5 else "weak",
            "scored_tokens": int(100 * length),
            "unfamiliarity": unfamiliarity,
            **changes,
        }
        written.append(ledger.submit(a_row(f"req-{at.timestamp()}-{seed}-{number}", **fields)))
    for row in written:
        await row
    await ledger.aclose()


def read(path: Path, **options: Any) -> Drift:
    known = {"artifact": "default/1", "reference": REFERENCE, "curve": CURVE, "days": 7, "until": NOW, "tenant": None}
    return read_drift(SqliteDatabase(path), **{**known, **options})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


async def test_traffic_like_the_reference_and_like_that_before_is_stable(path: Path) -> None:
    await record(path, 600, at=NOW - DAY, seed=1)
    await record(path, 600, at=NOW - 10 * DAY, seed=2)
    found = read(path)
    assert (found.changed, found.differs) == ([], [])
    assert (found.recent_requests, found.earlier_requests) == (600, 600)
    assert {row.against_earlier.verdict for row in found.distributions} == {"stable"}


async def test_traffic_that_changed_is_told_from_traffic_that_always_differed(path: Path) -> None:
    await record(path, 400, at=NOW - DAY, power=3, seed=1)
    await record(path, 400, at=NOW - 10 * DAY, power=3, seed=2)
    always = read(path)
    assert {row.against_artifact.verdict for row in always.distributions} == {"shifted"}
    assert {row.against_earlier.verdict for row in always.distributions} == {"stable"}
    await record(path, 400, at=NOW - DAY, power=0.3, seed=3)
    changed = read(path)
    assert {row.against_earlier.verdict for row in changed.distributions} == {"shifted"}
    assert (always.changed, changed.changed) == ([], ["win rate", "tokens", "unfamiliarity"])


async def test_few_requests_are_not_read_as_anything(path: Path) -> None:
    await record(path, 60, at=NOW - DAY, power=5)
    found = read(path)
    assert (found.changed, found.differs) == ([], [])
    assert {row.against_artifact.verdict for row in found.distributions} == {"not enough requests"}
    assert [row.n for row in found.shares] == [60, 60, 60]


async def test_more_unfamiliar_prompts_than_before_are_told(path: Path) -> None:
    await record(path, 300, at=NOW - 10 * DAY, seed=1)
    await record(path, 300, at=NOW - DAY, unfamiliarity=1.5, route="strong", reason="unfamiliar")
    found = read(path)
    from_prompts, from_earlier, _ = found.shares
    assert "unfamiliar share" in found.changed
    assert (from_prompts.share, from_prompts.verdict) == (1.0, "shifted")
    assert (from_earlier.expected, from_earlier.verdict) == (0.0, "shifted")


async def test_a_single_earlier_request_is_no_share_to_compare_with(path: Path) -> None:
    await record(path, 1, at=NOW - 10 * DAY, unfamiliarity=1.5)
    await record(path, 300, at=NOW - DAY, seed=1)
    found = read(path)
    _, from_earlier, _ = found.shares
    assert found.changed == []
    assert (from_earlier.expected, from_earlier.expected_n, from_earlier.verdict) == (1.0, 1, "not enough requests")


async def test_the_strong_share_is_held_against_what_the_curve_expects_of_the_thresholds(path: Path) -> None:
    await record(path, 300, at=NOW - DAY)
    kept = read(path).shares[-1]
    assert (kept.expected, kept.expected_from, kept.verdict) == (0.5, "the artifact's curve", "stable")
    await record(path, 300, at=NOW - DAY, seed=1, threshold=0.75, route="strong")
    broken = read(path).shares[-1]
    assert broken.expected == pytest.approx(0.375)
    assert broken.verdict == "shifted"


async def test_the_curve_expects_nothing_of_pinned_requests(path: Path) -> None:
    await record(path, 300, at=NOW - DAY, reason="pinned", route="strong")
    assert read(path).shares[-1].n == 0


async def test_the_curve_expects_nothing_of_an_answer_from_the_semantic_cache(path: Path) -> None:
    await record(path, 300, at=NOW - DAY)
    await record(path, 300, at=NOW - DAY, seed=1, cache="semantic", route="strong")
    found = read(path)
    assert (found.recent_requests, found.shares[-1].n, found.shares[-1].verdict) == (600, 300, "stable")


async def test_only_requests_that_this_artifact_scored_of_this_tenant_count(path: Path) -> None:
    await record(path, 3, at=NOW - DAY, seed=1)
    await record(path, 5, at=NOW - DAY, seed=2, tenant="zenith")
    await record(path, 7, at=NOW - DAY, seed=3, artifact="other/1")
    await record(path, 9, at=NOW - DAY, seed=4, scored_tokens=None)
    await record(path, 11, at=NOW + DAY, seed=5)
    assert read(path).recent_requests == 8
    assert read(path, tenant="zenith").recent_requests == 5


async def test_it_reads_while_a_server_writes(path: Path) -> None:
    ledger = Ledger.open(path)
    await ledger.record(a_row(at=NOW - DAY, scored_tokens=5, unfamiliarity=0.5))
    assert read(path).recent_requests == 1
    await ledger.aclose()


def test_a_ledger_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"nowhere\.sqlite3: there is none"):
        read(tmp_path / "nowhere.sqlite3")


def test_a_ledger_of_an_older_schema_says_how_it_is_updated(path: Path) -> None:
    database = SqliteDatabase(path)
    migrate(database, COMPONENT, MIGRATIONS[:1])
    database.close()
    with pytest.raises(LedgerError, match="start the server once"):
        read(path)
