"""The cache's file: what comes back after a restart, and what takes its leave for good."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import time
from pathlib import Path

import pytest

from router.cache import CacheFile, NoFile, Selection, SemanticCache, elapsed_s
from router.cache.disk import file as module
from router.cache.disk.database import APPLICATION_ID
from tests.cache.disk.support import ENCODER, cache_on, keep, sql, told, until
from tests.cache.support import embed

ASKED = "How do I reverse a list in Python?"
REWORDED = "Please tell me how to reverse a list in Python"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "cache.sqlite3"


def test_answers_outlive_the_process_with_their_rewordings_and_hits(path: Path) -> None:
    with cache_on(path) as cache:
        keep(cache, ASKED)
        assert told(cache, ASKED) == ("exact", "kept")
    with cache_on(path) as cache:
        assert cache.stats().entries == 1
        (listed,) = cache.administration.entries(Selection(), order="newest", limit=9, with_questions=True).entries
        assert (listed.hits, listed.question, listed.cost_usd, listed.saved_usd) == (1, ASKED, 0.001, 0.001)
        assert told(cache, ASKED) == ("exact", "kept")
        assert told(cache, REWORDED) == ("semantic", "kept")
        assert cache.stats().errors == 0


def test_a_restored_vector_is_the_stored_one_to_half_precision(path: Path) -> None:
    with cache_on(path) as cache:
        keep(cache, ASKED)
    with cache_on(path) as cache:
        (entry,) = cache._entries.entries()
        (near,) = cache._index.nearest(entry.partition, embed(ASKED), 1)
    assert near.similarity == pytest.approx(1.0, abs=1e-4)


def test_all_of_an_answer_comes_back_byte_for_byte(path: Path) -> None:
    with cache_on(path) as cache:
        keep(cache, ASKED, "Ümläute, \u2028 and \U0001f9a6")
        (before,) = cache._entries.entries()
    with cache_on(path) as cache:
        (after,) = cache._entries.entries()
    assert bytes(after.answer.body) == bytes(before.answer.body)
    assert after.answer == before.answer
    assert (after.exact, after.partition, after.turns) == (before.exact, before.partition, before.turns)
    assert (after.tenant, after.size) == ("acme", before.size)


def test_another_encoders_entries_keep_their_keys_and_lose_their_vectors(path: Path) -> None:
    with cache_on(path) as cache:
        keep(cache, ASKED)
    with cache_on(path, encoder="another") as cache:
        assert told(cache, REWORDED) is None
        assert told(cache, ASKED) == ("exact", "kept")
        assert cache.stats().partitions == 0


def test_keys_of_another_making_are_let_go_of(path: Path) -> None:
    with cache_on(path) as cache:
        keep(cache, ASKED)
    sql(path, "UPDATE header SET key_version = x'00'")
    with cache_on(path) as cache:
        assert cache.stats().entries == 0
    assert sql(path, "SELECT count(*) FROM entries") == [(0,)]


def test_the_file_is_its_owners_alone(path: Path) -> None:
    with cache_on(path) as cache:
        keep(cache, ASKED)
        until(lambda: cache.stats().file.persisted == 1)
        for each in path.parent.iterdir():
            assert stat.S_IMODE(each.stat().st_mode) == 0o600, each
    path.chmod(0o644)
    with cache_on(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_leaves_the_cache_leaves_the_file_and_its_bytes_too(path: Path) -> None:
    with cache_on(path) as cache:
        for number in range(50):
            keep(cache, f"question {number}", f"a secret word {number}")
        until(lambda: cache.stats().file.persisted == 50)
        found = cache.administration.entries(Selection(), order="newest", limit=49, with_questions=False)
        for each in found.entries:
            cache.administration.evict(each.id, tenant="acme")
        until(lambda: cache.stats().file.persisted == 1)
    assert path.read_bytes().count(b"a secret word") == 1
    with cache_on(path) as cache:
        assert cache.stats().entries == 1
        assert cache.clear() == 1
    assert b"a secret word" not in path.read_bytes()
    assert path.stat().st_size < 100_000


def test_what_is_stored_right_after_a_clearing_stays(path: Path) -> None:
    with cache_on(path) as cache:
        for number in range(50):
            keep(cache, f"question {number}")
            cache.clear()
            keep(cache, ASKED, str(number))
    with cache_on(path) as cache:
        assert cache.stats().entries == 1
        assert told(cache, ASKED) == ("exact", "49")


def test_evicted_entries_do_not_come_back(path: Path) -> None:
    with cache_on(path, max_entries=3) as cache:
        for number in range(9):
            keep(cache, f"question {number}")
        held = {entry.exact for entry in cache._entries.entries()}
    assert {exact for (exact,) in sql(path, "SELECT exact FROM entries")} == held


def test_expired_entries_are_neither_read_nor_kept(path: Path) -> None:
    with cache_on(path, ttl_s=0.2) as cache:
        keep(cache, ASKED)
    time.sleep(0.25)
    with cache_on(path) as cache:
        assert cache.stats().entries == 0
    assert sql(path, "SELECT count(*) FROM entries") == [(0,)]


def test_a_shorter_time_to_live_counts_for_what_was_stored_before(path: Path) -> None:
    with cache_on(path) as cache:
        keep(cache, ASKED)
    time.sleep(0.05)
    with cache_on(path, ttl_s=0.04) as cache:
        assert told(cache, ASKED) is None


@pytest.mark.parametrize("jump_s", [-1e9, -7200.0, 1e9])
def test_no_setting_of_the_clock_prolongs_or_ends_a_life(
    path: Path, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    with cache_on(path, ttl_s=3600.0) as cache:
        keep(cache, ASKED)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump_s)
    with cache_on(path, ttl_s=3600.0) as cache:
        (entry,) = cache._entries.entries()
        assert entry.expires_at - elapsed_s() <= 3600.0
        assert elapsed_s() - entry.stored_at < 3000.0


def test_after_a_reboot_with_the_clock_gone_back_nothing_is_trusted(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with cache_on(path) as cache:
        keep(cache, ASKED)
    sql(path, "UPDATE header SET boot = 'another', file_s = file_s + 7200")
    with cache_on(path) as cache:
        assert told(cache, ASKED) is None
        assert keep(cache, ASKED, "new")
    assert "the clock has gone backwards" in caplog.text
    with cache_on(path) as cache:
        assert told(cache, ASKED) == ("exact", "new")


def test_a_smaller_cache_takes_up_the_newest_and_lets_the_rest_go(path: Path) -> None:
    with cache_on(path) as cache:
        for number in range(200):
            keep(cache, f"question {number}")
    with cache_on(path, max_entries=70) as cache:
        assert cache.stats().entries == 70
        assert told(cache, "question 199") is not None
        assert told(cache, "question 3") is None
        assert cache.stats().evictions == 0
    assert sql(path, "SELECT count(*) FROM entries") == [(70,)]


@pytest.fixture
def slowly(path: Path, monkeypatch: pytest.MonkeyPatch) -> SemanticCache:
    """A cache that reads twenty old answers one by one, and has only just begun."""
    with cache_on(path) as cache:
        for number in range(20):
            keep(cache, f"question {number}", "old")
    monkeypatch.setattr(module, "LOAD_ROWS", 1)
    monkeypatch.setattr(module, "LOAD_PAUSE_S", 0.02)
    cache = SemanticCache(file=CacheFile(path, encoder=ENCODER, linger_s=0.0), clock=elapsed_s)
    cache.start()
    until(lambda: cache.stats().entries > 0)
    return cache


def test_an_answer_stored_while_the_file_is_read_takes_the_place_of_the_old_one(
    path: Path, slowly: SemanticCache
) -> None:
    keep(slowly, "question 0", "new")
    until(lambda: slowly.stats().file.state == "ready")
    assert told(slowly, "question 0") == ("exact", "new")
    slowly.close()
    with cache_on(path) as cache:
        assert told(cache, "question 0") == ("exact", "new")
        assert cache.stats().entries == 20


def test_a_cache_cleared_while_its_file_is_read_stays_clear(path: Path, slowly: SemanticCache) -> None:
    slowly.clear()
    until(lambda: slowly.stats().file.state == "ready")
    assert slowly.stats().entries == 0
    slowly.close()
    assert sql(path, "SELECT count(*) FROM entries") == [(0,)]


def test_an_operator_who_lets_entries_go_waits_until_all_are_read(slowly: SemanticCache) -> None:
    assert slowly.administration.evict_all(Selection(tenant="acme")) == 20
    slowly.close()


def test_two_caches_on_one_file_corrupt_nothing_and_share_at_the_next_start(path: Path) -> None:
    with cache_on(path) as one, cache_on(path) as two:
        for number in range(100):
            keep(one, f"one {number}")
            keep(two, f"two {number}")
            keep(one, "both", "by one")
            keep(two, "both", "by two")
        assert told(two, "one 5") is None
        until(lambda: one.stats().file.queue == two.stats().file.queue == 0)
    assert sql(path, "PRAGMA integrity_check") == [("ok",)]
    with cache_on(path) as cache:
        assert cache.stats().entries == 201
        assert told(cache, "one 5") == told(cache, "two 99") == ("exact", "kept")


def test_a_copy_taken_while_it_is_written_is_whole(path: Path, tmp_path: Path) -> None:
    with cache_on(path) as cache:
        for number in range(300):
            keep(cache, f"question {number}")
        until(lambda: cache.stats().file.persisted > 0)
        copy = tmp_path / "copy.sqlite3"
        with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(copy)) as sink:
            source.backup(sink)
    with cache_on(copy) as again:
        assert again.stats().file.unreadable == 0
        assert again.stats().entries > 0


def test_a_cache_without_a_file_says_so() -> None:
    assert NoFile().status().state == "off"
    assert SemanticCache().stats().file.state == "off"


def test_a_file_marks_itself_as_ours(path: Path) -> None:
    with cache_on(path):
        pass
    assert sql(path, "PRAGMA application_id") == [(APPLICATION_ID,)]
