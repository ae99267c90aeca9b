"""Two deployments, one of which fails every other request: callers hardly notice, nothing is lost or left behind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.chaos.load import Held, Seen, ask_many, held, settled
from tests.live import LiveServer, live_server, upstream_process

AT_ONCE = 64
REQUESTS, REQUESTS_IN_FULL = 600, 10_000
ROUNDS = 10
"""Requests come in so many rounds; after each of them the server settles and is looked at."""

WARM_ROUNDS = 2

MOST_GROWTH = 0.05
"""Of memory after the warm rounds: by the least of the last three looks and of the first three after warming up.

One look tells little: a few answers of a megabyte each, in flight at once, stay with the allocator for a while.
"""
SUCCEED = 0.999


def chaos(*arguments: str) -> AbstractAsyncContextManager[str]:
    """A chaos server in a process of its own; its base URL."""
    return upstream_process("tests.chaos.server", *arguments)


@asynccontextmanager
async def over(home: Path, *urls: str, **settings: str) -> AsyncIterator[LiveServer]:
    """A server whose weak route has a deployment at each URL."""
    deployments = [
        {"route": "weak", "url": url, "model": "m", "name": f"d{n}", "first_token_timeout_s": 4, "total_timeout_s": 8}
        for n, url in enumerate(urls)
    ]
    environ = {"UNDERDOG_DEPLOYMENTS": json.dumps(deployments), "UNDERDOG_CACHE": "false", **settings}
    async with live_server(home, environ=environ) as server:
        yield server


async def told_by(url: str) -> dict[str, int]:
    """How often a chaos server did what."""
    async with httpx.AsyncClient(trust_env=False) as http:
        did: dict[str, int] = (await http.get(f"{url.removesuffix('/v1')}/chaos")).json()["did"]
    return dict(sorted(did.items(), key=lambda item: -item[1]))


def print_table(seen: Seen, did: list[dict[str, int]], looks: list[Held]) -> None:
    print(f"\n{len(seen.ids)} requests, {AT_ONCE} at once: {seen.failed} failed")
    for title, counts in (
        ("callers saw", seen.endings),
        ("attempts", seen.attempts),
        ("answered by", seen.deployments),
    ):
        print(f"  {title}: " + ", ".join(f"{name} {count}" for name, count in counts.most_common()))
    for number, counts_ in enumerate(did):
        print(f"  deployment d{number} did: " + ", ".join(f"{name} {count}" for name, count in counts_.items()))
    print("  held, before and after each round: ", end="")
    print("; ".join(f"{each.files} files, {each.tasks} tasks, {each.megabytes:.1f} MB" for each in looks))


@pytest.mark.soak
async def test_a_deployment_that_fails_every_other_request_is_hidden(tmp_path: Path, full: bool) -> None:
    count = REQUESTS_IN_FULL if full else REQUESTS
    async with (
        chaos("--failing", "0.5", "--faults", "before", "--oddities", "odd", "--seed", "7") as failing,
        chaos("--oddities", "odd", "--seed", "8") as steady,
        over(tmp_path, failing, steady) as server,
    ):
        looks = [await held(server)]
        seen = Seen()
        each_round = count // (ROUNDS if full else 2)
        for first in range(0, count, each_round):
            await ask_many(server, each_round, at_once=AT_ONCE, first=first, seen=seen)
            looks.append(await settled(server, looks[0]))
        did = [await told_by(failing), await told_by(steady)]
        async with server.http() as http:
            health = (await http.get("/health")).json()
        rows = server.ledger_rows()
    print_table(seen, did, looks)
    assert len(seen.ids) == count
    assert seen.failed <= (1 - SUCCEED) * count, seen.endings
    # It would prove little if the failing one had not been asked, or had not failed.
    assert sum(did[0].values()) > count / 50
    assert int(seen.attempts.total() - seen.attempts["1"]) > count / 100
    assert len(rows) == len({row["request_id"] for row in rows}) == count
    assert {row["request_id"] for row in rows} == set(seen.ids)
    assert sum(row["status"] == 200 for row in rows) == count - seen.failed
    assert [each["in_flight"] for each in health["upstreams"]["weak"]["deployments"]] == [0, 0]
    assert max(look.files for look in looks) <= looks[0].files
    assert max(look.tasks for look in looks) <= looks[0].tasks
    if full:
        after_warming = min(look.megabytes for look in looks[1 + WARM_ROUNDS :][:3])
        assert min(look.megabytes for look in looks[-3:]) <= (1 + MOST_GROWTH) * after_warming


@pytest.mark.soak
async def test_streams_that_break_midway_end_in_an_error_and_never_in_a_false_end(tmp_path: Path, full: bool) -> None:
    count = 2_000 if full else 200
    async with (
        chaos("--failing", "0.5", "--faults", "midway", "--oddities", "odd") as url,
        over(tmp_path, url, UNDERDOG_BREAKER_FAILURES="1000000", UNDERDOG_BREAKER_FAILURE_RATE="1") as server,
    ):
        before = await held(server)
        seen = Seen()
        await ask_many(server, count, at_once=AT_ONCE, seen=seen)
        after = await settled(server, before)
        did = await told_by(url)
        rows = server.ledger_rows()
    print_table(seen, [did], [before, after])
    assert seen.endings["ok stream"] > 0.3 * count / 2
    assert seen.endings["stream: wrong or cut off"] > 0.3 * count / 2
    assert len(rows) == count
    assert sum(row["outcome"] == "ok" for row in rows) == count - seen.failed
    # A stream that broke has no finish reason in the ledger either.
    assert not [row for row in rows if row["outcome"] == "error" and row["finish_reason"] == "stop"]
    assert after.files <= before.files
    assert after.tasks <= before.tasks
