"""Keys of the cache: who may share an answer with whom.

Two keys come from one pass over a request. The *exact* key covers everything that shapes the answer. The *partition*
covers the same without the wording of what user and assistant said: inside one partition that wording is all that
differs, and the verifier judges it turn by turn. Tenants, routing policies, models, system prompts, tools, parameters,
unknown fields, the roles of all messages and whatever of a message is not plain text never meet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from router.scoring.prompt import prompt_text
from router.types import ChatRequest

KEY_VERSION = b"underdog-cache-2"
"""Goes into every key: a change in how keys are made must never let an old entry answer."""

MAX_TURN_CHARS = 600
"""Longest text that counts as wording. A longer one is part of the partition: its turn must be the same, letter by
letter, and where it is the question itself only the exact request can hit.

Practically all of Quora's questions are shorter. Of 892 arena prompts 173 are longer; those of them with another one
near (5 to 14 %, cosine .9) repeat it but for a letter or a word. What is shorter than this and still long is left to
the rules (:mod:`router.scoring.verifier.gate`).
"""

Standing = Literal["belongs", "wording", "delivery"]
Policy = Mapping[str, tuple[Standing, str]]

FIELD_POLICY: Policy = {
    "messages": ("belongs", "the conversation; `MESSAGE_POLICY` says what of a message may be reworded"),
    "model": ("belongs", "another model, or another dial hidden in a model name, answers differently"),
    "temperature": ("belongs", "a sampling parameter"),
    "top_p": ("belongs", "a sampling parameter"),
    "n": ("belongs", "the number of answers"),
    "max_tokens": ("belongs", "cuts the answer"),
    "max_completion_tokens": ("belongs", "cuts the answer"),
    "tools": ("belongs", "changes what the model may answer with"),
    "stream": ("delivery", "the same answer in another framing; replay converts it"),
    "stream_options": ("delivery", "adds a usage event to the framing"),
}
"""Whether a request field belongs in the keys, and why.

A field that is not named here belongs: ``user``, ``metadata``, ``seed``, ``response_format`` or a provider's own
extension may each change the answer, and a needless miss costs less than another user's answer. A test compares this
table with ``ChatRequest``, so that a new field needs a decision.
"""

MESSAGE_POLICY: Policy = {
    "role": ("belongs", "who speaks, and how many turns there are"),
    "content": ("wording", "where it is a plain text that user or assistant wrote; else it belongs"),
    "name": ("belongs", "tells speakers of one role apart"),
    "tool_calls": ("belongs", "what a tool was asked"),
    "tool_call_id": ("belongs", "which call a tool answers"),
}
"""The same for the fields of a message, ``wording`` being in the exact key alone. Fields not named here belong."""

DELIVERY_FIELDS = frozenset(name for name, (standing, _) in FIELD_POLICY.items() if standing == "delivery")
REWORDABLE_ROLES = frozenset({"user", "assistant"})


class Fingerprint(msgspec.Struct, frozen=True):
    """The keys of one request.

    ``exact`` and ``partition`` are 32-byte digests. ``turns`` are the texts, in order, that may be worded otherwise
    within the partition, the question last; equal partitions have equally many. None where the request can be matched
    exactly or not at all.
    """

    exact: bytes
    partition: bytes
    turns: tuple[str, ...] | None


def fingerprint(*, tenant: str, policy: str, request: ChatRequest, body: Mapping[str, Any]) -> Fingerprint:
    """Make the keys of a request.

    Args:
        tenant: whose request it is.
        policy: whatever outside the body decides which model answers (the resolved threshold, a pin, the artifact).
        request: the typed view of ``body``.
        body: the decoded raw body.

    Raises:
        TypeError, ValueError, RecursionError: ``body`` holds something that JSON cannot express.
    """
    rest = {name: value for name, value in body.items() if name != "messages" and name not in DELIVERY_FIELDS}
    messages: list[dict[str, Any]] = body["messages"]
    wordings = [wording(message) for message in messages]
    shells = [
        message if text is None else {**message, "content": None}
        for message, text in zip(messages, wordings, strict=True)
    ]
    worded = [text is not None for text in wordings]
    shared = hashlib.blake2b(digest_size=32)
    for part in (KEY_VERSION, *map(_canonical, ([tenant, policy], rest, shells, worded))):
        _feed(shared, part)
    exact = shared.copy()
    # As they came: a text and a list that holds it alone are one wording, and two requests.
    _feed(exact, _canonical([message["content"] for message in messages if wording(message) is not None]))
    _feed(shared, b"partition")
    turns = tuple(text for text in wordings if text is not None)
    may_be_reworded = worded[-1] and request.messages[-1].role == "user"
    return Fingerprint(exact.digest(), shared.digest(), turns if may_be_reworded else None)


def question_of(request: ChatRequest) -> str:
    """The text whose vector finds candidates: the very one that is scored, so that it is encoded once."""
    return prompt_text(request.messages)


def wording(message: Mapping[str, Any]) -> str | None:
    """The text of a message that may be worded otherwise; None where all of it belongs in the partition."""
    text = _plain_text(message.get("content")) if message.get("role") in REWORDABLE_ROLES else None
    return text if text is not None and len(text) <= MAX_TURN_CHARS and text.strip() else None


def _plain_text(content: Any) -> str | None:
    if isinstance(content, str):
        return content
    match content:
        case [{"type": "text", "text": str(text), **others}] if not others:
            return text
    return None


def _feed(digest: hashlib.blake2b, part: bytes) -> None:
    # The length comes first, so that no two lists of parts run together into the same bytes.
    digest.update(len(part).to_bytes(8, "big"))
    digest.update(part)


def _canonical(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")
