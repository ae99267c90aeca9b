"""How the server fares, told as it happens: over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from router.http.console.feed import MOST_LINES, MOST_WATCHERS
from router.recent import SPAN_S, STEP_S
from router.upstream.scripted import ScriptedServer, Turn
from tests.http.console.watching import LIVE, watching
from tests.live import EASY, HARD, LiveServer, routed

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveServer]:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(reply="from the weak one")]) as weak,
        ScriptedServer(model="strong-model", turns=[Turn(reply="from the strong one")]) as strong,
        routed(tmp_path_factory.mktemp("home"), weak, strong) as running,
    ):
        yield running


async def chat(server: LiveServer, text: str, **body: Any) -> httpx.Response:
    async with server.http() as http:
        return await http.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": text}], **body})


async def test_who_comes_is_told_at_once_what_there_is(server: LiveServer) -> None:
    answers = [await chat(server, EASY), await chat(server, EASY), await chat(server, HARD)]
    async with asyncio.timeout(20), watching(server) as told:
        assert told.answer.headers["content-type"].startswith("text/event-stream")
        assert told.answer.headers["cache-control"] == "no-store"
        snapshot = await told.next("snapshot")
        lines = await told.next("requests")
    assert [line["request_id"] for line in lines] == [answer.headers["x-request-id"] for answer in answers]
    assert [line["cache"] for line in lines] == ["miss", "exact", "miss"]
    assert [line["route"] for line in lines] == ["weak", "weak", "strong"]
    assert snapshot["totals"]["requests"] == snapshot["minute"]["requests"] == 3
    assert snapshot["totals"]["by_route"] == snapshot["minute"]["by_route"] == {"weak": 2, "strong": 1}
    assert snapshot["minute"]["by_cache"] == {"miss": 2, "exact": 1}
    assert snapshot["minute"]["latency_ms"]["p50"] > 0
    assert snapshot["in_flight"] == snapshot["waiting"] == snapshot["minute"]["errors"] == 0
    assert {name: each["model"] for name, each in snapshot["upstreams"].items()} == {
        "weak": "weak-model",
        "strong": "strong-model",
    }
    series = snapshot["series"]
    assert len(series["at"]) == SPAN_S // STEP_S
    assert {name: sum(series[name]) for name in ("weak", "strong", "cached", "other", "errors")} == {
        "weak": 1,
        "strong": 1,
        "cached": 1,
        "other": 0,
        "errors": 0,
    }
    assert snapshot["step"] == {name: values[-1] for name, values in series.items()}


async def test_a_new_request_is_told_once_to_each_who_watches(server: LiveServer) -> None:
    async with asyncio.timeout(30), watching(server) as one, watching(server) as other:
        for told in (one, other):
            await told.next("requests")
        answer = await chat(server, "Name a river.", model="strong")
        for told in (one, other):
            assert "series" not in await told.next("snapshot")
            (line,) = await told.next("requests")
            assert line["request_id"] == answer.headers["x-request-id"]
            assert (line["route"], line["model"], line["reason"]) == ("strong", "strong-model", "pinned")


async def test_no_text_of_a_request_is_told(server: LiveServer) -> None:
    await chat(server, "The password is <b>swordfish</b>.")
    async with server.http() as http, http.stream("GET", LIVE) as answer:
        async for text in answer.aiter_text():
            assert "swordfish" not in text
            assert "from the weak one" not in text
            if "event: requests" in text:
                break


async def test_an_error_is_told_as_one(server: LiveServer) -> None:
    async with asyncio.timeout(20), watching(server) as told:
        await told.next("requests")
        assert (await chat(server, "Hi", model="nobody")).status_code == 404
        (line,) = await told.next("requests")
    assert (line["outcome"], line["status"], line["error_code"]) == ("error", 404, "model_not_found")


async def test_of_many_requests_the_newest_are_told(server: LiveServer) -> None:
    answers = await asyncio.gather(*(chat(server, f"Count to {number}.") for number in range(MOST_LINES + 5)))
    async with asyncio.timeout(20), watching(server) as told:
        lines = await told.next("requests")
    names = {answer.headers["x-request-id"] for answer in answers}
    assert len(lines) == MOST_LINES
    assert {line["request_id"] for line in lines} <= names


async def test_too_many_watchers_are_told_so_and_room_is_there_again_once_one_left(server: LiveServer) -> None:
    async with asyncio.timeout(60), AsyncExitStack() as stack:
        for _ in range(MOST_WATCHERS - 1):
            await stack.enter_async_context(watching(server))
        async with server.http() as http:
            async with watching(server):
                refused = await http.get(LIVE)
                assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_requests")
                assert f"{MOST_WATCHERS} pages" in refused.json()["error"]["message"]
            while True:
                async with http.stream("GET", LIVE) as answer:
                    if answer.status_code == 200:
                        break
                await asyncio.sleep(0.05)


async def test_other_sites_and_rebound_names_hear_nothing(server: LiveServer) -> None:
    async with server.http() as http:
        for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"host": "evil.example"}):
            assert (await http.get(LIVE, headers=headers)).status_code == 403


async def test_a_server_that_is_told_to_stop_stops_though_somebody_watches(tmp_path: Path) -> None:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn()]) as weak,
        routed(tmp_path, weak, None, "--shutdown-grace-s", "600") as server,
        asyncio.timeout(60),
    ):
        host, _, port = server.url.removeprefix("http://").partition(":")
        stalled, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {LIVE} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        await stalled.readuntil(b"event: requests")
        async with watching(server) as told:
            await told.next("requests")
            server.process.terminate()
            assert await told.rest() == []  # a whole end, not a broken one
        assert await server.process.wait() == 0
        writer.close()


@pytest.mark.parametrize("before", [None, "the-key-of-before"])
async def test_who_watches_by_a_key_that_holds_no_more_is_told_no_more(tmp_path: Path, before: str | None) -> None:
    config = tmp_path / "underdog.toml"
    config.write_text(f"api_key = '{before}'\n" if before else "")
    headers = {"authorization": f"Bearer {before}"} if before else {}
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(reply="Secret.")]) as weak,
        routed(tmp_path / "home", weak, None, "--config", str(config)) as server,
        asyncio.timeout(60),
        watching(server, headers) as told,
        server.http() as http,
    ):
        await told.next("requests")
        config.write_text("api_key = 'the-key-from-now-on'\n")
        later = {"authorization": "Bearer the-key-from-now-on"}
        while (await http.get("/console/api/session", headers=later)).status_code != 200:
            await asyncio.sleep(0.05)
        body = {"messages": [{"role": "user", "content": "What is it?"}]}
        asked = (await http.post("/v1/chat/completions", json=body, headers=later)).headers["x-request-id"]
        assert asked not in str(await told.rest())


async def test_callers_who_share_a_key_cannot_keep_out_the_master_key(tmp_path: Path) -> None:
    shared, master = ({"authorization": f"Bearer a-{name}-key-of-16-signs"} for name in ("shared", "master"))
    keys = {"UNDERDOG_API_KEY": "a-shared-key-of-16-signs", "UNDERDOG_MASTER_KEY": "a-master-key-of-16-signs"}
    async with (
        ScriptedServer(model="weak-model", turns=[Turn()]) as weak,
        routed(tmp_path, weak, None, **keys) as server,
        asyncio.timeout(60),
        server.http() as http,
        AsyncExitStack() as stack,
    ):
        callers = [await stack.enter_async_context(watching(server, shared)) for _ in range(MOST_WATCHERS)]
        await callers[0].next("requests")
        operator = await stack.enter_async_context(watching(server, master))
        assert await operator.next("requests") == []
        with contextlib.suppress(httpx.RemoteProtocolError):  # let go of in the middle
            await callers[0].rest()
        assert (await http.get(LIVE, headers=shared)).status_code == 429
