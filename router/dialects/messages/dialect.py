"""Anthropic's Messages as a dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from router.dialects.base import Asked, Dialect, EventStream
from router.dialects.messages.answer import message_of
from router.dialects.messages.events import MessageEvents
from router.dialects.messages.request import PROTOCOL_HEADERS, parse_messages
from router.dialects.messages.wording import error_of
from router.errors import UNREADABLE_JSON, ApiError, InvalidRequest
from router.types import NATIVE, Endpoint

_THINKING = frozenset({"enabled", "adaptive", "between_tools"})

_encode = msgspec.json.Encoder().encode


def _protocol_header(headers: Mapping[str, str], name: str) -> str:
    """A header that goes on to an upstream; of several of its name the list of all.

    Raises:
        InvalidRequest: it holds what an upstream cannot be sent.
    """
    text = ", ".join(value for key, value in headers.items() if key.lower() == name)
    if not (text.isascii() and text.isprintable()):
        raise InvalidRequest(f"The header '{name}' may hold printable characters of ASCII only.", param=name)
    return text


class MessagesDialect:
    """Implements `router.dialects.Dialect` for ``POST /v1/messages``."""

    endpoint: Endpoint = "chat/completions"

    def parse(self, body: bytes, *, headers: Mapping[str, str], max_messages: int) -> Asked:
        """See `router.dialects.Dialect.parse`."""
        kept = {name: _protocol_header(headers, name) for name in PROTOCOL_HEADERS if name in headers}
        return parse_messages(body, headers=kept, max_messages=max_messages)

    def whole(self, answer: bytes, asked: Asked) -> bytes:
        """A message object: the upstream's own, where it speaks the protocol."""
        if NATIVE.encode() in answer and (told := _carried(answer)) is not None:
            return told
        return _encode(message_of(answer, **_wishes(asked)))

    def stream(self, asked: Asked) -> EventStream:
        """From ``message_start`` to ``message_stop``."""
        return MessageEvents(**_wishes(asked))

    def error(self, error: ApiError, request_id: str) -> bytes:
        """Anthropic's error object."""
        return _encode(error_of(error, request_id))

    def headers(self, request_id: str) -> dict[str, str]:
        """The name under which Anthropic's clients look for the request's id."""
        return {"request-id": request_id}


class _Carrying(Struct):
    told: Raw | UnsetType = field(default=UNSET, name=NATIVE)


def _carried(answer: bytes) -> bytes | None:
    """What an answer in chat form carries of the upstream's own; None where it carries nothing."""
    try:
        told = msgspec.json.decode(answer, type=_Carrying).told
    except UNREADABLE_JSON:
        return None
    return None if told is UNSET else bytes(told)


def _wishes(asked: Asked) -> dict[str, Any]:
    """What of a request shapes how its answer is told."""
    native = asked.native.body if asked.native is not None else {}
    thinking = native.get("thinking") or {}
    shows = thinking.get("type") in _THINKING and thinking.get("display") != "omitted"
    return {"shows_reasoning": shows, "stop_sequences": native.get("stop_sequences") or []}


MESSAGES: Dialect = MessagesDialect()
