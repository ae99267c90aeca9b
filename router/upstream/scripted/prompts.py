"""The same answers as completions of a prompt, OpenAI's older protocol; what is not here is as in chat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from router.upstream.scripted.answers import CREATED, END, PIECES, Json, error, event
from router.upstream.scripted.script import Turn

__all__ = ["END", "chunks", "completion", "error", "event", "usage", "words"]


def completion(turn: Turn, request: Mapping[str, Any], model: str) -> Json:
    """The ``text_completion`` object for a request that does not stream."""
    echoed = str(request.get("prompt")) if request.get("echo") else ""
    return _told(model, _choice(echoed + turn.reply, turn.finish_reason)) | {"usage": usage(turn, request)}


def chunks(turn: Turn, request: Mapping[str, Any], model: str) -> Iterator[Json]:
    """The pieces of a stream, the usage last where the request asks for it."""
    for piece in PIECES.findall(turn.reply):
        yield _told(model, _choice(piece, None))
    yield _told(model, _choice("", turn.finish_reason))
    if (request.get("stream_options") or {}).get("include_usage"):
        yield _told(model) | {"usage": usage(turn, request)}


def usage(turn: Turn, request: Mapping[str, Any]) -> Json:
    """Token counts, where a token is a word."""
    asked, told = words(request.get("prompt")), words(turn.reply)
    return {"prompt_tokens": asked, "completion_tokens": told, "total_tokens": asked + told}


def words(value: Any) -> int:
    """Words of a text, or of several; tokens count as they are."""
    if isinstance(value, list):
        return sum(words(entry) for entry in value)
    return len(value.split()) if isinstance(value, str) else int(isinstance(value, int))


def _told(model: str, *choices: Json) -> Json:
    return {
        "id": "cmpl-scripted",
        "object": "text_completion",
        "created": CREATED,
        "model": model,
        "choices": list(choices),
    }


def _choice(text: str, finish_reason: str | None) -> Json:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": finish_reason}
