"""OpenAI's chat completions, the protocol that the gateway itself speaks: everything passes as it is."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from router.dialects.base import Asked, Dialect, EventStream
from router.dialects.chat_request import parse_chat_request
from router.errors import ApiError
from router.types import Endpoint

_NO_HEADERS: dict[str, str] = {}


class ChatEvents:
    """Payloads as events, untouched. ``[DONE]`` ends the answer; an error event stands in its place."""

    def feed(self, payload: bytes) -> bytes:
        """One event of one line: many clients take no other, and between the tokens of JSON a line end is a blank."""
        line = payload.replace(b"\n", b" ") if b"\n" in payload else payload
        return b"data: %b\n\n" % line

    def end(self) -> bytes:
        """``[DONE]``."""
        return b"data: [DONE]\n\n"

    def error(self, error: ApiError, request_id: str) -> bytes:
        """The error object as the data of an event."""
        return b"data: %b\n\n" % encode_error(error)


class ChatDialect:
    """Implements `router.dialects.Dialect` for ``POST /v1/chat/completions``."""

    endpoint: Endpoint = "chat/completions"
    _events = ChatEvents()

    def parse(self, body: bytes, *, headers: Mapping[str, str], max_messages: int) -> Asked:
        """See `router.dialects.Dialect.parse`."""
        request, raw = parse_chat_request(body, max_messages=max_messages)
        return Asked(request, raw)

    def whole(self, answer: bytes, asked: Asked) -> bytes:
        """The answer, byte for byte."""
        return answer

    def stream(self, asked: Asked) -> EventStream:
        """Events that need no state."""
        return self._events

    def error(self, error: ApiError, request_id: str) -> bytes:
        """OpenAI's error object."""
        return encode_error(error)

    def headers(self, request_id: str) -> dict[str, str]:
        """None beside ``x-request-id``, which is there anyway."""
        return _NO_HEADERS


def encode_error(error: ApiError) -> bytes:
    """The error as a JSON body."""
    return msgspec.json.encode(error.payload())


CHAT: Dialect = ChatDialect()
