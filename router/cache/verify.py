"""Whether a cached answer may stand for a new question: the last step before a semantic hit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from router.cache.fingerprint import fingerprint
from router.scoring.pair import pair_score
from router.scoring.wording import Form, normal_form
from router.types import ChatRequest

Conversation = str | list[Mapping[str, Any]]
"""A question on its own, or a list of messages as OpenAI writes them."""


class Verifier(Protocol):
    """Judges two questions of one partition.

    ``prepare`` does the work that depends on one question alone; its result is kept beside the entry, so that a lookup
    prepares only the new question.
    """

    def prepare(self, question: str) -> Any:
        """Whatever ``same`` needs of a question."""
        ...

    def same(self, cached: Any, new: Any) -> bool:
        """Whether the answer to one question answers another, both prepared."""
        ...


class WordingVerifier:
    """Says yes only where one question is the other in different clothes, by rule."""

    def prepare(self, question: str) -> Form:
        """The question's normal form."""
        return normal_form(question)

    def same(self, cached: Form, new: Form) -> bool:
        """Whether both are one question: just what ``pair_score`` puts at ``SERVED_FROM`` and above."""
        return cached == new


def would_hit(cached: Conversation, new: Conversation) -> float:
    """How sure the cache is that the answer to one conversation may be served for another.

    Two conversations that differ in anything but the wording of the last user message are never the same.

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
    if old.partition != now.partition or old.question is None or now.question is None:
        return 0.0
    return pair_score(old.question, now.question)


def _body(conversation: Conversation) -> dict[str, Any]:
    messages = [{"role": "user", "content": conversation}] if isinstance(conversation, str) else conversation
    return {"messages": [dict(message) for message in messages]}
