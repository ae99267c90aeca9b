"""What a request in another protocol says beyond its chat form, made part of what its keys are made from.

The chat form leaves out what chat completions cannot say. Two requests that differ there alone may be due different
answers, so the rest belongs in the keys. The wording of the conversation does not: it is in the chat form, and would
keep rewordings apart. Each text of the chat form is therefore replaced by its number, so that the rest and the chat
form together still give the whole request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.cache.fingerprint import wording
from router.types import NATIVE, Native

_SAID_ELSEWHERE = frozenset({"model", "stream", "stream_options"})
_TEXT = "underdog.text"


def with_native(body: Mapping[str, Any], native: Native | None) -> Mapping[str, Any]:
    """A chat body, and what its native form says beyond it.

    Args:
        body: the chat form, with its ``messages``.
        native: the request as it came; None gives the body as it is.
    """
    if native is None or native.dialect == "responses":
        # What a Responses request says beyond its chat form is said again in the answer, and read by no model.
        return body
    texts: dict[str, int] = {}
    for message in body.get("messages") or ():
        text = wording(message)
        if text is not None:
            texts.setdefault(text, len(texts))
    rest = {name: _unworded(value, texts) for name, value in native.body.items() if name not in _SAID_ELSEWHERE}
    beyond = {"dialect": native.dialect, "headers": native.headers, "needs": native.needs, "body": rest}
    return {**body, NATIVE: beyond}


def needs_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """What a request needs that its chat form says nothing of; see ``Native.needs``."""
    beyond = body.get(NATIVE)
    needs = beyond.get("needs") if isinstance(beyond, dict) else None
    return needs if isinstance(needs, tuple) else ()


def _unworded(value: Any, texts: Mapping[str, int]) -> Any:
    if isinstance(value, str):
        return {_TEXT: texts[value]} if value in texts else value
    if isinstance(value, list):
        return [_unworded(item, texts) for item in value]
    if isinstance(value, dict):
        return {name: _unworded(item, texts) for name, item in value.items()}
    return value
