"""A model that answers at once: ``python -m tests.bench.forwarded.instant``. What is measured then is the way there.

It reads no JSON and thinks nothing: the length of a request, whether it streams, and a fixed answer. The events of a
stream are written one by one, as a model writes them.
"""

from __future__ import annotations

import asyncio
from typing import cast

import uvloop

PIECES = 16
"""Pieces of text in a streamed answer: an opening event, these, the end, the usage and ``[DONE]`` make 20 events."""

_USAGE = b'"usage":{"prompt_tokens":128,"completion_tokens":16,"total_tokens":144}'
_ENVELOPE = b'"id":"chatcmpl-instant","object":"chat.completion%b","created":1700000000,"model":"instant"'
_WHOLE = (
    b'{%b,"choices":[{"index":0,"message":{"role":"assistant","content":"%b"},"logprobs":null,"finish_reason":"stop"}],%b}'
    % (_ENVELOPE % b"", b"word " * PIECES, _USAGE)
)


def _event(delta: bytes, finish: bytes = b"null") -> bytes:
    choice = b'{"index":0,"delta":%b,"logprobs":null,"finish_reason":%b}' % (delta, finish)
    return b'{%b,"choices":[%b],"usage":null}' % (_ENVELOPE % b".chunk", choice)


_EVENTS = [
    _event(b'{"role":"assistant","content":""}'),
    *[_event(b'{"content":"word "}') for _ in range(PIECES)],
    _event(b"{}", b'"stop"'),
    b'{%b,"choices":[],%b}' % (_ENVELOPE % b".chunk", _USAGE),
    b"[DONE]",
]
_WHOLE_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(_WHOLE),
    _WHOLE,
)
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_CHUNKS = [b"%x\r\n%b\r\n" % (len(frame), frame) for frame in (b"data: %b\n\n" % event for event in _EVENTS)]


class _Instant(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        self._received = b""
        if b'"stream":true' in body:
            self._transport.write(_STREAM_HEAD)
            self._stream(0)
        else:
            self._transport.write(_WHOLE_ANSWER)

    def _stream(self, number: int) -> None:
        if number < len(_CHUNKS):
            self._transport.write(_CHUNKS[number])
            asyncio.get_running_loop().call_soon(self._stream, number + 1)
        else:
            self._transport.write(b"0\r\n\r\n")


async def serve() -> None:
    """Listen on a free port, say which, and answer until the process is ended."""
    server = await asyncio.get_running_loop().create_server(_Instant, "127.0.0.1", 0)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
