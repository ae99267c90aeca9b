"""Callers with keys who ask through a balancer, and note what was acknowledged to them."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec

PATH = "/v1/chat/completions"
NUMBER = re.compile(r"\((\S+ \d+)\)")


@dataclass(frozen=True)
class Acknowledged:
    """One answer that was complete."""

    request_id: str
    caller: str
    number: str
    cache: str
    began_s: float
    ended_s: float


@dataclass
class Noted:
    """What callers saw."""

    acknowledged: list[Acknowledged] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    under_way: Counter[str] = field(default_factory=Counter)
    most_under_way: Counter[str] = field(default_factory=Counter)
    surprising: list[str] = field(default_factory=list)

    @property
    def endings(self) -> dict[str, int]:
        """How requests ended, for people."""
        ends = Counter({"acknowledged": len(self.acknowledged), "broken off": self.broken}) + self.refused
        return dict(ends)


@dataclass(frozen=True)
class Caller:
    """Somebody with a key. ``fields``: what their requests say beyond the question."""

    name: str
    key: str
    fields: dict[str, Any] = field(default_factory=dict)


async def ask_many(
    url: str, callers: Sequence[Caller], enough: Callable[[int], bool], *, at_once: int, noted: Noted
) -> None:
    """Ask until it is enough, the callers taking turns; every third was asked before, every other one streams."""
    numbers = itertools.takewhile(lambda number: not enough(number), itertools.count())
    timeout = aiohttp.ClientTimeout(total=120)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=5)
    async with aiohttp.ClientSession(url, connector=connector, timeout=timeout) as session:

        async def asking() -> None:
            for number in numbers:
                caller = callers[number % len(callers)]
                noted.under_way[caller.name] += 1
                noted.most_under_way |= noted.under_way
                await _ask(session, caller, number, noted)
                noted.under_way[caller.name] -= 1

        await asyncio.gather(*(asking() for _ in range(at_once)))


async def _ask(session: aiohttp.ClientSession, caller: Caller, number: int, noted: Noted) -> None:
    # Seven questions that all callers ask: an answer that crossed from one to another would be seen.
    asked = number // 3 % 7 if number % 3 == 0 else number
    question = f"What is {asked} plus {asked}?"
    body = {"messages": [{"role": "user", "content": question}], "stream": bool(number % 2), **caller.fields}
    began = time.time()
    try:
        async with session.post(PATH, json=body, headers={"authorization": f"Bearer {caller.key}"}) as answer:
            content = await answer.read()
    except (aiohttp.ClientError, TimeoutError):
        noted.broken += 1
        return
    if answer.status != 200:
        error = msgspec.json.decode(content)["error"]
        noted.refused[f"{answer.status} {error['code']}"] += 1
        if answer.status != 429:
            noted.surprising.append(f"{answer.status} {error}")
        return
    text = _streamed(content) if body["stream"] else _whole(content)
    found = NUMBER.search(text or "")
    if found is None:  # a stream that ended in an error
        noted.broken += 1
        return
    if question not in (text or ""):
        noted.surprising.append(f"asked {question}, was told {text}")
    noted.acknowledged.append(
        Acknowledged(
            request_id=answer.headers["x-request-id"],
            caller=caller.name,
            number=found[1],
            cache=answer.headers["x-router-cache"],
            began_s=began,
            ended_s=time.time(),
        )
    )


def _whole(content: bytes) -> str:
    return str(msgspec.json.decode(content)["choices"][0]["message"]["content"])


def _streamed(content: bytes) -> str | None:
    """The text of a stream that came to its end; None of one that did not."""
    events = [event.removeprefix(b"data: ") for event in content.split(b"\n\n") if event]
    if not events or events[-1] != b"[DONE]":
        return None
    choices = [choice for event in events[:-1] for choice in msgspec.json.decode(event).get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices)
