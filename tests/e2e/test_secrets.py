"""Marked secrets in settings and environment: searched for in everything that a running server says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import HARD, LiveServer, live_server

PATH = "/v1/chat/completions"
SERVER_KEY = "marked-server-key-1f0c"
KEYS = ["marked-key-in-settings-77aa", "marked-key-in-environment-99bb", "marked-key-in-header-42cc"]
PROVIDER_KEY = "sk-marked-provider-key-31dd"
QUERY_SECRET = "marked-secret-in-a-url-55ee"
PROMPT, ANSWER = "marked-prompt-of-a-caller", "marked-answer-of-a-model"
SECRETS = [SERVER_KEY, *KEYS, PROVIDER_KEY, QUERY_SECRET, "marked-"]


def turns(key: str) -> list[Turn]:
    """Ways to answer, most of which quote the key that came with the request, as some providers do."""
    echo = f"Incorrect API key provided: {key}."
    return [
        Turn(reply=ANSWER),
        Turn(status=401, error_message=echo),
        Turn(status=403, error_message=echo),
        Turn(status=400, error_message=echo),
        Turn(status=500, error_message=echo),
        Turn(status=429, error_message=echo, headers={"retry-after": "0"}),
        Turn(fault="error-object", error_message=echo),
        Turn(fault="error-midway", error_message=echo),
        Turn(fault="cut"),
        Turn(fault="not-json"),
        Turn(fault="redirect"),
    ]


PAGES = [
    "/health", "/ready", "/metrics", "/stats", "/cache/stats", "/v1/models", "/openapi/openapi.json", "/openapi",
    "/nothing", "/v1/models/none",
]  # fmt: skip


@asynccontextmanager
async def listening(home: Path, *servers: ScriptedServer | str) -> AsyncIterator[tuple[LiveServer, Path]]:
    """A server with a secret in every place that takes one; its error output goes to a file."""
    deployments = [
        {
            "route": "weak",
            "name": f"d{number}",
            "model": "m",
            "url": server if isinstance(server, str) else server.base_url,
            **({"api_key_env": ["MY_UPSTREAM_KEY"]} if number else {"api_key": KEYS[0]}),
            "headers": {"x-tenant-secret": KEYS[2]},
        }
        for number, server in enumerate(servers)
    ]
    environ = {
        "UNDERDOG_API_KEY": SERVER_KEY,
        "UNDERDOG_DEPLOYMENTS": json.dumps(deployments),
        "UNDERDOG_BREAKER_FAILURES": "2",
        "MY_UPSTREAM_KEY": KEYS[1],
        "OPENAI_API_KEY": PROVIDER_KEY,
        "UNDERDOG_STRONG_URL": "http://127.0.0.1:9/v1",
        "UNDERDOG_STRONG_API_KEY": PROVIDER_KEY,
    }
    log = home / "log.txt"
    async with live_server(home, environ=environ, stderr=log) as server:
        yield server, log


def found(*texts: str) -> list[str]:
    return [secret for secret in (SERVER_KEY, *KEYS, PROVIDER_KEY, QUERY_SECRET) for text in texts if secret in text]


async def everything_said(server: LiveServer) -> list[str]:
    """Bodies and headers of all pages and of every way to ask, right or wrong."""
    key = {"authorization": f"Bearer {SERVER_KEY}"}
    said = []
    async with server.http() as http:

        async def ask(method: str, path: str, **options: Any) -> None:
            answer = await http.request(method, path, **options)
            said.append(f"{answer.headers} {answer.text}")

        for number in range(44):
            text = f"{PROMPT} {number}" if number % 5 else f"{HARD} {PROMPT} {number}"
            body = {"messages": [{"role": "user", "content": text}], "stream": bool(number % 2)}
            await ask("POST", PATH, json=body, headers=key)
            await ask("POST", "/v1/route", json=body, headers=key)
        for page in PAGES:
            await ask("GET", page, headers=key)
            await ask("GET", page)
        await ask("POST", PATH, content=b"{", headers=key)
        await ask("POST", PATH, json={"messages": []}, headers={"authorization": "Bearer wrong"})
        await ask("POST", PATH, json={"messages": [{"role": "user", "content": "x"}], "model": "none"}, headers=key)
    return said


async def test_no_secret_is_in_anything_that_a_server_says_or_writes(tmp_path: Path) -> None:
    async with (
        ScriptedServer(turns=turns(KEYS[0]) * 40) as one,
        ScriptedServer(turns=turns(KEYS[1])[::-1] * 40) as two,
        listening(tmp_path, one, two, f"http://127.0.0.1:9/v1?token={QUERY_SECRET}") as (server, log),
    ):
        said = await everything_said(server)
        server.process.terminate()
        await asyncio.wait_for(server.process.wait(), timeout=20)
    asked = [request.headers for request in one.chats + two.chats]
    assert {headers.get("x-tenant-secret") for headers in asked} == {KEYS[2]}  # they were sent where they belong
    written = log.read_text(encoding="utf-8", errors="replace")
    assert "deployment d" in written  # there was something to say
    assert found(*said) == []
    assert found(written) == []
    assert PROMPT not in written
    assert ANSWER not in written
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name != "cache.sqlite3" and "cache.sqlite3" not in path.name:
            content = path.read_bytes().decode("latin-1")
            assert found(content) == [], path
            assert PROMPT not in content, path


@pytest.mark.parametrize(
    "environ",
    [
        {"UNDERDOG_WEAK_URL": f"http://user:{KEYS[0]}@127.0.0.1:9/v1"},
        {"UNDERDOG_WEAK_URL": "http://127.0.0.1:9/v1", "UNDERDOG_WEAK_API_KEY": f"{KEYS[0]}\r\nx: y"},
        {"UNDERDOG_DEPLOYMENTS": json.dumps([{"route": "weak", "api_key": KEYS[0]}])},
        {"UNDERDOG_DEPLOYMENTS": json.dumps([{"route": "weak", "api_key": [KEYS[0]]}])},
        {"UNDERDOG_DEPLOYMENTS": f'[{{"route": "weak", "api_key": "{KEYS[0]}"'},
        {"UNDERDOG_DEPLOYMENTS": json.dumps([{"route": "weak", "url": f"ftp://h/?key={KEYS[0]}"}])},
    ],
)
async def test_settings_that_cannot_be_used_are_told_without_their_secrets(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    log = tmp_path / "log.txt"
    with pytest.raises(AssertionError, match="ended with status"):
        async with live_server(tmp_path, environ=environ, stderr=log):
            pass
    written = log.read_text(encoding="utf-8")
    assert written.strip()
    assert found(written) == []


def test_what_is_searched_for_can_be_found() -> None:
    assert found(httpx.Headers({"x": KEYS[2]}).get("x")) == [KEYS[2]]
