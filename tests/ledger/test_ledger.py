"""The ledger on a real file, in this process."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from router.database.sqlite import connect_writer
from router.errors import LedgerError
from router.ledger import Ledger, reports, rollup
from router.types import LedgerRow
from tests.ledger.support import MORNING, a_row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "ledger.sqlite3"


@pytest.fixture
async def ledger(path: Path) -> AsyncIterator[Ledger]:
    ledger = Ledger.open(path, busy_timeout_s=0.2)
    yield ledger
    await ledger.aclose()


def count(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM requests").fetchone()[0])


def overwrite_all_but_the_first_page(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)


async def test_every_field_of_a_row_comes_back_as_it_was(ledger: Ledger) -> None:
    row = LedgerRow(
        request_id="req-full",
        at=datetime(2026, 3, 29, 1, 59, 59, 999999, tzinfo=UTC),
        tenant="acme",
        key_id="key-7",
        team="search",
        user_id="ada",
        provider="openai",
        deployment="strong-eu",
        attempts=2,
        rule="long ones",
        cached_tokens=3,
        cache_written_tokens=2,
        reasoning_tokens=1,
        endpoint="/v1/chat/completions",
        requested_model="auto:cheap",
        route="strong",
        model="gpt-5",
        reason="win-rate",
        win_rate=0.123456789012345,
        threshold=0.1,
        artifact="default/3",
        cache="semantic",
        cache_similarity=0.987,
        stream=True,
        status=502,
        outcome="error",
        error_code="upstream_broken",
        finish_reason="length",
        prompt_tokens=1,
        completion_tokens=2,
        tokens_estimated=True,
        cost_usd=Decimal("0.000000000000000000000123"),
        baseline_cost_usd=Decimal("12345678901234567890.5"),
        uncertain_usd=Decimal("0.25"),
        latency_ms=0.1,
        first_token_ms=0.05,
        decision_us=321.5,
        verify_us=7.5,
        embedded_ms=3.25,
        scored_tokens=11,
        unfamiliarity=1.25,
        cache_key="aa",
        cache_entry="bb",
        cache_verdict=2.5,
        cache_verifier="verifier/1@0123",
    )
    assert None not in msgspec.structs.astuple(row), "give every field a value, so that none goes untested"
    await ledger.record(row)
    assert await ledger.recent() == [row]


async def test_absent_fields_come_back_as_none(ledger: Ledger) -> None:
    row = LedgerRow(request_id="req-bare", at=MORNING, tenant="acme")
    await ledger.record(row)
    assert await ledger.recent() == [row]


async def test_a_time_in_another_zone_is_kept_as_the_same_moment(ledger: Ledger) -> None:
    tokyo = MORNING.astimezone(timezone(timedelta(hours=9)))
    await ledger.record(a_row(at=tokyo))
    kept = (await ledger.recent())[0].at
    assert kept == tokyo
    assert kept.utcoffset() == timedelta(0)


async def test_a_recorded_row_is_visible_to_other_connections_at_once(ledger: Ledger, path: Path) -> None:
    await ledger.record(a_row())
    assert count(path) == 1


async def test_a_second_row_of_the_same_request_is_ignored_and_said_so(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    await ledger.record(a_row("req-1", completion_tokens=34))
    await ledger.record(a_row("req-1", completion_tokens=99))
    assert [row.completion_tokens for row in await ledger.recent()] == [34]
    stats = await ledger.stats()
    assert (stats.requests, stats.completion_tokens) == (1, 34)
    assert "req-1" in caplog.text


async def test_one_request_recorded_by_many_tasks_at_once_is_counted_once(ledger: Ledger, path: Path) -> None:
    await asyncio.gather(*(ledger.record(a_row("same")) for _ in range(200)))
    assert count(path) == 1
    assert (await ledger.stats()).requests == 1


async def test_a_crowd_of_rows_is_written_each_once(ledger: Ledger, path: Path) -> None:
    await asyncio.gather(*(ledger.record(a_row(f"req-{number}")) for number in range(2000)))
    assert count(path) == 2000
    assert (await ledger.stats()).requests == 2000


async def test_rows_from_two_event_loops_are_all_acknowledged(ledger: Ledger, path: Path) -> None:
    async def record_some(name: str) -> None:
        await asyncio.gather(*(ledger.record(a_row(f"{name}-{number}")) for number in range(100)))

    other = asyncio.to_thread(asyncio.run, record_some("other"))
    await asyncio.gather(other, record_some("this"))
    assert count(path) == 200


async def test_closing_writes_what_waits(path: Path) -> None:
    ledger = Ledger.open(path)
    waiting = [asyncio.ensure_future(ledger.record(a_row(f"req-{number}"))) for number in range(500)]
    await asyncio.sleep(0)  # each task hands its row in
    await ledger.aclose()
    await asyncio.gather(*waiting)
    assert count(path) == 500


async def test_closing_twice_is_harmless_and_leaves_a_single_file(path: Path) -> None:
    ledger = Ledger.open(path)
    await ledger.record(a_row())
    await asyncio.gather(ledger.aclose(), ledger.aclose())
    await ledger.aclose()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


async def test_a_closed_ledger_refuses_rows(path: Path) -> None:
    ledger = Ledger.open(path)
    await ledger.aclose()
    with pytest.raises(LedgerError, match="closed"):
        await ledger.record(a_row())


async def test_a_caller_that_leaves_does_not_take_its_row_back(ledger: Ledger, path: Path) -> None:
    task = asyncio.ensure_future(ledger.record(a_row("left")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ledger.record(a_row("stayed"))
    assert {row.request_id for row in await ledger.recent()} == {"left", "stayed"}


@pytest.mark.parametrize(
    "bad",
    [
        a_row("bad", at=datetime(2026, 1, 1)),  # noqa: DTZ001 - a naive time is what is refused
        a_row("bad", cost_usd=Decimal("NaN")),
        a_row("bad", prompt_tokens=-1),
        a_row("bad", completion_tokens=2**80),
        a_row("bad", requested_model="\ud800"),
        a_row("bad", tenant=None),
    ],
    ids=["naive time", "cost that is no number", "negative tokens", "absurd tokens", "lone surrogate", "no tenant"],
)
async def test_a_row_that_cannot_be_stored_fails_alone(ledger: Ledger, bad: LedgerRow) -> None:
    results = await asyncio.gather(
        ledger.record(a_row("before")), ledger.record(bad), ledger.record(a_row("after")), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None), LedgerError, type(None)]
    assert "'bad'" in str(results[1])
    assert {row.request_id for row in await ledger.recent()} == {"before", "after"}
    assert (await ledger.stats()).requests == 2


async def test_a_locked_file_fails_the_row_with_the_remedy_and_the_ledger_recovers(ledger: Ledger, path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match=r"ledger\.sqlite3: another process keeps it locked; stop"):
            await ledger.record(a_row("req-1"))
        other.execute("ROLLBACK")
    await ledger.record(a_row("req-1"))
    assert (await ledger.stats()).requests == 1


async def test_a_long_reader_does_not_block_the_writer(ledger: Ledger, path: Path) -> None:
    await ledger.record(a_row("before"))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM requests").fetchone() == (1,)
        await ledger.record(a_row("meanwhile"))
        assert reader.execute("SELECT count(*) FROM requests").fetchone() == (1,)
    assert count(path) == 2


async def test_readers_and_writers_at_once_see_whole_batches_only(ledger: Ledger) -> None:
    async def read_on() -> None:
        for _ in range(30):
            stats = await ledger.stats()
            assert stats.requests == sum(stats.by_route.values())
            assert stats.completion_tokens == 34 * stats.requests

    writes = (ledger.record(a_row(f"req-{number}")) for number in range(1000))
    await asyncio.gather(read_on(), read_on(), *writes)


async def test_a_table_dropped_under_the_ledger_fails_callers_instead_of_hanging_them(
    ledger: Ledger, path: Path
) -> None:
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("DROP TABLE requests")
    results = await asyncio.gather(*(ledger.record(a_row(f"req-{n}")) for n in range(20)), return_exceptions=True)
    assert {type(result) for result in results} == {LedgerError}
    with pytest.raises(LedgerError, match="no such table"):
        await ledger.recent()


async def test_a_fault_that_nobody_thought_of_fails_its_rows_and_not_the_writer(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(rollup, "count_in", lambda *_: 1 // 0)
        async with asyncio.timeout(10):
            with pytest.raises(LedgerError, match="ZeroDivisionError"):
                await ledger.record(a_row("lost"))
    async with asyncio.timeout(10):
        await ledger.record(a_row("kept"))
    assert [row.request_id for row in await ledger.recent()] == ["kept"]


async def test_who_asks_for_reports_without_end_keeps_nobody_from_what_money_hangs_on(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ledger.record(a_row("one"))
    go_on = threading.Event()
    monkeypatch.setattr(reports, "read_stats", lambda *_: go_on.wait(30))
    asked = [asyncio.create_task(ledger.stats()) for _ in range(100)]
    await asyncio.sleep(0.05)
    try:
        async with asyncio.timeout(20):
            assert await ledger.spent("server", "server", MORNING) >= 0
    finally:
        go_on.set()
    assert await asyncio.gather(*asked) == [True] * 100


async def test_recent_rows_are_newest_first_and_of_the_tenant_alone(ledger: Ledger) -> None:
    for number in range(6):
        await ledger.record(a_row(f"req-{number}", tenant="acme" if number % 2 else "zenith"))
    assert [row.request_id for row in await ledger.recent(2)] == ["req-5", "req-4"]
    assert [row.request_id for row in await ledger.recent(tenant="zenith")] == ["req-4", "req-2", "req-0"]


async def test_the_file_is_readable_by_its_owner_alone(ledger: Ledger, path: Path) -> None:
    await ledger.record(a_row())
    modes = {stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    assert modes == {0o600}


def test_the_folder_made_for_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    connect_writer(home / "ledger.db", busy_timeout_s=1).close()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_opening_a_new_file_waits_for_another_process_that_is_setting_it_up(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")  # before the switch to WAL, where SQLite itself would not wait
        release = threading.Timer(0.1, other.execute, ["ROLLBACK"])
        release.start()
        ledger = Ledger.open(path, busy_timeout_s=30)
        release.join()
    asyncio.run(ledger.aclose())


def test_opening_gives_up_on_a_new_file_that_stays_locked(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="another process keeps it locked"):
            Ledger.open(path, busy_timeout_s=0.1)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    path.write_text("a shopping list, long enough to be taken for a header of a database file, if nobody looks\n" * 50)
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="no SQLite database; move it aside"):
        Ledger.open(path)
    assert path.read_bytes() == before


async def test_a_damaged_file_is_reported_with_the_remedy(path: Path) -> None:
    ledger = Ledger.open(path)
    await asyncio.gather(*(ledger.record(a_row(f"req-{number}")) for number in range(500)))
    await ledger.aclose()
    overwrite_all_but_the_first_page(path)
    with pytest.raises(LedgerError, match="damaged; move it aside"):
        Ledger.open(path)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger.open(tmp_path)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(LedgerError, match="choose a `home`"):
        Ledger.open(tmp_path / "home" / "ledger.sqlite3")
