"""From the chunks of a streamed chat completion to the events of a streamed message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from router.dialects.base import untellable
from router.dialects.messages.answer import NOT_AS_IT_SHOULD, reasoning_of, text_of
from router.dialects.messages.queue import BlockQueue
from router.dialects.messages.wording import error_of, message_id, stop_of, tool_use_id, usage_of
from router.errors import ApiError
from router.types import NATIVE

Json = dict[str, Any]

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode

_EVENT_TYPE = re.compile(r"[a-z_]+")

TEXT: Json = {"type": "text", "text": ""}
THINKING: Json = {"type": "thinking", "thinking": "", "signature": ""}


def event(data: Json) -> bytes:
    """A server-sent event, named after its type."""
    return b"event: %b\ndata: %b\n\n" % (data["type"].encode(), _encode(data))


class MessageEvents:
    """One streamed message; see `router.dialects.EventStream`. Of several choices the first is told.

    Args:
        shows_reasoning: whether the caller asked for thinking, so that a model's reasoning may be shown.
        stop_sequences: those of the request.
    """

    def __init__(self, *, shows_reasoning: bool, stop_sequences: list[str]) -> None:
        self._shows_reasoning = shows_reasoning
        self._stop_sequences = stop_sequences
        self._blocks = BlockQueue()
        self._begun = False
        self._ending: Json = {}  # the choice that said why it ended
        self._usage: Any = None
        self._told = False  # the upstream's own events are passed on, its last one as well

    def feed(self, payload: bytes) -> bytes:
        """The events for the next chunk."""
        try:
            chunk = _decode(payload)
            told = chunk.get(NATIVE)
            if told is not None:
                return self._as_told(told)
            return b"".join(map(event, self._chunk(chunk)))
        except NOT_AS_IT_SHOULD:
            raise untellable("a part of it is no chat chunk") from None

    def end(self) -> bytes:
        """What closes the message: its last block, why it ended, what it took.

        Raises:
            UpstreamBroken: nobody said that it ended, or a tool call has no name.
        """
        if self._told:
            return b""
        if not self._ending:
            raise untellable("it has no end")
        reason, sequence = stop_of(
            self._ending, calls_tools=self._blocks.calls_tools, stop_sequences=self._stop_sequences
        )
        closing: list[Json] = [
            *self._blocks.tell(ended=True),
            {
                "type": "message_delta",
                "delta": {"stop_reason": reason, "stop_sequence": sequence},
                "usage": usage_of(self._usage),
            },
            {"type": "message_stop"},
        ]
        return b"".join(map(event, closing))

    def error(self, error: ApiError, request_id: str) -> bytes:
        """The error event, after which nothing comes."""
        return event(error_of(error, request_id))

    def _as_told(self, told: Json) -> bytes:
        self._told = True
        if not _EVENT_TYPE.fullmatch(told["type"]):
            raise ValueError("no type of an event")
        return event(told)

    def _chunk(self, chunk: Json) -> Iterator[Json]:
        if not self._begun:
            self._begun = True
            yield from self._opening(chunk)
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk.get("choices") or ():
            if choice.get("index"):
                continue
            self._delta(choice.get("delta") or {})
            if choice.get("finish_reason") is not None:
                self._ending = choice
        yield from self._blocks.tell()

    def _opening(self, chunk: Json) -> Iterator[Json]:
        message: Json = {
            "id": message_id(chunk.get("id")),
            "type": "message",
            "role": "assistant",
            "model": chunk.get("model") or "",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            # Upstreams count at the end: the last event but one has the figures.
            "usage": usage_of(None),
        }
        yield {"type": "message_start", "message": message}
        yield {"type": "ping"}

    def _delta(self, delta: Json) -> None:
        self._think(delta)
        for text in (text_of(delta.get("content")), text_of(delta.get("refusal"))):
            if text:
                self._blocks.prose("text", TEXT).grow(text)
        for position, piece in enumerate(delta.get("tool_calls") or ()):
            self._call(piece, position)

    def _think(self, delta: Json) -> None:
        blocks = delta.get("thinking_blocks") or ()
        reasoning = reasoning_of(delta)
        # Both may say the same: a replayed answer, or a server that gives each piece in either form.
        if reasoning and not any(block.get("thinking") for block in blocks) and self._tells(blocks):
            self._blocks.prose("thinking", THINKING).grow(reasoning)
        for block in blocks:
            if block.get("type") == "redacted_thinking":
                self._redacted(block)
            else:
                self._signed(block)

    def _tells(self, blocks: Any) -> bool:
        return self._shows_reasoning or bool(blocks)

    def _redacted(self, block: Json) -> None:
        self._blocks.prose("redacted_thinking", block).ended = True

    def _signed(self, block: Json) -> None:
        """A piece of thinking, its signature, or both; the text may repeat what came piece by piece."""
        text, signature = block.get("thinking") or "", block.get("signature")
        growing = self._blocks.prose("thinking", THINKING)
        if not (signature and growing.text == text):
            growing.grow(text)
        if signature:
            growing.sign(signature)

    def _call(self, piece: Json, position: int) -> None:
        index = piece.get("index")
        block = self._blocks.call(position if index is None else index)
        function = piece.get("function") or {}
        arguments = function.get("arguments") or ""
        if isinstance(arguments, dict):  # some servers do not write them out
            arguments = _encode(arguments).decode()
        if block.ended:
            if arguments.strip():
                raise untellable("a tool call goes on after its end")
            return
        if block.start is None:
            block.call_id = block.call_id or piece.get("id")
            if name := function.get("name"):
                block.start = {"type": "tool_use", "id": tool_use_id(block.call_id), "name": name, "input": {}}
        block.grow(arguments)
