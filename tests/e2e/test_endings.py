"""However a request ends, it is settled exactly once, and the server stops when told to."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, LiveServer, live_server, routed

PATH = "/v1/chat/completions"
MESSAGES: Any = [{"role": "user", "content": EASY}]
SLOW = Turn(reply="word " * 60, piece_delay_ms=25)


@pytest_asyncio.fixture
async def slow() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(model="weak-model", turns=[SLOW, Turn()]) as server:
        yield server


async def open_connection(server: LiveServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = server.url.removeprefix("http://").partition(":")
    return await asyncio.open_connection(host, int(port))


def head(length: int) -> bytes:
    return f"POST {PATH} HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n".encode()


async def rows_once_there(server: LiveServer, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        while len(rows := server.ledger_rows()) < count:
            await asyncio.sleep(0.02)
    return rows


async def read_stream(server: LiveServer, *, then: signal.Signals) -> list[str]:
    """The events of one streamed answer; the server gets a signal once the answer has begun."""
    events: list[str] = []
    async with (
        server.http() as http,
        http.stream("POST", PATH, json={"messages": MESSAGES, "stream": True}) as answer,
    ):
        async for line in answer.aiter_lines():
            if not line:
                continue
            events.append(line.removeprefix("data: "))
            # Once: a second SIGINT means at once.
            if len(events) == 3:
                server.process.send_signal(then)
    return events


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
async def test_a_server_told_to_stop_finishes_the_answer_and_exits_with_0(
    tmp_path: Path, slow: ScriptedServer, sign: signal.Signals
) -> None:
    async with routed(tmp_path, slow, None) as server:
        events = await read_stream(server, then=sign)
        status = await asyncio.wait_for(server.process.wait(), timeout=20)
    assert events[-1] == "[DONE]"
    assert status == 0
    assert [(row["outcome"], row["completion_tokens"]) for row in server.ledger_rows()] == [("ok", 60)]


@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.2])
async def test_a_server_told_to_stop_while_it_loads_the_verifier_exits_with_0(
    tmp_path: Path, slow: ScriptedServer, after_s: float
) -> None:
    async with routed(tmp_path, slow, None) as server:
        await asyncio.sleep(after_s)
        server.process.terminate()
        assert await asyncio.wait_for(server.process.wait(), timeout=20) == 0


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="no /proc: which signals a process takes is not known"
)
async def test_a_server_told_to_stop_while_it_starts_exits_with_0(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "router", "serve", "--port", "0", "--home", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        while not takes(process.pid, signal.SIGTERM):
            await asyncio.sleep(0.005)
        process.terminate()
        printed, _ = await process.communicate()
    assert (printed, process.returncode) == (b"", 0)


def takes(pid: int, sign: signal.Signals) -> bool:
    """Whether a process has a handler for a signal; the first one of a container is not sent others."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (sign - 1) & 1)


async def test_an_answer_that_outlasts_the_grace_period_ends_in_an_error_and_a_row(
    tmp_path: Path, slow: ScriptedServer
) -> None:
    async with routed(tmp_path, slow, None, "--shutdown-grace-s", "0") as server:
        events = await read_stream(server, then=signal.SIGTERM)
        status = await asyncio.wait_for(server.process.wait(), timeout=20)
    assert json.loads(events[-1])["error"]["code"] == "shutting_down"
    assert status == 0
    assert [(row["outcome"], row["error_code"]) for row in server.ledger_rows()] == [("error", "shutting_down")]


async def test_a_caller_who_leaves_within_the_body_is_in_the_ledger_once(tmp_path: Path, slow: ScriptedServer) -> None:
    async with routed(tmp_path, slow, None) as server:
        for sent in (b"", b'{"messages": [{"role"'):
            _, writer = await open_connection(server)
            writer.write(head(500) + sent)
            await writer.drain()
            await asyncio.sleep(0.1)
            writer.close()
        rows = await rows_once_there(server, 2)
    assert [(row["outcome"], row["status"], row["route"]) for row in rows] == [("cancelled", 499, None)] * 2
    assert not slow.chats


async def test_a_caller_who_closes_at_the_last_word_had_the_whole_answer(tmp_path: Path) -> None:
    # Some clients never read [DONE]: they close when they see the finish reason.
    finished = Turn(reply="Paris.", piece_delay_ms=500)
    async with (
        ScriptedServer(model="weak-model", turns=[finished]) as weak,
        routed(tmp_path, weak, None) as server,
        server.http() as http,
    ):
        body = {"messages": MESSAGES, "stream": True}
        async with http.stream("POST", PATH, json=body) as answer:
            async for line in answer.aiter_lines():
                if '"finish_reason":"stop"' in line:
                    break
        rows = await rows_once_there(server, 1)
        again = await http.post(PATH, json=body)
    assert [(row["outcome"], row["status"], row["finish_reason"]) for row in rows] == [("ok", 200, "stop")]
    assert again.headers["x-router-cache"] == "exact"


async def test_a_body_that_stops_coming_is_given_up(tmp_path: Path, slow: ScriptedServer) -> None:
    async with routed(tmp_path, slow, None, "--body-timeout-s", "0.2") as server:
        reader, writer = await open_connection(server)
        writer.write(head(500) + b"{")
        received = await reader.readuntil(b"}}")
        writer.close()
        rows = await rows_once_there(server, 1)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert [(row["outcome"], row["status"]) for row in rows] == [("error", 408)]


async def test_a_caller_who_stays_and_does_not_read_is_dropped(tmp_path: Path) -> None:
    # More than all the buffers on the way hold, so that the answer cannot be sent.
    long = Turn(reply=("x" * 50_000 + " ") * 600)
    async with (
        ScriptedServer(model="weak-model", turns=[long]) as weak,
        routed(tmp_path, weak, None, "--total-timeout-s", "3") as server,
    ):
        _, writer = await open_connection(server)
        body = json.dumps({"messages": MESSAGES, "stream": True}).encode()
        writer.write(head(len(body)) + body)
        rows = await rows_once_there(server, 1)
        server.process.terminate()
        status = await asyncio.wait_for(server.process.wait(), timeout=10)
        writer.close()
    assert [row["outcome"] for row in rows] == ["cancelled"]
    assert status == 0  # within a grace period of 25 seconds: the connection is not waited for


async def test_a_caller_who_does_not_read_of_an_error_either_is_dropped(tmp_path: Path) -> None:
    # One piece, larger than what the buffers on the way hold; then the upstream breaks off.
    broken = Turn(reply="x" * 7_000_000 + " tail", fault="cut-midway")
    async with ScriptedServer(model="weak-model", turns=[broken]) as weak, routed(tmp_path, weak, None) as server:
        host, _, port = server.url.removeprefix("http://").partition(":")
        with socket.socket() as caller:
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            caller.setblocking(False)
            await asyncio.get_running_loop().sock_connect(caller, (host, int(port)))
            body = json.dumps({"messages": MESSAGES, "stream": True}).encode()
            await asyncio.get_running_loop().sock_sendall(caller, head(len(body)) + body)
            rows = await rows_once_there(server, 1)
            server.process.terminate()
            status = await asyncio.wait_for(server.process.wait(), timeout=20)
    assert [row["outcome"] for row in rows] == ["error"]
    assert status == 0  # within a grace period of 25 seconds: the connection is not waited for


async def test_answers_go_on_when_the_ledger_cannot_be_written(tmp_path: Path, slow: ScriptedServer) -> None:
    async with routed(tmp_path, slow, None) as server, server.http() as http:
        with sqlite3.connect(tmp_path / "ledger.sqlite3") as database:
            database.execute("DROP TABLE requests")
        for stream in (False, True):
            answer = await http.post(PATH, json={"messages": MESSAGES, "stream": stream, "seed": int(stream)})
            assert answer.status_code == 200
            assert answer.text.endswith("data: [DONE]\n\n" if stream else "}")
        stats = await http.get("/stats")
    assert stats.status_code == 503
    assert set(stats.json()["error"]) == {"message", "type", "param", "code"}


async def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(reply=name) for name in ("one", "two", "three")]) as weak,
        routed(tmp_path, weak, None) as server,
    ):
        reader, writer = await open_connection(server)
        for number in range(3):
            body = json.dumps({"messages": MESSAGES, "seed": number}).encode()
            writer.write(head(len(body)) + body)
        received = b""
        async with asyncio.timeout(20):
            while received.count(b'"usage"') < 3:
                received += await reader.read(65536)
        writer.close()
    assert received.find(b'"one"') < received.find(b'"two"') < received.find(b'"three"')


async def test_a_caller_who_leaves_with_requests_in_the_pipeline_cancels_the_one_that_is_answered(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(reply="word " * 400, piece_delay_ms=25)]) as weak,
        live_server(tmp_path / "home", "--weak-url", weak.base_url, "--weak-model", "weak-model", stderr=log) as server,
    ):
        reader, writer = await open_connection(server)
        for number in range(2):
            body = json.dumps({"messages": MESSAGES, "seed": number, "stream": True}).encode()
            writer.write(head(len(body)) + body)
        async with asyncio.timeout(10):
            await reader.readuntil(b"word")
        writer.transport.abort()
        (row,) = await rows_once_there(server, 1)
        assert (row["outcome"], row["status"]) == ("cancelled", 499)
        assert len(weak.chats) == 1
    assert "ERROR" not in log.read_text()
