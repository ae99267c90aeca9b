"""What is wrong with the cache's file is never wrong with the cache."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from router.cache.disk import file, recovery
from router.cache.disk.database import SCHEMA_VERSION
from tests.cache.disk.support import cache_on, keep, sql, told, until

ASKED = "How do I reverse a list in Python?"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.sqlite3"


def set_aside(path: Path) -> list[Path]:
    return sorted(each for each in path.parent.glob(f"{path.name}.*-*") if not each.name.endswith(("-wal", "-shm")))


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database at all" * 1000)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def holed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[60_000:-60_000] = bytes(len(content) - 120_000)
    path.write_bytes(content)


def newer(path: Path) -> None:
    sql(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


def headless(path: Path) -> None:
    sql(path, "DELETE FROM header")


@pytest.mark.parametrize("damage", [garbage, truncated, holed, newer, headless])
def test_a_damaged_file_is_set_aside_with_one_warning_and_a_new_one_begins(
    path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    with cache_on(path) as cache:
        for number in range(60):
            keep(cache, f"question {number}", "x" * 3000)
    damage(path)
    with cache_on(path) as cache:
        assert keep(cache, ASKED)
        until(lambda: cache.stats().file.state == "ready" and len(set_aside(path)) == 1)
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert f"It lies in {set_aside(path)[0]} now, and a new one begins" in warnings[0]
    with cache_on(path) as cache:
        assert told(cache, ASKED) == ("exact", "kept")
        assert cache.stats().errors == 0


def test_a_flipped_bit_is_never_served(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with cache_on(path) as cache:
        keep(cache, "question 1", "the right answer")
        keep(cache, "question 2", "the other answer")
    content = path.read_bytes()
    assert content.count(b"the right answer") == 1
    path.write_bytes(content.replace(b"the right answer", b"the rjght answer"))
    with cache_on(path) as cache:
        assert told(cache, "question 1") is None
        assert told(cache, "question 2") == ("exact", "the other answer")
        assert cache.stats().file.unreadable == 1
    assert "1 of its entries were damaged and are left out" in caplog.text
    assert sql(path, "SELECT count(*) FROM entries") == [(1,)]


def test_another_programs_database_is_left_alone(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sql(path, "CREATE TABLE theirs (a)")
    path.chmod(0o644)
    before = path.read_bytes()
    with cache_on(path) as cache:
        assert keep(cache, ASKED)
        assert told(cache, ASKED) == ("exact", "kept")
        assert cache.stats().file.state == "unavailable"
        assert cache.stats().file.queue == 0
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (before, 0o644)
    assert "choose another `cache_path`" in caplog.text


def test_a_locked_file_is_waited_for_in_the_background(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(file, "BUSY_TIMEOUT_S", 0.1)
    monkeypatch.setattr(recovery, "RETRY_S", 0.1)
    with cache_on(path) as cache:
        keep(cache, "question 1")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with cache_on(path) as cache:
            assert cache.stats().file.state == "unavailable"
            assert keep(cache, "question 2")
            assert told(cache, "question 2") == ("exact", "kept")
            other.execute("ROLLBACK")
            until(lambda: cache.stats().file.persisted == 2)
            assert told(cache, "question 1") == ("exact", "kept")
    assert caplog.text.count("cannot be used") == 1
    assert caplog.text.count("can be used again") == 1
    assert set_aside(path) == []


def test_a_file_that_cannot_be_made_costs_nothing_but_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "occupied").write_text("a file where a folder should be")
    with cache_on(tmp_path / "occupied" / "cache.sqlite3") as cache:
        assert keep(cache, ASKED)
        assert told(cache, ASKED) == ("exact", "kept")
        assert cache.stats().file.state == "unavailable"
    assert caplog.text.count("answers are kept in memory until it can") == 1
