"""PostgreSQL that goes away in the middle of writing: whatever was acknowledged is in the ledger once it is back."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio

from router.configured.secret import Secret
from router.database.postgres import PostgresDatabase
from router.errors import LedgerError
from router.ledger import Ledger
from router.ledger.prompts import EncryptedPrompts, Exchange, new_key, read_key, read_prompt
from router.ledger.spool import Spool, SpoolingStore
from router.ledger.store import Entry
from router.types import ChatRequest, Message
from tests.ledger.support import MORNING, a_row, start_child
from tests.services.postgres_server import PostgresServer, a_postgres


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    """A PostgreSQL that these tests may stop; each starts it again."""
    async with a_postgres(tmp_path_factory.mktemp("postgres"), durable=True) as server:
        yield server


@pytest.fixture
async def url(server: PostgresServer) -> str:
    if not server.running:
        await server.start()
    return await server.new_database()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "ledger-spool.sqlite3"


def on(url: str, spool: Path, **options: object) -> Ledger:
    database = PostgresDatabase(Secret(url), write_timeout_s=1)
    return Ledger.on(database, spool=spool, **options)  # type: ignore[arg-type]


async def requests(url: str) -> tuple[int, int, int]:
    """How many rows there are, of how many requests, and how many were counted."""
    database = PostgresDatabase(Secret(url))
    try:
        with database.reading() as connection:
            rows, ids = connection.execute("SELECT count(*), count(DISTINCT request_id) FROM requests").fetchone() or (
                0,
                0,
            )
            counted = connection.execute("SELECT coalesce(sum(requests), 0) FROM quarters").fetchone()
    finally:
        database.close()
    return rows, ids, int(counted[0] if counted else 0)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not come about in half a minute")


async def until_all_are_there(url: str, number: int) -> None:
    for _ in range(300):
        if (found := await requests(url)) == (number, number, number):
            return
        await asyncio.sleep(0.1)
    assert found == (number, number, number)


async def test_every_row_is_in_the_ledger_once_whatever_became_of_postgres_meanwhile(
    server: PostgresServer, url: str, spool: Path
) -> None:
    ledgers = [on(url, spool.with_name(f"{number}.sqlite3")) for number in range(2)]
    acknowledged: list[str] = []
    stopped = asyncio.Event()

    async def record_on(ledger: Ledger, numbers: itertools.count[int], name: str) -> None:
        while not stopped.is_set():
            request_id = f"{name}-{next(numbers)}"
            await ledger.record(a_row(request_id))
            acknowledged.append(request_id)

    async def have(more: int) -> None:
        enough = len(acknowledged) + more
        await until(lambda: len(acknowledged) >= enough)

    counts = [itertools.count() for _ in ledgers]
    tasks = [
        asyncio.create_task(record_on(ledger, count, str(index)))
        for index, (ledger, count) in enumerate(zip(ledgers, counts, strict=True))
        for _ in range(8)
    ]
    await have(300)
    await server.kill()
    await have(300)
    await server.start()
    await have(300)
    await server.stop()
    await have(50)
    await server.start()
    await have(100)
    stopped.set()
    await asyncio.gather(*tasks)
    await until_all_are_there(url, len(acknowledged))
    stats = await ledgers[0].stats()
    assert stats.requests == len(acknowledged)
    for ledger in ledgers:
        await ledger.aclose()


async def test_kill_9_takes_nothing_back_that_waited_for_postgres(
    server: PostgresServer, url: str, spool: Path
) -> None:
    environment = {**os.environ, "UNDERDOG_DATABASE_URL": url}
    with start_child(spool, "spooled", environment=environment) as child:
        assert child.stdout is not None
        said = [await asyncio.to_thread(_line, child) for _ in range(50)]
        await server.stop()
        said += [await asyncio.to_thread(_line, child) for _ in range(200)]
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read()
    said += rest[: rest.rfind("\n") + 1].split()
    await server.start()
    ledger = on(url, spool)
    for _ in range(300):
        if set(said) <= {row.request_id for row in await ledger.recent(100_000)}:
            break
        await asyncio.sleep(0.1)
    kept = [row.request_id for row in await ledger.recent(100_000)]
    assert set(said) <= set(kept)
    assert (await ledger.stats()).requests == len(kept) == len(set(kept))
    await ledger.aclose()


def _line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


async def test_a_postgres_that_is_frozen_holds_nobody_up_for_long(
    server: PostgresServer, url: str, spool: Path
) -> None:
    ledger = on(url, spool)
    await ledger.record(a_row("before"))
    server.freeze()
    await asyncio.wait_for(ledger.record(a_row("first")), 20)
    await asyncio.wait_for(asyncio.gather(*(ledger.record(a_row(f"then-{n}")) for n in range(50))), 5)
    server.thaw()
    await until_all_are_there(url, 52)
    await ledger.aclose()


async def test_what_waits_is_written_as_it_would_have_been(server: PostgresServer, url: str, spool: Path) -> None:
    key = read_key(Secret(new_key()))
    ledger = on(url, spool, prompts=EncryptedPrompts(key))
    await server.stop()
    row = a_row("late", cache_verdict=float("inf"), model="a\0b")
    said = Exchange(ChatRequest(messages=[Message(role="user", content="the secret plan")]), "the secret answer")
    await ledger.submit(row, said)
    with pytest.raises(LedgerError, match="cannot be stored"):
        await ledger.record(a_row("never", prompt_tokens=-1))
    assert b"secret" not in b"".join(each.read_bytes() for each in spool.parent.glob(f"{spool.name}*"))
    await server.start()
    await until_all_are_there(url, 1)
    (kept,) = await ledger.recent()
    assert (kept.cache_verdict, kept.model) == (float("inf"), "a\ufffdb")
    assert read_prompt(ledger.database, "late", [key])["answer"] == "the secret answer"
    await ledger.aclose()
    with contextlib.closing(sqlite3.connect(spool)) as file:
        assert file.execute("SELECT count(*) FROM waiting").fetchone() == (0,)


async def test_a_waiting_row_that_cannot_be_read_holds_no_other_up(
    server: PostgresServer, url: str, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = on(url, spool)
    await server.stop()
    await ledger.record(a_row("before"))
    with contextlib.closing(sqlite3.connect(spool)) as file, file:
        file.execute("UPDATE waiting SET entry = x'93010203'")
    await ledger.record(a_row("behind"))
    await server.start()
    await until_all_are_there(url, 1)
    assert [row.request_id for row in await ledger.recent()] == ["behind"]
    await ledger.record(a_row("later"))
    await ledger.aclose()
    with contextlib.closing(sqlite3.connect(spool)) as file:
        assert file.execute("SELECT count(*), sum(refused) FROM waiting").fetchone() == (1, 1)
    assert "cannot be read" in caplog.text


async def test_what_waits_is_spent_already(url: str, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SpoolingStore, "_emptied", lambda _: False)
    ledger = on(url, spool)
    await ledger.record(a_row("written", key_id="ada", cost_usd=Decimal("1.00")))
    yesterday = a_row("late", key_id="ada", cost_usd=Decimal("9.00"), at=MORNING - timedelta(days=1))
    waiting = [
        a_row("one", key_id="ada", team="t", cost_usd=Decimal("0.25")),
        a_row("two", key_id="bob", team="t", cost_usd=Decimal("0.50")),
        a_row("free", key_id="ada", cost_usd=None),
        yesterday,
    ]
    Spool(spool).keep([Entry(row) for row in waiting])
    expected = {("key", "ada"): "1.25", ("key", "bob"): "0.50", ("team", "t"): "0.75", ("server", "server"): "1.75"}
    for (kind, id_), usd in expected.items():
        assert await ledger.spent(kind, id_, MORNING - timedelta(hours=1)) == Decimal(usd)  # type: ignore[arg-type]
    await ledger.aclose()


async def test_rows_that_wait_are_told_of_and_nobody_is_told_a_sum_without_them(
    server: PostgresServer,
    url: str,
    spool: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("router.ledger.spool.REMIND_S", 0.0)
    since = a_row("any").at
    ledger = on(url, spool)
    await server.stop()
    for number in range(3):
        await ledger.record(a_row(f"waits-{number}", cost_usd=Decimal("0.25")))
    assert ledger.waiting == 3
    await ledger.aclose()
    # A server that starts anew before all of it is written does not take it for unspent.
    await server.start()
    again = on(url, spool)
    for _ in range(300):
        with contextlib.suppress(LedgerError):
            assert await again.spent("server", "", since) == Decimal("0.75")
            break
        await asyncio.sleep(0.02)
    else:
        pytest.fail("the sum was never told")
    await until(lambda: again.waiting == 0)  # the database has them a moment before they are forgotten here
    await again.aclose()
    assert "rows still wait" in caplog.text


@pytest.mark.parametrize("when", ["before the start", "while rows wait"])
async def test_a_file_that_is_damaged_is_moved_aside_and_loses_no_later_row(
    server: PostgresServer, url: str, spool: Path, caplog: pytest.LogCaptureFixture, when: str
) -> None:
    if when == "before the start":
        spool.write_bytes(b"no database at all" * 500)
    ledger = on(url, spool)
    await server.stop()
    if when == "while rows wait":
        await ledger.record(a_row("lost"))
        with contextlib.closing(sqlite3.connect(spool)) as file:
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        spool.write_bytes(spool.read_bytes()[:2048] + b"\xff" * 6000)
    await ledger.record(a_row("kept"))
    await server.start()
    await until_all_are_there(url, 1)
    await ledger.aclose()
    assert len([path for path in spool.parent.iterdir() if ".damaged-" in path.name and path.name[-1].isdigit()]) == 1
    assert "is damaged and was moved to" in caplog.text


async def test_rows_fail_where_neither_postgres_nor_the_file_takes_them(
    server: PostgresServer, url: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    ledger = on(url, tmp_path / "file" / "spool.sqlite3")
    await server.stop()
    with pytest.raises(LedgerError, match="rows cannot wait either"):
        await ledger.record(a_row("lost"))
    await server.start()
    for _ in range(100):
        with contextlib.suppress(LedgerError):
            await ledger.record(a_row("kept"))
            break
        await asyncio.sleep(0.1)
    assert [row.request_id for row in await ledger.recent()] == ["kept"]
    await ledger.aclose()
