"""An endpoint that plays recordings: it keeps what it is asked, and answers byte for byte.

For tests of what passes through a server untouched; for faults and delays there is ``router.upstream.scripted``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass
class Asked:
    """One request: its path, its headers (names in lower case) and the bytes of its body."""

    path: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """The body, decoded."""
        return json.loads(self.raw)


@dataclass
class RecordedServer:
    """Answers every POST with ``answer``, or with ``events`` where a stream is asked for.

    ``answer`` is the text of a JSON body; ``events`` are the payloads of a stream in OpenAI's manner, to which
    ``[DONE]`` is added; ``stream`` is the text of one in any other. All may be exchanged at any time. ``asked`` has all
    requests in order.
    """

    answer: str = "{}"
    events: Sequence[str] = ()
    stream: str | None = None
    status: int = 200
    asked: list[Asked] = field(default_factory=list)
    _server: asyncio.Server | None = None

    @property
    def base_url(self) -> str:
        """Where it listens, with the ``/v1``."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.strip().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                raw = await reader.readexactly(int(headers.get("content-length", "0")))
                request = Asked(first.split(" ")[1], headers, raw)
                self.asked.append(request)
                writer.write(self._reply(streamed=bool(request.body.get("stream"))))
                await writer.drain()
        writer.close()

    def _reply(self, *, streamed: bool) -> bytes:
        kind, body = "application/json", self.answer.encode()
        if streamed and self.status == 200:
            kind = "text/event-stream"
            done = "".join(f"data: {event}\n\n" for event in (*self.events, "[DONE]"))
            body = (done if self.stream is None else self.stream).encode()
        head = f"HTTP/1.1 {self.status} Recorded\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
        return head.encode() + body
