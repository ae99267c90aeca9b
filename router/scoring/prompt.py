"""From messages to the text that is scored.

Cost must not grow with what a caller sends, so every text is cut to ``MAX_CHARS``: people put the question first
or last and what they paste between, hence head and tail are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from router.types import Message

MAX_CHARS = 8192
"""Longest text that is scored, in characters."""

HEAD_CHARS = 6144
EARLIER_CHARS = 512
"""Characters kept of the turn before the newest; each turn further back keeps half as many."""

_MOST_EARLIER = 4
"""Turns before the newest that are kept: 512, 256, 128 and 64 characters of them."""

SUBSTANTIAL_CHARS = 24
"""A turn with fewer characters says little by itself. Chosen on one half of ``tests/scoring/conversations.jsonl``."""

PROPOSAL_CHARS = 256
"""Characters kept of the end of the model's last turn."""

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
    are cut shorter the further back they lie: "now in Rust, please" means nothing without them. Turns of a few words
    ("Good.", "next") are passed over in this, or four of them would hide what the conversation is about. Where the user
    never said more than that, the model's last turn stands in for them: "yes" agrees to what it proposed. Otherwise
    answers are not scored, and system prompts never are, since the classifier learned from what users ask.
    """
    texts = _user_texts_from_the_end(messages)
    newest = next(texts, "")
    if not newest:
        return ""
    earlier = list(islice(_substantial(texts), _MOST_EARLIER))
    if not earlier and len(newest) < SUBSTANTIAL_CHARS:
        earlier = list(islice(_proposals(messages), 1))
    if not earlier:
        # One turn, or a few words each time.
        earlier = list(islice(islice(_user_texts_from_the_end(messages), 1, None), _MOST_EARLIER))
    if not earlier:
        return bound(newest)
    context = _BETWEEN_TURNS.join(reversed(list(_ever_shorter(earlier))))
    room = MAX_CHARS - len(context) - len(_BETWEEN_TURNS)
    return bound(context + _BETWEEN_TURNS + _cut(newest, room, room * 3 // 4))


def _substantial(texts: Iterable[str]) -> Iterator[str]:
    return (text for text in texts if len(text) >= SUBSTANTIAL_CHARS)


def _proposals(messages: Sequence[Message]) -> Iterator[str]:
    """What the model last said, the end of it: there it asks."""
    for message in reversed(messages):
        if message.role == "assistant" and (text := text_of(message.content).strip()):
            yield text[-PROPOSAL_CHARS:]


def _ever_shorter(earlier: Iterable[str]) -> Iterator[str]:
    budget = EARLIER_CHARS
    for text in earlier:
        yield _cut(text, budget, budget * 3 // 4)
        budget //= 2


def _user_texts_from_the_end(messages: Sequence[Message]) -> Iterator[str]:
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
