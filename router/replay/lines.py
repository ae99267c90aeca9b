"""Lines of a log, told apart: records of ``underdog ledger export``, chat requests, lines of OpenAI's batch input."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from router.dialects.chat_request import MAX_REASON_CHARS, parse_chat_request
from router.errors import UNREADABLE_JSON, InvalidRequest
from router.ledger.decided import PastRequest
from router.scoring.prompt import prompt_text
from router.types import ChatRequest, Message

MOST_BYTES = 64 * 1024 * 1024
"""Longest line that is looked at."""

MOST_MESSAGES = 100_000
CHAT_PATH = "/v1/chat/completions"

KINDS = (
    'neither a record of `underdog ledger export` nor a chat request ({"messages": [...]}) nor a line of batch input '
    '({"custom_id": ..., "body": {...}})'
)
_CSV_HEAD = b"request_id,"


class BadLine(Exception):
    """A line that is no request; the message says what is wrong with it, and quotes nothing of what was asked."""


class Recorded(Struct, frozen=True):
    """A request that was answered. ``text``: what of its prompt is scored; None where the prompt was not kept."""

    past: PastRequest
    text: str | None


class Asked(Struct, frozen=True):
    """A request that nobody answered, as far as the log tells."""

    request: ChatRequest

    @property
    def text(self) -> str:
        """What of it is scored."""
        return prompt_text(self.request.messages)


class _Shape(Struct):
    """What tells the kinds apart."""

    request_id: Raw | UnsetType = UNSET
    outcome: Raw | UnsetType = UNSET
    body: Raw | UnsetType = UNSET
    url: str | UnsetType = UNSET
    messages: Raw | UnsetType = UNSET


_shape = msgspec.json.Decoder(_Shape)
# Amounts are text in exports, so that no digit is lost.
_record = msgspec.json.Decoder(PastRequest, strict=False)
_messages = msgspec.json.Decoder(list[Message] | None)


def lines_of(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """The lines that hold something with their numbers, from 1 on; None for one that is longer than ``MOST_BYTES``."""
    number = 0
    while line := stream.readline(MOST_BYTES):
        number += 1
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if len(line) == MOST_BYTES and not line.endswith(b"\n"):
            while (rest := stream.readline(MOST_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield number, None
        elif line.strip():
            yield number, line


def parsed(line: bytes) -> Recorded | Asked:
    """What a line holds.

    Raises:
        BadLine: none of the kinds.
    """
    try:
        shape = _shape.decode(line)
    except UNREADABLE_JSON as error:
        raise BadLine(_why_unreadable(line, error)) from None
    if shape.request_id is not UNSET and shape.outcome is not UNSET:
        return _recorded(line, shape)
    if isinstance(shape.body, Raw):
        if isinstance(shape.url, str) and not shape.url.endswith(CHAT_PATH.removeprefix("/v1")):
            raise BadLine(f"a batch request to {shape.url[:60]!r}: only those to {CHAT_PATH} are decided")
        return _asked(bytes(shape.body))
    if shape.messages is not UNSET:
        return _asked(line)
    raise BadLine(KINDS)


def _recorded(line: bytes, shape: _Shape) -> Recorded:
    try:
        messages = _messages.decode(shape.messages) if isinstance(shape.messages, Raw) else None
        return Recorded(_record.decode(line), None if messages is None else prompt_text(messages))
    except UNREADABLE_JSON as error:
        raise BadLine(f"a record of the ledger that cannot be read: {str(error)[:MAX_REASON_CHARS]}") from None


def _asked(body: bytes) -> Asked:
    try:
        request, _ = parse_chat_request(body, max_messages=MOST_MESSAGES)
    except InvalidRequest as error:
        raise BadLine(error.message) from None
    return Asked(request)


def _why_unreadable(line: bytes, error: Exception) -> str:
    if line.startswith(_CSV_HEAD):
        return "this is CSV: write JSON lines, `underdog ledger export --format jsonl`"
    if isinstance(error, msgspec.ValidationError):
        return KINDS
    return "no JSON"
