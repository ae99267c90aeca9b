"""What Anthropic's answers look like on the wire, as far as it must be known. Fields of other types are refused."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

Json = dict[str, Any]


class Message(Struct):
    """A whole answer, the beginning of a streamed one, or an error with status 200."""

    id: str | None = None
    model: str | None = None
    content: list[Json] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: Json | None = None
    usage: Json | None = None
    error: Any = None


class Ending(Struct):
    """How an answer ended: the ``delta`` of a ``message_delta`` event."""

    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: Json | None = None


class Event(Struct):
    """One event of a stream: ``type`` says which of the other fields it has."""

    type: str
    index: int = 0
    message: Message | None = None
    content_block: Json | None = None
    delta: Json | None = None
    usage: Json | None = None
    error: Any = None


read_message = msgspec.json.Decoder(Message).decode
read_event = msgspec.json.Decoder(Event).decode
