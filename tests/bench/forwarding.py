"""CPU time that forwarding one request costs this process, by HTTP client. Run: ``python -m tests.bench.forwarding``.

A scripted server in a process of its own answers every client alike. CPU time and not wall time, so that a busy machine
disturbs the figures less. `router.upstream.transport` rests its choice on this.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import httpx
import msgspec
import uvloop
from httpx_aiohttp import AiohttpTransport

from router.upstream.openai_compatible import OpenAICompatibleUpstream
from router.upstream.transport import open_transport

CONCURRENT = 8
WORDS = 64
HEADERS = {"content-type": "application/json", "authorization": "Bearer none"}

Forward = Callable[[bool], Awaitable[None]]
"""Sends one request, streamed or not, and reads the answer to its end."""


def request(*, stream: bool) -> dict[str, object]:
    return {"model": "m", "messages": [{"role": "user", "content": "word " * 128}], "stream": stream}


@asynccontextmanager
async def httpx_client(base_url: str, transport: httpx.AsyncBaseTransport | None = None) -> AsyncIterator[Forward]:
    async with httpx.AsyncClient(transport=transport, headers=HEADERS, trust_env=False) as client:

        async def forward(stream: bool) -> None:
            body = msgspec.json.encode(request(stream=stream))
            async with client.stream("POST", f"{base_url}/chat/completions", content=body) as response:
                async for _ in response.aiter_raw():
                    pass

        yield forward


@asynccontextmanager
async def httpx_over_aiohttp(base_url: str) -> AsyncIterator[Forward]:
    async with httpx_client(base_url, AiohttpTransport()) as forward:
        yield forward


@asynccontextmanager
async def httpx_transport_over_aiohttp(base_url: str) -> AsyncIterator[Forward]:
    async with transport_only(AiohttpTransport(), base_url) as forward:
        yield forward


@asynccontextmanager
async def our_transport(base_url: str) -> AsyncIterator[Forward]:
    async with transport_only(open_transport(base_url), base_url) as forward:
        yield forward


@asynccontextmanager
async def transport_only(transport: httpx.AsyncBaseTransport, base_url: str) -> AsyncIterator[Forward]:
    url = httpx.URL(f"{base_url}/chat/completions")

    async def forward(stream: bool) -> None:
        body = msgspec.json.encode(request(stream=stream))
        response = await transport.handle_async_request(httpx.Request("POST", url, headers=HEADERS, content=body))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        async for _ in response.stream:
            pass
        await response.aclose()

    yield forward
    await transport.aclose()


@asynccontextmanager
async def bare_aiohttp(base_url: str) -> AsyncIterator[Forward]:
    async with aiohttp.ClientSession(headers=HEADERS, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def forward(stream: bool) -> None:
            body = msgspec.json.encode(request(stream=stream))
            async with session.post(f"{base_url}/chat/completions", data=body) as response:
                async for _ in response.content.iter_any():
                    pass

        yield forward


@asynccontextmanager
async def our_upstream(base_url: str) -> AsyncIterator[Forward]:
    upstream = OpenAICompatibleUpstream(name="bench", base_url=base_url, model="m")

    async def forward(stream: bool) -> None:
        if not stream:
            await upstream.complete(request(stream=False))
            return
        async for _ in await upstream.stream(request(stream=True)):
            pass

    yield forward
    await upstream.aclose()


CLIENTS = {
    "httpx client": httpx_client,
    "httpx client over aiohttp": httpx_over_aiohttp,
    "httpx transport over aiohttp": httpx_transport_over_aiohttp,
    "aiohttp": bare_aiohttp,
    "httpx transport of our own": our_transport,
    "our upstream (checks and decodes)": our_upstream,
}


async def cpu_ms(forward: Forward, count: int, *, stream: bool) -> float:
    """CPU milliseconds of this process per request, warmed up."""

    async def several(times: int) -> None:
        for _ in range(times):
            await forward(stream)

    await several(10)
    started = time.process_time()
    await asyncio.gather(*(several(count // CONCURRENT) for _ in range(CONCURRENT)))
    return (time.process_time() - started) / count * 1000


async def compare(base_url: str, count: int) -> None:
    print(f"{'CPU ms per request':36}{'whole':>10}{'stream':>10}")
    for name, open_client in CLIENTS.items():
        async with open_client(base_url) as forward:
            whole = await cpu_ms(forward, count, stream=False)
            streamed = await cpu_ms(forward, count, stream=True)
        print(f"{name:36}{whole:10.3f}{streamed:10.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400, help="requests per client and kind")
    count = parser.parse_args().count
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, uvloop."
    )
    print(f"{count} requests each, {CONCURRENT} at a time; a streamed answer has {WORDS} pieces.\n")
    command = [sys.executable, "-m", "router.upstream.scripted", "--reply", "word " * WORDS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        base_url = server.stdout.readline().rsplit(" ", 1)[1].strip()
        try:
            uvloop.run(compare(base_url, count))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
