"""From a whole answer to the chunks of a stream. ``fold`` goes the other way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from router.types import NATIVE

PIECE_CHARS = 24
"""Characters of text in one replayed chunk, about what a few tokens of a live stream carry."""

MAX_PIECES = 512
"""Chunks that one text is cut into at most: long answers are replayed in larger pieces."""

_WORD = re.compile(r"\s*\S+|\s+$")
_encode = msgspec.json.Encoder().encode


def replay(body: bytes | msgspec.Raw, *, include_usage: bool, pieces: Sequence[int] | None = None) -> Iterator[bytes]:
    """The payloads of the ``chat.completion.chunk`` events that tell the same answer as a ``chat.completion`` body.

    Each choice opens with its role, goes on with its text in pieces and its tool calls, and closes with its finish
    reason. Fields that we do not know are kept: those of the message in the opening chunk, those of a choice in its
    closing one.

    Args:
        body: a JSON ``chat.completion`` object.
        include_usage: whether the caller asked for usage: then it comes last, in a chunk without choices.
        pieces: characters of the text that each chunk of the live stream carried (``StreamFold.pieces``), so that the
            replay is cut where that was; None cuts after words.

    Raises:
        msgspec.MsgspecError: ``body`` is not JSON of that shape.
    """
    whole = msgspec.json.decode(body, type=dict[str, Any])
    usage = whole.pop("usage", None)
    whole.pop(NATIVE, None)  # whole as well, and no part of a stream
    choices: list[dict[str, Any]] = whole.pop("choices")
    envelope = {**whole, "object": "chat.completion.chunk"}
    silence = {"usage": None} if include_usage else {}
    for choice in choices:
        for event in _choice_events(choice, pieces):
            yield _encode({**envelope, "choices": [event], **silence})
    if include_usage and usage is not None:
        yield _encode({**envelope, "choices": [], "usage": usage})


def _choice_events(choice: Mapping[str, Any], lengths: Sequence[int] | None) -> Iterator[dict[str, Any]]:
    message = dict(choice["message"])
    index = choice.get("index", 0)
    content = message.pop("content", None)
    tool_calls = message.pop("tool_calls", None) or ()
    opening = {"role": "assistant", **message}
    texts = iter(_cut(content, lengths)) if isinstance(content, str) else iter(())
    opening["content"] = next(texts, "") if isinstance(content, str) else content
    first = _event(index, opening)
    if choice.get("logprobs") is not None:
        first["logprobs"] = choice["logprobs"]
    yield first
    for piece in texts:
        yield _event(index, {"content": piece})
    for position, call in enumerate(tool_calls):
        yield _event(index, {"tool_calls": [{"index": position, **call}]})
    known = ("index", "message", "logprobs", "finish_reason")
    extras = {name: value for name, value in choice.items() if name not in known}
    yield {**_event(index, {}), **extras, "finish_reason": choice.get("finish_reason")}


def _event(index: int, delta: dict[str, Any]) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}


def _cut(text: str, lengths: Sequence[int] | None) -> Iterator[str]:
    """The pieces of a text, that of the opening chunk first."""
    if lengths is None or sum(lengths) != len(text):
        yield ""
        yield from pieces_of(text)
        return
    start = 0
    for length in lengths:
        yield text[start : start + length]
        start += length


def pieces_of(text: str) -> Iterator[str]:
    """Cut text after words into pieces of ``PIECE_CHARS`` or, for long text, what makes at most ``MAX_PIECES``.

    Joined they give the text again.
    """
    size = max(PIECE_CHARS, -(-len(text) // MAX_PIECES))
    piece: list[str] = []
    length = 0
    for match in _WORD.finditer(text):
        piece.append(match.group())
        length += len(match.group())
        if length >= size:
            yield "".join(piece)
            piece, length = [], 0
    if piece:
        yield "".join(piece)
