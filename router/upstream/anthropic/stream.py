"""A streamed answer of Anthropic's, as the chunks of a chat completion."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Any, Self

import msgspec

from router.errors import UNREADABLE_JSON, UpstreamBroken, UpstreamError, UpstreamRefused
from router.types import NATIVE, SO_FAR, Served
from router.upstream.anthropic import reply
from router.upstream.anthropic.wire import Ending, Event, Message, read_event
from router.upstream.refusals import MAX_DETAIL_CHARS, Secrets, blotted, error_in_answer, error_message
from router.upstream.streaming import EventStream

Json = dict[str, Any]

ERROR_STATUS = {
    "rate_limit_error": 429,
    "overloaded_error": 529,
    "api_error": 500,
    "timeout_error": 504,
}
"""The HTTP status of errors that pass. In a stream they come as events, behind a status of 200."""

_encode = msgspec.json.Encoder().encode


class MessageEvents(EventStream):
    """The events of one message. They end with ``message_stop``, and not in good order without it.

    ``event`` is the event that was given last, decoded.
    """

    event: Event

    async def _next(self) -> bytes:
        if self._finish_seen and not self._payloads:
            await self._drain()
            raise StopAsyncIteration
        return await super()._next()

    def _check(self, payload: bytes) -> None:
        try:
            self.event = event = read_event(payload)
        except UNREADABLE_JSON as error:
            message = f"The {self._upstream} upstream sent an event that is no part of a message."
            raise UpstreamBroken(message, upstream=self._upstream) from error
        if event.type == "error" or event.error is not None:
            raise refused_midway(event.error, self._upstream, self._secrets)
        if event.type == "message_stop":
            self._finish_seen = True


def refused_midway(error: Any, upstream: str, secrets: Secrets) -> UpstreamError:
    """The error to raise for an error event; ``secrets`` are never quoted."""
    status = ERROR_STATUS.get(error.get("type", "")) if isinstance(error, dict) else None
    if status is None:
        return error_in_answer(error, upstream, secrets)
    detail = (error_message(blotted(error, secrets)) or "no details")[:MAX_DETAIL_CHARS]
    body = {"message": detail, "type": error["type"], "param": None, "code": None}
    return UpstreamRefused(detail, upstream=upstream, status=status, body=body)


class ChunkStream:
    """Implements `router.upstream.base.StreamReply`: chunks made of the events of one message.

    Args:
        events: the open stream, which this one owns from here on.
        carries_events: whether chunks carry the events themselves, for a caller who speaks the same protocol.
    """

    def __init__(self, events: MessageEvents, *, carries_events: bool = False) -> None:
        self.served: Served = events.served
        self._carries_events = carries_events
        self._events = events
        self._translation = Translation()
        self._chunks: deque[bytes] = deque()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks:
            payload = await anext(self._events)  # ends when they do
            try:
                chunks = list(self._translation.take(self._events.event))
                if self._carries_events:
                    first = chunks.pop(0) if chunks else self._translation.silence()
                    chunks.insert(0, first | {NATIVE: msgspec.Raw(payload)})
                self._chunks.extend(map(_encode, chunks))
            except msgspec.ValidationError as error:
                await self.aclose()
                message = f"The {self.served.deployment} upstream sent an event that is no part of a message."
                raise UpstreamBroken(message, upstream=self.served.deployment) from error
        return self._chunks.popleft()

    async def aclose(self) -> None:
        """Let go of the connection. May be called twice."""
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class Translation:
    """Turns events, one after the other, into chunks. Events that it does not know give none."""

    def __init__(self) -> None:
        self._message = Message()
        self._created = int(time.time())
        self._usage: Json = {}
        self._blocks: dict[int, Json] = {}  # those that have begun and not ended
        self._calls: dict[int, int] = {}  # of each block that calls a tool, which call it is

    def take(self, event: Event) -> Iterator[Json]:
        """The chunks that an event becomes."""
        match event.type:
            case "message_start":
                self._message = event.message or self._message
                self._usage |= self._message.usage or {}
                yield self._chunk({"role": "assistant", "content": ""})
                if self._usage:
                    yield self._envelope() | {"choices": [], SO_FAR: reply.usage(self._usage)}
            case "content_block_start":
                yield from self._begin(event.index, dict(event.content_block or {}))
            case "content_block_delta":
                yield from self._go_on(event.index, event.delta or {})
            case "content_block_stop":
                yield from self._end(event.index)
            case "message_delta":
                self._usage |= {name: count for name, count in (event.usage or {}).items() if count is not None}
                yield from self._finish(msgspec.convert(event.delta or {}, Ending))
            case "message_stop":
                yield self._envelope() | {"choices": [], "usage": reply.usage(self._usage)}

    def silence(self) -> Json:
        """A chunk that says nothing."""
        return self._envelope() | {"choices": []}

    def _begin(self, index: int, block: Json) -> Iterator[Json]:
        self._blocks[index] = block
        match block.get("type"):
            case "text" if block.get("text"):
                yield self._chunk({"content": block["text"]})
            case "thinking" if block.get("thinking"):
                yield self._chunk({"reasoning_content": block["thinking"]})
            case "tool_use":
                self._calls[index] = call = len(self._calls)
                given = block.pop("input", None)
                block["arguments"] = []
                function = {"name": block.get("name"), "arguments": ""}
                yield self._chunk(
                    {"tool_calls": [{"index": call, "id": block.get("id"), "type": "function", "function": function}]}
                )
                if given:
                    yield from self._argue(index, _encode(given).decode())

    def _go_on(self, index: int, delta: Json) -> Iterator[Json]:
        block = self._blocks.setdefault(index, {})
        match delta:
            case {"type": "text_delta", "text": str(text)}:
                yield self._chunk({"content": text})
            case {"type": "thinking_delta", "thinking": str(text)}:
                block.setdefault("pieces", []).append(text)
                yield self._chunk({"reasoning_content": text})
            case {"type": "signature_delta", "signature": str(text)}:
                block["signature"] = text
            case {"type": "input_json_delta", "partial_json": str(text)} if text and index in self._calls:
                yield from self._argue(index, text)

    def _argue(self, index: int, text: str) -> Iterator[Json]:
        self._blocks[index]["arguments"].append(text)
        yield self._chunk({"tool_calls": [{"index": self._calls[index], "function": {"arguments": text}}]})

    def _end(self, index: int) -> Iterator[Json]:
        block = self._blocks.pop(index, {})
        if block.get("type") == "tool_use" and not block["arguments"]:
            self._blocks[index] = block
            yield from self._argue(index, "{}")
            del self._blocks[index]
        if block.get("type") in reply.THOUGHTS:
            # Whole, since it must come back as it is: its text has been told, its signature has not.
            pieces = block.pop("pieces", [])
            if pieces:
                block["thinking"] = block.get("thinking", "") + "".join(pieces)
            yield self._chunk({"thinking_blocks": [block]})

    def _finish(self, end: Ending) -> Iterator[Json]:
        if end.stop_reason is None:
            return
        refused = reply.refusal(end)
        yield self._chunk({} if refused is None else {"refusal": refused}, reply.ending(end))

    def _chunk(self, delta: Json, ending: Json | None = None) -> Json:
        choice = {"index": 0, "delta": delta, **(ending or {"finish_reason": None})}
        return self._envelope() | {"choices": [choice]}

    def _envelope(self) -> Json:
        return reply.envelope("chat.completion.chunk", self._message, self._created)
