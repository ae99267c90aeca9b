"""The server connects to the upstreams that it was given, and to nobody else: no telemetry, no look for updates.

Watched twice. Python's own audit events see what its sockets do; strace, where it is there and may trace, sees what any
library does by any means, and child processes with it.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from router.upstream.scripted import ScriptedServer
from tests.live import EASY, HARD, LiveServer, live_server

WATCHED = Path(__file__).parent / "watched"
CALLS = "connect,sendto,sendmsg,sendmmsg"
REQUESTS = 100

_ADDRESS = re.compile(
    r"sin6?_port=htons\((?P<port>\d+)\).*?inet_(?:addr\(|pton\(AF_INET6, )\"(?P<host>[^\"]+)\"", re.DOTALL
)

Place = tuple[str, int]


def tracer(to: Path) -> list[str]:
    """The command under which a server runs so that its system calls are written down; none where that cannot be."""
    if shutil.which("strace") is None:
        return []
    command = ["strace", "-D", "-f", "-q", "-s", "256", "-e", f"trace={CALLS}", "-o", str(to)]
    may = subprocess.run([*command, "true"], capture_output=True, timeout=60, check=False).returncode == 0
    return command if may else []


class Watch:
    """What a server was seen to connect to."""

    def __init__(self, folder: Path) -> None:
        self.events = folder / "events"
        self.calls = folder / "calls"
        self.under = tracer(self.calls)
        self.environ = {"WATCHED_FILE": str(self.events), "PYTHONPATH": str(WATCHED)}

    def lines(self) -> list[str]:
        return self.events.read_text().splitlines() if self.events.exists() else []

    def by_python(self) -> set[Place]:
        """Addresses that Python's sockets were connected to, or sent something to."""
        found = set()
        for line in self.lines():
            event, _, where = line.partition(" ")
            if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
                address = ast.literal_eval(where)
                if isinstance(address, tuple):
                    found.add((str(address[0]), int(address[1])))
        return found

    def by_any_means(self) -> set[Place]:
        """Addresses in system calls."""
        if not self.under:
            return set()
        until = time.monotonic() + 30
        # The tracer goes on writing for a moment after the server has ended.
        while not (text := self.calls.read_text()).rstrip().endswith("+++") and time.monotonic() < until:
            time.sleep(0.05)
        return {(match["host"], int(match["port"])) for match in _ADDRESS.finditer(text)}

    def looked_up(self) -> list[str]:
        return [line for line in self.lines() if line.startswith(("socket.getaddrinfo", "socket.gethostbyname"))]


async def ask(server: LiveServer, http: httpx.AsyncClient, number: int) -> None:
    path, text = "/v1/chat/completions", f"{HARD if number % 2 else EASY} {number // 4}"
    body = {"model": "auto", "messages": [{"role": "user", "content": text}], "stream": number % 3 == 0}
    if number % 10 == 9:
        path, body = "/v1/embeddings", {"model": "vectors", "input": text}
    answer = await http.post(path, json=body)
    assert answer.status_code == 200, answer.text


async def test_a_start_and_a_hundred_requests_connect_to_the_upstreams_alone(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    async with ScriptedServer(model="weak-model") as weak, ScriptedServer(model="strong-model") as strong:
        models = ["--weak-url", weak.base_url, "--weak-model", "weak", "--strong-url", strong.base_url]
        serving = live_server(tmp_path / "home", *models, environ=watch.environ, under=watch.under)
        async with serving as server, server.http() as http:
            for number in range(REQUESTS):
                await ask(server, http, number)
            for path in ("/health", "/ready", "/metrics", "/stats", "/v1/models", "/cache/stats"):
                assert (await http.get(path)).status_code == 200
        assert weak.requests
        assert strong.requests
        upstreams = {("127.0.0.1", weak.port), ("127.0.0.1", strong.port)}
    assert watch.by_python() == upstreams
    assert watch.by_any_means() == (upstreams if watch.under else set())
    assert watch.looked_up() == []


async def test_with_nothing_configured_nobody_but_the_embedded_llm_is_connected_to(
    tmp_path: Path, embedded_home: Path
) -> None:
    watch, home = Watch(tmp_path), tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(embedded_home / "models")
    async with live_server(home, environ=watch.environ, under=watch.under) as server, server.http() as http:
        body = {"model": "auto", "messages": [{"role": "user", "content": EASY}], "max_tokens": 1}
        for number in range(3):
            answer = await http.post("/v1/chat/completions", json={**body, "seed": number})
            assert answer.status_code == 200, answer.text
    seen = watch.by_python() | watch.by_any_means()
    assert seen
    assert {host for host, _ in seen} == {"127.0.0.1"}
    started = [line for line in watch.lines() if line.startswith(("subprocess.Popen", "os."))]
    assert all("python" in line for line in started), started


@pytest.mark.parametrize("means", ["socket.socket().connect_ex(('127.0.0.9', 9))", "urllib.request.urlopen(URL)"])
def test_who_connects_elsewhere_is_seen(tmp_path: Path, means: str) -> None:
    """The watch itself: it must not be blind to what it is there for."""
    watch = Watch(tmp_path)
    code = f"import socket, urllib.request\nURL = 'http://127.0.0.9:9/'\ntry:\n    {means}\nexcept OSError:\n    pass"
    subprocess.run([*watch.under, sys.executable, "-c", code], env=watch.environ, timeout=60, check=True)
    assert ("127.0.0.9", 9) in watch.by_python()
    if watch.under:
        assert ("127.0.0.9", 9) in watch.by_any_means()
