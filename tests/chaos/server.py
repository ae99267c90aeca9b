"""An upstream that misbehaves, in a process of its own: ``python -m tests.chaos.server --failing 0.5 --faults before``.

It speaks OpenAI's chat completions, and with every request decides, by seeded chance or by script, whether and how to
fail. ``GET /chaos`` tells what it did. Written against asyncio's sockets, since no web server would send most of this.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import socket
import struct
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec

from router.upstream.scripted import answers
from tests.chaos import wire
from tests.chaos.faults import MIDWAY, named

JSON, EVENTS = "application/json", "text/event-stream"

CLOSED_S = 0.05
"""How long nobody can connect after ``refuse``."""

BAD_NEWS = {"500": 500, "503": 503, "503-seconds": 503, "529": 529, "429": 429, "429-seconds": 429, "429-date": 429}


class Gone(Exception):
    """The connection is to end now."""


class ChaosServer:
    """The server.

    Args:
        model: the id that it lists and answers with.
        failing: the share of requests that fail.
        faults: how they fail, each as often as the others.
        oddities: unusual ways to answer rightly, for all the others; none is the ordinary one.
        script: what to do with the first, second, ... request instead, an empty name being the ordinary answer.
        seed: of the chance that decides.
        port: to listen on.
    """

    def __init__(
        self,
        *,
        model: str = "chaos",
        failing: float = 0.0,
        faults: Sequence[str] = (),
        oddities: Sequence[str] = (),
        script: Sequence[str] = (),
        seed: int = 1,
        port: int = 0,
    ) -> None:
        self.model = model
        self.did: Counter[str] = Counter()
        self.connections = 0
        self.port = port
        self._failing = failing
        self._faults = tuple(faults)
        self._oddities = ("", *oddities)
        self._script = list(script)
        self._chance = random.Random(seed)
        self._server: asyncio.Server | None = None
        self._reopening: asyncio.Task[None] | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def aclose(self) -> None:
        if self._reopening is not None:
            await self._reopening
        assert self._server is not None
        self._server.close()

    def _next(self) -> str:
        if self._script:
            return self._script.pop(0)
        if self._faults and self._chance.random() < self._failing:
            return self._chance.choice(self._faults)
        return self._chance.choice(self._oddities)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(Gone, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                await self._exchange(reader, writer)
        self.connections -= 1
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        content = await reader.readexactly(length)
        path = head.split(b" ", 2)[1]
        if not path.endswith(b"/chat/completions"):
            seen = {"did": self.did, "connections": self.connections} if path == b"/chaos" else None
            await _whole(writer, 200, msgspec.json.encode(seen or answers.model_list(self.model)))
            return
        fault = self._next()
        self.did[fault or "plain"] += 1
        await self._answer(fault, msgspec.json.decode(content), reader, writer)

    async def _answer(
        self, fault: str, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        streams = bool(body.get("stream"))
        if await self._refused(fault, writer) or await self._lied(fault, writer, streams=streams):
            return
        if fault == "hang":
            await self._hang(reader)
        elif streams:
            await self._stream(fault, body, reader, writer)
        else:
            await self._tell_whole(fault, body, reader, writer)

    async def _refused(self, fault: str, writer: asyncio.StreamWriter) -> bool:
        """Play the faults that are no answer at all, or an error status."""
        if fault in BAD_NEWS:
            soon = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
            waits = {"seconds": ["retry-after: 1"], "date": [f"retry-after: {soon}"]}
            error = msgspec.json.encode(answers.error("The chaos server was told to refuse."))
            await _whole(writer, BAD_NEWS[fault], error, *waits.get(fault.partition("-")[2], []))
            return True
        if fault == "half-head":
            writer.write(b"HTTP/1.1 200 O")
            await writer.drain()
        if fault in {"reset", "refuse", "half-head"}:
            if fault == "refuse":
                self._refuse_for_a_moment()
            _reset(writer)
            raise Gone
        if fault == "close":
            raise Gone
        return False

    async def _lied(self, fault: str, writer: asyncio.StreamWriter, *, streams: bool) -> bool:
        """Play the faults that look like an answer."""
        error = {"error-object": "scripted_error", "error-status": 503}.get(fault)
        if error is not None:
            told = msgspec.json.encode({"error": {"message": "No.", "type": "chaos", "param": None, "code": error}})
            body = b"data: %b\n\n" % told if streams else told
        elif fault == "not-json":
            body = b"data: {oops\n\n" if streams else b'{"choices": [{"mess'
        elif fault == "empty":
            body = b": nothing\n\ndata: [DONE]\n\n" if streams else b'{"id": "x", "object": "chat.completion"}'
        elif fault == "html":
            await _whole(writer, 200, b"<html>Please log in.</html>", kind="text/html")
            return True
        elif fault == "redirect":
            await _whole(writer, 307, b"", "location: http://127.0.0.2:9/v1/chat/completions")
            return True
        else:
            return False
        await _whole(writer, 200, body, kind=EVENTS if streams else JSON)
        return True

    async def _tell_whole(
        self, fault: str, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        answer = wire.whole(body, self.model, fault)
        kind = None if fault == "no-type" else JSON
        if fault in MIDWAY:
            writer.write(wire.head(200, kind, length=len(answer)) + answer[: len(answer) // 2])
            await writer.drain()
            await self._break(fault, reader, writer)
        await _pieces(writer, wire.head(200, kind, length=len(answer)) + answer, bytewise=fault == "bytes")

    async def _stream(
        self, fault: str, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(wire.head(200, None if fault == "no-type" else f"{EVENTS}; charset=utf-8"))
        told = list(wire.events(body, self.model, fault))
        if fault in MIDWAY and fault != "no-finish":
            half = told[: max(2, len(told) // 2)]
            if fault == "half-character":
                half.append(half[-1].split(b"\n")[0][:-12] + "é".encode()[:1])
            for event in half:
                writer.write(wire.chunk(event))
            await writer.drain()
            await asyncio.sleep(0.02)  # that the events leave before the connection breaks
            await self._break(fault, reader, writer)
            return
        if fault == "bytes":
            for event in told:
                await _pieces(writer, b"".join(wire.chunk(event[n : n + 1]) for n in range(len(event))), bytewise=True)
        elif fault == "giant":
            writer.write(wire.chunk(b"".join(told)))
        else:
            for event in told:
                writer.write(wire.chunk(event))
                await asyncio.sleep(0)
        writer.write(wire.chunk(b""))
        await writer.drain()

    async def _break(self, fault: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if fault == "hang-midway":
            await self._hang(reader)
        if fault in {"error-midway", "not-json-midway"}:
            error = msgspec.json.encode(answers.error("It broke."))
            writer.write(wire.chunk(b"data: %b\n\n" % (error if fault == "error-midway" else b"{oops")))
            writer.write(wire.chunk(b""))
            await writer.drain()
        if fault == "half-character":
            writer.write(wire.chunk(b""))
            await writer.drain()
        if fault == "reset-midway":
            _reset(writer)
        raise Gone

    async def _hang(self, reader: asyncio.StreamReader) -> None:
        """Wait until the client has had enough."""
        await reader.read()
        raise Gone

    def _refuse_for_a_moment(self) -> None:
        if self._reopening is not None and not self._reopening.done():
            return
        assert self._server is not None
        self._server.close()
        self._reopening = asyncio.create_task(self._reopen())

    async def _reopen(self) -> None:
        await asyncio.sleep(CLOSED_S)
        await self.start()


async def _whole(writer: asyncio.StreamWriter, status: int, body: bytes, *headers: str, kind: str = JSON) -> None:
    writer.write(wire.head(status, kind, *headers, length=len(body)) + body)
    await writer.drain()


async def _pieces(writer: asyncio.StreamWriter, data: bytes, *, bytewise: bool) -> None:
    """Write at once, or byte by byte in packets of their own as far as the kernel keeps them apart."""
    if not bytewise:
        writer.write(data)
        await writer.drain()
        return
    for start in range(0, len(data), 7):
        writer.write(data[start : start + 7])
        await writer.drain()
        await asyncio.sleep(0)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End the connection by a TCP reset."""
    taken = writer.get_extra_info("socket")
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.server", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--model", default="chaos")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--failing", type=float, default=0.0, metavar="SHARE", help="of the requests, 0 to 1")
    parser.add_argument("--faults", type=named, default=(), help="names and groups of tests/chaos/faults.py")
    parser.add_argument("--oddities", type=named, default=(), help="the same, for the requests that do not fail")
    return parser.parse_args()


async def main() -> None:
    server = ChaosServer(**vars(_options()))
    await server.start()
    print(f"Chaos at {server.base_url}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
