"""A real Underdog in its own process, over a real socket, for tests that see it as a client does."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from openai import AsyncOpenAI

from router.upstream.scripted import ScriptedServer

READY = re.compile(r"Underdog is ready on (?P<url>\S+)")
START_LIMIT_S = 60

EASY = "What is the capital of France?"
HARD = (
    "Prove that every finite group of order p^2, p prime, is abelian, then classify all groups of order 45 up to "
    "isomorphism, and write a Python function that, given the order n, decides whether every group of that order "
    "is abelian."
)


@dataclass
class LiveServer:
    """A running server: where it listens, its process, and the folder with its ledger."""

    url: str
    process: asyncio.subprocess.Process
    home: Path

    def client(self, **options: Any) -> AsyncOpenAI:
        """The official client, pointed here; it does not retry, so that tests see every answer."""
        return AsyncOpenAI(base_url=f"{self.url}/v1", **{"api_key": "not-needed", "max_retries": 0, **options})

    def http(self) -> httpx.AsyncClient:
        """A bare HTTP client."""
        return httpx.AsyncClient(base_url=self.url, timeout=60, trust_env=False)

    def ledger_rows(self) -> list[dict[str, Any]]:
        """All ledger rows, oldest first, read by a second connection as an operator would."""
        with sqlite3.connect(f"file:{self.home / 'ledger.sqlite3'}?mode=ro", uri=True) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute("SELECT * FROM requests ORDER BY seq")]

    async def ledger_row(self, request_id: str) -> dict[str, Any]:
        """One row, awaited for a moment: a caller who left learns nothing of when it was written."""
        for _ in range(100):
            for row in self.ledger_rows():
                if row["request_id"] == request_id:
                    return row
            await asyncio.sleep(0.05)
        raise AssertionError(f"{request_id} is not in the ledger")


@asynccontextmanager
async def live_server(
    home: Path,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    stderr: Path | None = None,
    under: Sequence[str] = (),
    stdin: int | None = None,
) -> AsyncIterator[LiveServer]:
    """Start ``python -m router serve`` on a free port, and stop it in the end; its log goes to the file ``stderr``.

    ``under``: a command that runs it in its own process, such as a tracer's. ``stdin``: what it reads from.
    """
    home.mkdir(parents=True, exist_ok=True)
    log = stderr.open("wb") if stderr else None
    process = await asyncio.create_subprocess_exec(
        *under,
        sys.executable,
        "-m",
        "router",
        "serve",
        "--port",
        "0",
        "--home",
        str(home),
        *arguments,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), **(environ or {})},
        cwd=Path(__file__).resolve().parents[1],
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
    )
    if log is not None:
        log.close()
    try:
        yield LiveServer(url=await _ready_url(process), process=process, home=home)
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), timeout=60)


async def _ready_url(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(START_LIMIT_S):
        while line := await process.stdout.readline():
            if match := READY.search(line.decode()):
                return match["url"]
    raise AssertionError(f"the server ended with status {await process.wait()} before it was ready")


@asynccontextmanager
async def routed(
    home: Path, weak: ScriptedServer, strong: ScriptedServer | None, *arguments: str, **environ: str
) -> AsyncIterator[LiveServer]:
    """A server between two scripted models."""
    upstreams = ["--weak-url", weak.base_url, "--weak-model", "weak-model"]
    if strong is not None:
        upstreams += ["--strong-url", strong.base_url, "--strong-model", "strong-model"]
    async with live_server(home, *upstreams, *arguments, environ=environ) as server:
        yield server


@asynccontextmanager
async def upstream_process(module: str, *arguments: str) -> AsyncIterator[str]:
    """An upstream of the tests' own in a process of its own, killed in the end; the base URL that it prints last."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        cwd=Path(__file__).resolve().parents[1],
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().split()[-1]
    finally:
        process.kill()
        await process.wait()
