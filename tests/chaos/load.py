"""Many requests at once against a live server, each checked to the last word, and what the server holds meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec

from tests.chaos.wire import reply_to
from tests.live import LiveServer

PATH = "/v1/chat/completions"


@dataclass
class Seen:
    """What callers saw: how each request ended, and its id."""

    endings: Counter[str] = field(default_factory=Counter)
    ids: list[str] = field(default_factory=list)
    attempts: Counter[str] = field(default_factory=Counter)
    deployments: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        return sum(count for ending, count in self.endings.items() if not ending.startswith("ok"))


async def ask_many(server: LiveServer, count: int, *, at_once: int, seen: Seen, first: int = 0) -> None:
    """Ask so many different questions, every other one streamed, and note what is seen."""
    numbers = iter(range(first, first + count))
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(server.url, connector=connector, timeout=timeout) as session:

        async def caller() -> None:
            for number in numbers:
                await _ask(session, number, seen)

        await asyncio.gather(*(caller() for _ in range(at_once)))


async def _ask(session: aiohttp.ClientSession, number: int, seen: Seen) -> None:
    streams = bool(number % 2)
    body: dict[str, Any] = {"messages": [{"role": "user", "content": f"What is {number} plus {number}?"}]}
    async with session.post(PATH, json=body | {"stream": streams}) as answer:
        content = await answer.read()
    seen.ids.append(answer.headers["x-request-id"])
    seen.attempts[answer.headers.get("x-router-attempts", "none")] += 1
    seen.deployments[answer.headers.get("x-router-deployment", "nobody")] += 1
    shape = "stream" if streams else "whole"
    if answer.status != 200:
        seen.endings[f"{shape}: {answer.status} {json.loads(content)['error']['code']}"] += 1
        return
    right = (_streamed(content) if streams else _whole(content)) == reply_to(body)
    seen.endings[f"ok {shape}" if right else f"{shape}: wrong or cut off"] += 1


def _whole(content: bytes) -> str:
    return str(msgspec.json.decode(content)["choices"][0]["message"]["content"])


def _streamed(content: bytes) -> str | None:
    """The text of a stream that came to its end; None of one that did not."""
    events = [event.removeprefix(b"data: ") for event in content.split(b"\n\n") if event]
    if events[-1] != b"[DONE]":
        return None
    choices = [choice for event in events[:-1] for choice in msgspec.json.decode(event).get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


@dataclass(frozen=True)
class Held:
    """What the server's process holds."""

    files: int
    tasks: int
    megabytes: float


async def held(server: LiveServer) -> Held:
    async with server.http() as http:
        text = (await http.get("/metrics")).text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return Held(
        files=int(float(values["process_open_fds"])),
        tasks=int(float(values["underdog_tasks"])),
        megabytes=float(values["process_resident_memory_bytes"]) / 1e6,
    )


async def settled(server: LiveServer, within: Held, *, patience_s: float = 20) -> Held:
    """What it holds once connections that are kept for a while have been closed; the last look where they are not."""
    now = await held(server)
    for _ in range(int(patience_s * 4)):
        if now.files <= within.files and now.tasks <= within.tasks:
            break
        await asyncio.sleep(0.25)
        now = await held(server)
    return now
