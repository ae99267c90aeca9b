"""One feed for all who watch: put together once, and only while somebody does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.types import Message

from router.app import create_app
from router.errors import LedgerError, ShuttingDown, TooManyRequests
from router.http.console import feed as feeding
from router.http.console.feed import MOST_BEHIND, MOST_LINES, MOST_WATCHERS, Feed, Watcher, event
from router.http.console.live import LiveStream
from router.http.console.snapshot import snapshot
from router.http.exchange import ABORT
from router.http.presence import LEAVING
from router.http.services import Services
from router.ledger import Ledger
from router.recent import Settled, Tally
from router.settings import Settings
from tests.ledger.support import a_row


@pytest.fixture
async def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Services]:
    monkeypatch.setattr(feeding, "TICK_S", 0.002)
    app = create_app(Settings(home=str(tmp_path), weak_url="http://127.0.0.1:9/v1", weak_model="m", cache=False))
    found: Services = app.state.services
    yield found
    await found.gateway.ledger.aclose()


@contextmanager
def watch(feed: Feed) -> Iterator[Watcher]:
    with feed.watch(lambda: None) as watcher:
        yield watcher


def settle(services: Services, *names: str) -> None:
    for name in names:
        services.gateway.recent.add(Settled(a_row(name), None, []))


async def names(events: AsyncIterator[bytes]) -> list[str]:
    """The requests of the next event that tells of any."""
    async with asyncio.timeout(10):
        while True:
            said = await anext(events)
            if said.startswith(b"event: requests\n"):
                return [line["request_id"] for line in msgspec.json.decode(said.partition(b"data: ")[2])]


async def test_each_request_is_told_once_whenever_somebody_comes(services: Services) -> None:
    feed = Feed(services)
    settle(services, "r1")
    with watch(feed) as early:
        await feed.begin(early)
        told = early.events()
        assert await names(told) == ["r1"]
        settle(services, "r2", "r3")
        with watch(feed) as late:
            await feed.begin(late)
            later = late.events()
            assert await names(later) == ["r1", "r2", "r3"]
            assert await names(told) == ["r2", "r3"]
            settle(services, "r4")
            assert await names(later) == ["r4"]
            assert await names(told) == ["r4"]
    settle(services, "r5", *(f"many-{number}" for number in range(MOST_LINES)))
    with watch(feed) as last:
        await feed.begin(last)
        assert len(await names(last.events())) == MOST_LINES


async def test_a_snapshot_is_put_together_once_for_all_and_not_at_all_for_nobody(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed, made = Feed(services), []
    real = feeding.snapshot

    def counted(*args: object, **named: object) -> object:
        made.append(1)
        return real(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(feeding, "snapshot", counted)
    with watch(feed) as one, watch(feed) as other:
        for watcher in (one, other):
            await feed.begin(watcher)
        ours, theirs = one.events(), other.events()
        for events in (ours, theirs):
            await names(events)
        settle(services, "r1")
        told = [await anext(events) for events in (ours, theirs)]
        assert told[0] is told[1]
        await names(ours)
        tasks = asyncio.all_tasks()
    await _ended(feed)
    assert len(asyncio.all_tasks()) < len(tasks)
    so_far = len(made)
    await asyncio.sleep(0.02)
    assert len(made) == so_far


async def _ended(feed: Feed) -> None:
    async with asyncio.timeout(10):
        while feed._telling is not None:
            await asyncio.sleep(0.001)


async def test_two_snapshots_say_the_same_until_something_changes(services: Services) -> None:
    services.gateway.recent.tally = Tally(lambda: 100.0)
    one, other = (
        snapshot(services, None, at=datetime(2026, 11, day, tzinfo=UTC), uptime_s=float(day)) for day in (1, 2)
    )
    assert one.says_the_same(other)
    assert not one.says_the_same(None)
    settle(services, "r1")
    assert not snapshot(services, None, at=one.at, uptime_s=one.uptime_s).says_the_same(one)


async def test_who_takes_nothing_is_let_go_of() -> None:
    dropped: list[bool] = []
    watcher = Watcher(lambda: dropped.append(True))
    for number in range(MOST_BEHIND):
        watcher.tell(event("requests", [number]))
    assert not dropped
    watcher.tell(b"one too many")
    assert dropped == [True]
    assert [each async for each in watcher.events()] == []


async def test_a_connection_that_takes_nothing_more_is_dropped_and_leaves_its_place(services: Services) -> None:
    feed, full = Feed(services), asyncio.Event()
    leaving: set[Callable[[], None]] = set()

    def abort() -> None:
        for leave in tuple(leaving):
            leave()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            full.set()
            await asyncio.Event().wait()

    async def receive() -> Any:
        raise AssertionError("the server tells by itself who leaves")

    scope: Any = {"state": {ABORT: abort, LEAVING: leaving}}
    watching = asyncio.create_task(LiveStream(feed, lambda: True)(scope, receive, send))
    async with asyncio.timeout(10):
        await full.wait()
        assert len(feed._watchers) == 1
        while not watching.done():
            settle(services, "r")
            await asyncio.sleep(0.001)
    assert watching.exception() is None
    assert not feed._watchers
    assert not leaving


async def test_too_many_watchers_and_a_server_that_stops_take_no_more(services: Services) -> None:
    feed = Feed(services)
    with watch(feed) as watcher:
        services.gateway.draining = True
        assert [each async for each in watcher.events()] == []
        with pytest.raises(ShuttingDown), watch(feed):
            pass
    services.gateway.draining = False
    feed._watchers = {Watcher(lambda: None) for _ in range(MOST_WATCHERS)}
    with pytest.raises(TooManyRequests), watch(feed):
        pass


async def test_a_ledger_that_cannot_be_read_leaves_the_totals_unknown_and_the_rest_told(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise LedgerError("away")

    monkeypatch.setattr(Ledger, "stats", away)
    feed = Feed(services)
    settle(services, "r1")
    with watch(feed) as watcher:
        await feed.begin(watcher)
        first = msgspec.json.decode((await anext(watcher.events())).partition(b"data: ")[2])
    assert first["totals"] is None
    assert first["minute"]["requests"] == 1


def test_nothing_in_an_event_can_end_it_early() -> None:
    said = event("requests", [{"model": "a\n\nevent: snapshot\ndata: {}\r\n\r\n\u2028"}])
    assert said.count(b"\n") == 3
    assert b"\r" not in said
