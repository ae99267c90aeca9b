"""A caller that costs little: prepared requests over kept connections, each answer read to its end and no further."""

from __future__ import annotations

import asyncio
import functools
import itertools
import random
import time
from collections.abc import Iterator
from typing import cast
from urllib.parse import urlsplit

import msgspec

from tests.conftest import REPOSITORY

VOCABULARY = REPOSITORY / "models" / "default" / "1" / "tokenizer.json"
DISTINCT, TIMES = 6, 18
"""Words of four letters in a prompt, and how often they are said: 108 tokens, 115 with the system prompt,
and short enough (600 characters) that the cache compares them with others."""

PER_SYSTEM_PROMPT = 50
_numbers = itertools.count()
_random = random.Random(20)


@functools.cache
def _words() -> list[str]:
    known = msgspec.json.decode(VOCABULARY.read_bytes())["model"]["vocab"]
    return sorted(word for word in known if len(word) == 4 and word.isascii() and word.isalpha())


def distinct_requests(count: int, *, stream: bool) -> Iterator[bytes]:
    """Bodies of chat requests that no request before them asked, nor one that means much the same.

    Their words are drawn at random, and few share a system prompt: 1 in 1,000 finds another near enough to be judged.
    """
    for number in itertools.islice(_numbers, count):
        messages = [
            {"role": "system", "content": f"You help with matter {number // PER_SYSTEM_PROMPT}."},
            {"role": "user", "content": " ".join(_random.sample(_words(), DISTINCT) * TIMES)},
        ]
        yield msgspec.json.encode({"model": "auto", "messages": messages, "stream": stream})


class _Caller(asyncio.Protocol):
    """One connection: sends a request, waits until its answer is whole."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own
        self._received = bytearray()
        self._done: asyncio.Future[None] | None = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._done is not None and _is_whole(self._received):
            done, self._done = self._done, None
            if not self._received.startswith(b"HTTP/1.1 200 "):
                done.set_exception(RuntimeError(bytes(self._received[:500]).decode("latin-1")))
            else:
                done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server closed the connection"))

    async def ask(self, request: bytes) -> None:
        self._received.clear()
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._done

    def close(self) -> None:
        self._transport.close()


def _is_whole(received: bytearray) -> bool:
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = bytes(received[:end]).lower()
    if b"chunked" in head:
        return received.endswith(b"\r\n0\r\n\r\n")
    length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    return len(received) >= end + 4 + length


async def ask(base_url: str, count: int, *, concurrency: int, stream: bool) -> list[float]:
    """Send ``count`` distinct chat requests over ``concurrency`` connections; seconds that each took, unsorted.

    Raises:
        RuntimeError: an answer was not 200.
    """
    place = urlsplit(base_url)
    head = (
        f"POST {place.path}/chat/completions HTTP/1.1\r\nhost: {place.netloc}\r\ncontent-type: application/json\r\n"
        "authorization: Bearer not-needed\r\nuser-agent: bench\r\naccept: application/json\r\ncontent-length: "
    ).encode()
    bodies = distinct_requests(count, stream=stream)
    took: list[float] = []

    async def caller() -> None:
        _, connection = await asyncio.get_running_loop().create_connection(_Caller, place.hostname, place.port)
        for body in bodies:
            request = b"%b%d\r\n\r\n%b" % (head, len(body), body)
            started = time.perf_counter()
            await connection.ask(request)
            took.append(time.perf_counter() - started)
        connection.close()

    await asyncio.gather(*(caller() for _ in range(concurrency)))
    return took
