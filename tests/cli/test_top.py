"""``underdog top`` beside real servers: at a terminal, in a pipe, as JSON, over a restart, and where nobody answers."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import LiveServer, live_server, routed

NOBODY = "http://127.0.0.1:9"
KEY = "sk-only-for-operators"
PATIENCE_S = 60


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def weak() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(model="weak-model", turns=[Turn(reply="from the weak one")]) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, weak: ScriptedServer) -> AsyncIterator[LiveServer]:
    """A server that was asked the same twice, and for a model that nobody has."""
    async with routed(tmp_path_factory.mktemp("home"), weak, None) as running, running.http() as http:
        for model in ("auto", "auto", "no-such-model"):
            body = {"model": model, "messages": [{"role": "user", "content": "What is the capital of France?"}]}
            await http.post("/v1/chat/completions", json=body)
        yield running


@asynccontextmanager
async def top(*arguments: str, **environ: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command while it runs, its output in pipes."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "router",
        "top",
        *arguments,
        env={"PATH": "/usr/bin:/bin", **environ},
        cwd=Path(__file__).resolve().parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=2**22,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ended(*arguments: str, **environ: str) -> tuple[int, str, str]:
    """Its exit status, and what it said, once it has ended by itself."""
    async with top(*arguments, **environ) as process:
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


async def line_with(process: asyncio.subprocess.Process, *said: str, without: str = "\0") -> str:
    """The next line that says all this."""
    assert process.stdout is not None
    async for raw in process.stdout:
        line = raw.decode()
        if all(text in line for text in said) and without not in line:
            return line
    raise AssertionError(f"it ended before it said {said}")


@pytest.mark.asyncio(loop_scope="module")
class TestTop:
    async def test_one_look_as_json_has_the_figures_and_the_newest_requests(self, server: LiveServer) -> None:
        status, out, err = await ended("--url", server.url, "--once", "--json")
        assert (status, err) == (0, "")
        told: dict[str, Any] = json.loads(out)
        assert told["snapshot"]["totals"]["requests"] == 3
        assert told["snapshot"]["minute"]["by_cache"]["exact"] == 1
        assert told["snapshot"]["minute"]["errors"] == 1
        assert [line["status"] for line in told["requests"]] == [200, 200, 404]
        assert told["lost"] is None

    async def test_a_pipe_gets_a_line_for_each_look_and_ctrl_c_ends_it_with_status_0(self, server: LiveServer) -> None:
        async with top("--url", server.url, "--interval", "0.2") as process:
            for _ in range(3):
                line = await line_with(process, "req/s")
                assert "weak 100%  strong 0%  cached 50%  errors 1" in line
                assert "\x1b" not in line
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
            assert process.stderr is not None
            assert await process.stderr.read() == b""

    async def test_later_looks_tell_only_of_requests_that_are_new(self, server: LiveServer) -> None:
        async with top("--url", server.url, "--interval", "0.2", "--json") as process, server.http() as http:
            first = json.loads(await line_with(process, "snapshot"))
            assert len(first["requests"]) >= 3
            body = {"model": "weak", "messages": [{"role": "user", "content": "Something new."}]}
            asked = await http.post("/v1/chat/completions", json=body)
            later = json.loads(await line_with(process, asked.headers["x-request-id"]))
            assert [line["request_id"] for line in later["requests"]] == [asked.headers["x-request-id"]]

    async def test_at_a_terminal_the_table_fills_the_screen_until_ctrl_c(self, server: LiveServer) -> None:
        shown, status = await asyncio.to_thread(_at_a_terminal, server.url)
        assert status == 0
        for text in ("Underdog", "last minute", "weak-model", "ready", "exact", "404"):
            assert text in shown
        assert "\x1b[?1049h" in shown  # the screen is another one,
        assert shown.rstrip().rfind("\x1b[?1049l") > 0  # and given back in the end
        assert "Traceback" not in shown


def _at_a_terminal(url: str) -> tuple[str, int]:
    """What a terminal of 100 by 40 is shown, and the exit status after Ctrl-C."""
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(Path(__file__).resolve().parents[2])
        environ = {"PATH": "/usr/bin:/bin", "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
        os.execve(sys.executable, [sys.executable, "-m", "router", "top", "--url", url], environ)
    shown = b""
    while b"404" not in shown:
        shown += os.read(master, 65536)
    os.write(master, b"\x03")
    try:
        while piece := os.read(master, 65536):
            shown += piece
    except OSError:  # Linux says so where the other end is closed
        pass
    _, status = os.waitpid(pid, 0)
    os.close(master)
    return shown.decode(errors="replace"), os.waitstatus_to_exitcode(status)


async def test_a_restart_is_said_and_survived(tmp_path: Path) -> None:
    async with ScriptedServer(model="weak-model") as weak:
        async with routed(tmp_path, weak, None) as first:
            port = first.url.rpartition(":")[2]
            watching = top("--url", first.url, "--interval", "0.2")
            process = await watching.__aenter__()
            await line_with(process, "req/s", without="away")
        try:
            await line_with(process, "away: ")
            async with routed(tmp_path, weak, None, "--port", port):
                await line_with(process, "req/s", without="away")
        finally:
            await watching.__aexit__(None, None, None)


async def test_a_closed_server_wants_its_key_and_says_so_in_a_line(tmp_path: Path) -> None:
    async with live_server(tmp_path, "--weak-url", f"{NOBODY}/v1", environ={"UNDERDOG_API_KEY": KEY}) as server:
        answers = [
            await ended("--url", server.url, "--once"),
            await ended("--url", server.url, "--once", UNDERDOG_API_KEY="sk-another"),
        ]
        status, out, _ = await ended("--url", server.url, "--once", UNDERDOG_API_KEY=KEY)
    assert (status, "req/s" in out) == (0, True)
    for said, (status, out, err) in zip(("wants a key", "wants another key"), answers, strict=True):
        assert (status, out) == (1, "")
        assert said in err
        assert err.count("\n") == 1


async def test_where_nobody_listens_it_says_so_in_a_line() -> None:
    status, out, err = await ended("--url", NOBODY)
    assert (status, out) == (1, "")
    assert err == (
        f"Error: No Underdog answers on {NOBODY}: nothing listens there. Start it (`underdog serve`), or name another "
        "with --url.\n"
    )


async def test_another_program_is_told_from_an_underdog() -> None:
    async with ScriptedServer() as other:
        status, _, err = await ended("--url", f"http://127.0.0.1:{other.port}")
    assert status == 1
    assert "another program" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("url", ["127.0.0.1:8787", "nonsense", "http://", "http://here:port", "ftp://here"])
async def test_an_address_that_is_none_is_named_before_anybody_is_asked(url: str) -> None:
    status, out, err = await ended("--url", url, "--once")
    assert (status, out) == (2, "")
    assert f"must be an address such as http://127.0.0.1:8787, not '{url}'." in err


async def test_the_address_that_clients_have_will_do(server: LiveServer) -> None:
    status, out, err = await ended("--url", f"{server.url}/v1/", "--once", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["snapshot"]["totals"]["requests"] == 3
