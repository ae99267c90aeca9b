"""Whether a cached answer may stand for a new question: the last step before a semantic hit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from router.cache.fingerprint import fingerprint
from router.scoring.pair import pair_score
from router.scoring.wording import normal_form
from router.types import ChatRequest

Conversation = str | list[Mapping[str, Any]]
"""A question on its own, or a list of messages as OpenAI writes them."""


class Verifier(Protocol):
    """Judges two requests of one partition, turn by turn. Several threads may ask it at once.

    ``prepare`` does the work that depends on one request alone; its result is kept beside the entry, so that a lookup
    prepares only the new request.
    """

    def prepare(self, turns: tuple[str, ...]) -> Any:
        """Whatever ``same`` needs of the turns' texts, the question last. It must cost next to nothing."""
        ...

    def same(self, cached: Any, new: Any) -> bool:
        """Whether the answer to one request may be served for another, both prepared: every turn must say the same."""
        ...


class WordingVerifier:
    """Says yes only where each turn is the other's in different clothes, by rule."""

    def prepare(self, turns: tuple[str, ...]) -> tuple[str, ...]:
        """The texts as they are: most are never compared."""
        return turns

    def same(self, cached: tuple[str, ...], new: tuple[str, ...]) -> bool:
        """Whether both are one request: just what ``pair_score`` puts at ``SERVED_FROM`` and above, turn by turn."""
        if len(cached) != len(new):
            return False
        turns = reversed(list(zip(cached, new, strict=True)))
        return all(one == other or normal_form(one) == normal_form(other) for one, other in turns)


def would_hit(cached: Conversation, new: Conversation) -> float:
    """How sure the cache is that the answer to one conversation may be served for another.

    Two conversations that differ in anything but the wording of user and assistant are never the same; of several
    turns that differ the one least alike decides.

    Args:
        cached: the question or messages whose answer is kept.
        new: the question or messages now asked.

    Returns:
        0..1; from 0.5 up the shipped setting serves the kept answer. An empty list never hits.

    Raises:
        msgspec.ValidationError: a list that is no list of chat messages.
    """
    old_body, new_body = _body(cached), _body(new)
    if not old_body["messages"] or not new_body["messages"]:
        return 0.0
    if old_body == new_body:
        return 1.0
    old, now = (
        fingerprint(tenant="", policy="", request=msgspec.convert(body, ChatRequest), body=body)
        for body in (old_body, new_body)
    )
    if old.partition != now.partition or old.turns is None or now.turns is None:
        return 0.0
    turns = zip(old.turns, now.turns, strict=True)
    return min((pair_score(one, other) for one, other in turns if one != other), default=1.0)


def _body(conversation: Conversation) -> dict[str, Any]:
    messages = [{"role": "user", "content": conversation}] if isinstance(conversation, str) else conversation
    return {"messages": [dict(message) for message in messages]}
