"""The ledger and other processes: killed ones, competing ones, starved ones."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.ledger import Ledger
from tests.ledger.support import a_row, start_child


def ids(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [request_id for (request_id,) in connection.execute("SELECT request_id FROM requests")]


def record_until_killed(path: Path, *, kill_after: int) -> list[str]:
    """Kill a recording process once it has acknowledged ``kill_after`` rows, and return all that it acknowledged."""
    with start_child(path, "forever") as child:
        assert child.stdout is not None
        acknowledged = [child.stdout.readline().strip() for _ in range(kill_after)]
        child.send_signal(signal.SIGKILL)
        # What it had said before it died counts too; a last line without its end was not finished.
        rest = child.stdout.read()
    assert child.returncode == -signal.SIGKILL
    return acknowledged + rest[: rest.rfind("\n") + 1].split()


@pytest.mark.soak
async def test_kill_9_in_the_middle_of_writing_loses_no_acknowledged_row(tmp_path: Path, full: bool) -> None:
    path = tmp_path / "ledger.sqlite3"
    chance = random.Random(9)
    kills = [1, 40, 700] + [chance.randrange(1, 3000) for _ in range(60 if full else 0)]
    acknowledged: set[str] = set()
    for kill_after in kills:
        said = record_until_killed(path, kill_after=kill_after)
        assert len(said) >= kill_after
        acknowledged.update(said)

        ledger = Ledger.open(path)
        stats = await ledger.stats()
        await ledger.aclose()
        kept = ids(path)
        assert acknowledged <= set(kept)
        assert stats.requests == len(kept), "the totals must agree with the rows after a crash"


async def test_processes_that_start_together_on_a_new_file_all_get_their_rows_in(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    children = [start_child(path, "hundred") for _ in range(3)]
    for child in children:
        with child:
            child.wait(timeout=60)
    assert [child.returncode for child in children] == [0, 0, 0]
    assert len(ids(path)) == 300
    ledger = Ledger.open(path)
    stats = await ledger.stats()
    await ledger.aclose()
    assert (stats.requests, stats.completion_tokens) == (300, 300 * 34)


async def test_two_ledgers_on_one_file_keep_one_row_per_request_and_see_each_other(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    one, two = Ledger.open(path), Ledger.open(path)
    await asyncio.gather(*(ledger.record(a_row(f"req-{n}")) for n in range(300) for ledger in (one, two)))
    assert (await one.stats()).requests == 300
    assert await one.stats() == await two.stats()
    await one.aclose()
    await two.aclose()
    assert len(ids(path)) == 300


async def test_a_full_disk_refuses_rows_with_the_remedy_and_the_ledger_recovers(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with start_child(path, "small-disk") as child:
        said = child.communicate(timeout=60)[0].splitlines()
    assert child.returncode == 0
    refusals = [line for line in said if line.startswith("refused")]
    assert len(refusals) == 1
    assert "check free space" in refusals[0] or "the disk is full" in refusals[0]
    acknowledged = [line for line in said if not line.startswith("refused")]
    assert len(acknowledged) > 10
    assert acknowledged[-1] == "req-after"
    assert sorted(ids(path)) == sorted(acknowledged)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    # pytest's own folders shut other users out before they reach the ledger.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


async def test_a_read_only_ledger_is_refused_with_the_remedy(open_folder: Path) -> None:
    path = open_folder / "ledger.sqlite3"
    ledger = Ledger.open(path)
    await ledger.record(a_row())
    await ledger.aclose()
    await asyncio.to_thread(path.chmod, 0o444)
    await asyncio.to_thread(open_folder.chmod, 0o555)
    with start_child(path, "stranger") as child:
        said = child.communicate(timeout=60)[0]
    assert child.returncode == 0
    assert said.startswith(f"refused: ledger {path}: ")
    assert "this user can write to" in said
