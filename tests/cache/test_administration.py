"""Operators' view of a cache: each tenant's own, and only that."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from router.cache import Administration, NoFile, NullCache, Selection, SemanticCache, administration, inventory
from router.cache.disk.offline import OfflineCache
from router.errors import CacheError, CacheLoading, UnknownEntry
from tests.cache.disk.support import cache_on, keep, sql, told
from tests.cache.support import Clock

ALL = Selection()


def ids(administration: Administration | OfflineCache, selection: Selection = ALL) -> list[str]:
    found = administration.entries(selection, order="newest", limit=100, with_questions=False)
    return [entry.id for entry in found.entries]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> SemanticCache:
    cache = SemanticCache(clock=clock, ttl_s=100.0)
    for number, tenant in enumerate(("acme", "zeta", "acme")):
        keep(cache, f"question {number}", tenant=tenant)
        clock.now += 10
    return cache


def test_a_tenant_sees_shows_and_evicts_its_own_entries_alone(cache: SemanticCache) -> None:
    (theirs,) = ids(cache.administration, Selection(tenant="zeta"))
    assert theirs not in ids(cache.administration, Selection(tenant="acme"))
    for look in (cache.administration.entry, cache.administration.evict):
        with pytest.raises(UnknownEntry):
            look(theirs, tenant="acme")
    assert cache.administration.evict_all(Selection(tenant="acme")) == 2
    assert told(cache, "question 1", tenant="zeta") == ("exact", "kept")
    assert told(cache, "question 0", tenant="acme") is None


def test_all_conditions_must_hold(cache: SemanticCache) -> None:
    assert len(ids(cache.administration, Selection(tenant="acme", older_than_s=15.0))) == 1
    assert ids(cache.administration, Selection(model="another")) == []
    assert cache.administration.evict_all(Selection(tenant="zeta", older_than_s=25.0)) == 0


def test_the_expired_are_no_longer_listed(cache: SemanticCache, clock: Clock) -> None:
    clock.now += 75
    assert len(ids(cache.administration)) == 2
    assert cache.stats().departed == {"expired": 1}


def test_a_text_is_found_in_questions_of_the_tenants_own_whatever_its_capitals(cache: SemanticCache) -> None:
    keep(cache, "Straße nach ROM?", "the word question is in the answer alone", tenant="acme")

    def found(sought: str, tenant: str = "acme") -> list[str | None]:
        listed = cache.administration.entries(
            Selection(tenant=tenant), order="newest", limit=100, with_questions=True, asking=sought
        )
        return [entry.question for entry in listed.entries]

    assert found("STRASSE nach rom") == ["Straße nach ROM?"]
    assert found("QUESTION") == ["question 2", "question 0"]
    assert found("question", tenant="zeta") == ["question 1"]
    assert found("%") == []


def test_a_search_looks_at_the_beginning_of_huge_questions_only(cache: SemanticCache) -> None:
    keep(cache, "x" * inventory.SEARCHED_CHARS + "needle", tenant="acme")
    found = cache.administration.entries(ALL, order="newest", limit=9, with_questions=False, asking="needle")
    assert found.total == 0


def test_an_id_that_could_mean_several_is_refused() -> None:
    cache = SemanticCache()
    keep(cache, "question")
    (entry,) = cache._entries.entries()
    twin = entry.exact[:8] + bytes(24)
    cache._entries.put(type(entry)(twin, b"p", None, None, entry.answer, 0.0, 1e12, 1, "acme"), 0.0)
    with pytest.raises(UnknownEntry, match="Several entries' ids begin with"):
        cache.administration.entry(twin.hex()[:8], tenant="acme")
    assert cache.administration.entry(twin.hex(), tenant="acme").turns is None


def test_a_cache_that_is_off_has_nothing_to_look_into() -> None:
    off = NullCache().administration
    assert ids(off) == []
    assert off.evict_all(ALL) == 0


def test_the_file_tells_the_same_as_the_server(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite3"
    with cache_on(path) as cache:
        for number in range(5):
            keep(cache, f"question {number}", usd=f"0.00{number}")
        told(cache, "question 2")
        online = cache.administration.entries(ALL, order="value", limit=3, with_questions=True)
    offline = OfflineCache(path).entries(ALL, order="value", limit=3, with_questions=True)
    assert [(entry.id, entry.hits, entry.bytes, entry.question) for entry in offline.entries] == [
        (entry.id, entry.hits, entry.bytes, entry.question) for entry in online.entries
    ]
    shown = OfflineCache(path).entry(offline.entries[0].id)
    assert (shown.turns, shown.answer, shown.entry.saved_usd) == (["question 2"], "kept", 0.002)


def test_a_file_that_cannot_be_looked_into_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite3"
    with pytest.raises(CacheError, match="there is no such file"):
        ids(OfflineCache(path))
    path.write_bytes(b"no database" * 500)
    with pytest.raises(CacheError, match=r"cache\.sqlite3: cannot be used \(file is not a database\)"):
        ids(OfflineCache(path))
    assert path.read_bytes() == b"no database" * 500
    path.unlink()
    sql(path, "CREATE TABLE theirs (a)")
    with pytest.raises(CacheError, match="another program"):
        OfflineCache(path).evict_all(ALL)


def test_a_request_gets_in_between_the_pieces_of_a_long_listing(
    cache: SemanticCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[object] = []

    def ask(_pause_s: float) -> None:
        asking = threading.Thread(target=lambda: served.append(told(cache, "question 1", tenant="zeta")), daemon=True)
        asking.start()
        asking.join(timeout=30)

    monkeypatch.setattr(administration, "PIECE", 1)
    monkeypatch.setattr(administration, "time", SimpleNamespace(sleep=ask))
    assert len(ids(cache.administration)) == 3
    assert served == [("exact", "kept")] * 2


class StillReading(NoFile):
    """A file of which not everything is read when patience ends."""

    def wait_until_read(self, timeout_s: float) -> bool:
        return False


def test_nothing_is_let_go_of_while_some_of_it_could_come_back_from_the_file() -> None:
    cache = SemanticCache(file=StillReading())
    keep(cache, "question")
    (entry,) = ids(cache.administration)
    with pytest.raises(CacheLoading, match="try again"):
        cache.administration.evict(entry, tenant="acme")
    with pytest.raises(CacheLoading, match="try again"):
        cache.administration.evict_all(ALL)
    assert ids(cache.administration) == [entry]
