"""What waits to be written comes to the same as writing each change at once, whatever failed in between."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from router.cache.disk import changes as module
from router.cache.disk.changes import Changes
from router.cache.disk.rows import Kept
from router.cache.store import Entry
from tests.cache.support import answer

Rows = dict[bytes, tuple[float, int]]

KEYS = st.sampled_from([b"a", b"b", b"c"])
STEPS = st.lists(st.tuples(st.sampled_from(["keep", "forget", "used", "wipe", "fail", "write"]), KEYS), max_size=30)


def kept(key: bytes, number: int) -> Kept:
    return Kept(Entry(key, b"p", None, None, answer(), float(number), 1e9, 1), None, 0)


def write(changes: Changes, rows: Rows) -> None:
    """What ``CacheFile`` does with changes."""
    if changes.wiped:
        rows.clear()
    for key in changes.gone:
        rows.pop(key, None)
    for key, each in changes.kept.items():
        rows[key] = (each.entry.stored_at, each.hits)
    for key, hits in changes.hits.items():
        if key in rows:
            rows[key] = (rows[key][0], hits)


def change(changes: Changes, rows: Rows, step: str, key: bytes, number: int) -> None:
    """Note a change, and make it in ``rows`` at once."""
    if step == "keep":
        changes.keep(kept(key, number))
        rows[key] = (float(number), 0)
    elif step == "forget":
        changes.forget(key)
        rows.pop(key, None)
    elif step == "wipe":
        changes.wipe()
        rows.clear()
    elif key in rows:
        changes.used(key, number)
        rows[key] = (rows[key][0], number)


@given(STEPS)
def test_changes_that_wait_or_fail_to_be_written_come_to_the_same_as_those_made_at_once(
    steps: list[tuple[str, bytes]],
) -> None:
    now: Rows = {}
    later: Rows = {}
    waiting, failed = Changes(), Changes()
    for number, (step, key) in enumerate(steps):
        if step == "write":
            waiting.put_before(failed)
            write(waiting, later)
            waiting, failed = Changes(), Changes()
            assert later == now
        elif step == "fail":
            waiting.put_before(failed)
            waiting, failed = Changes(), waiting
        else:
            change(waiting, now, step, key, number)
    waiting.put_before(failed)
    for key in (b"a", b"b", b"c"):
        assert key in waiting or now.get(key, (None,))[0] == later.get(key, (None,))[0]
    write(waiting, later)
    assert later == now


def test_too_many_departures_count_as_all_of_them() -> None:
    changes = Changes()
    for number in range(module.MOST_GONE + 1):
        changes.forget(str(number).encode())
    assert changes.wiped
    assert not changes.gone
