"""From messages to the text that is scored.

Cost must not grow with what a caller sends, so every text is cut to ``MAX_CHARS``: people put the question first
or last and what they paste between, hence head and tail are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from router.types import Message

MAX_CHARS = 8192
"""Longest text that is scored, in characters."""

HEAD_CHARS = 6144
EARLIER_CHARS = 512
"""Characters kept of the turn before the newest; each turn further back keeps half as many."""

FEWEST_EARLIER_CHARS = 64
_JOINT = "\n...\n"
_BETWEEN_TURNS = "\n\n"


def bound(text: str) -> str:
    """Strip ``text`` and cut it to ``MAX_CHARS``, keeping head and tail.

    Idempotent. Lone surrogates, which no tokenizer accepts, become question marks.
    """
    return _encodable(_cut(text.strip(), MAX_CHARS, HEAD_CHARS))


def prompt_text(messages: Sequence[Message]) -> str:
    """Give the text that is scored for a conversation; empty where no user turn has text.

    One user turn is scored as it is. Of a longer conversation the newest turn is kept whole, and the turns before it
    are cut shorter the further back they lie: "now in Rust, please" means nothing without them. System prompts and
    answers are not scored, since the classifier learned from what users ask.
    """
    newest = ""
    earlier: list[str] = []
    budget = EARLIER_CHARS
    for text in _user_texts_from_the_end(messages):
        if not newest:
            newest = text
            continue
        earlier.append(_cut(text, budget, budget * 3 // 4))
        budget //= 2
        if budget < FEWEST_EARLIER_CHARS:
            break
    if not earlier:
        return bound(newest)
    context = _BETWEEN_TURNS.join(reversed(earlier))
    room = MAX_CHARS - len(context) - len(_BETWEEN_TURNS)
    return bound(context + _BETWEEN_TURNS + _cut(newest, room, room * 3 // 4))


def _user_texts_from_the_end(messages: Sequence[Message]) -> Iterable[str]:
    for message in reversed(messages):
        if message.role == "user" and (text := text_of(message.content).strip()):
            yield text


def text_of(content: str | list[dict[str, Any]] | None) -> str:
    """The text of a message: of several parts, those that are text, each on a line of its own."""
    if content is None or isinstance(content, str):
        return content or ""
    texts = (part.get("text") for part in content if part.get("type") in ("text", "input_text"))
    return "\n".join(text for text in texts if isinstance(text, str))


def _cut(text: str, limit: int, head: int) -> str:
    """Cut ``text`` to exactly ``limit`` characters, ``head`` of them from its start, where it is longer."""
    if len(text) <= limit:
        return text
    return text[:head] + _JOINT + text[len(text) - (limit - head - len(_JOINT)) :]


def _encodable(text: str) -> str:
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")
