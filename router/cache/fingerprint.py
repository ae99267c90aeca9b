"""Keys of the cache: who may share an answer with whom.

Two keys come from one pass over a request. The *exact* key covers everything that shapes the answer. The *partition*
covers the same without the wording of the last user message: inside one partition that wording is all that differs, so
a verifier need judge nothing else. Tenants, routing policies, models, system prompts, histories, tools, parameters and
unknown fields never meet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from router.scoring.wording import MAX_CHARS
from router.types import ChatRequest, Message

KEY_VERSION = b"underdog-cache-1"
"""Goes into every key: a change in how keys are made must never let an old entry answer."""

Standing = Literal["belongs", "delivery"]

FIELD_POLICY: Mapping[str, tuple[Standing, str]] = {
    "messages": ("belongs", "the question itself, with its system prompt and history"),
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

DELIVERY_FIELDS = frozenset(name for name, (standing, _) in FIELD_POLICY.items() if standing == "delivery")


class Fingerprint(msgspec.Struct, frozen=True):
    """The keys of one request.

    ``exact`` and ``partition`` are 32-byte digests. ``question`` is the last user message's text where only its wording
    may differ within the partition; None where the request can be matched exactly or not at all.
    """

    exact: bytes
    partition: bytes
    question: str | None


def fingerprint(*, tenant: str, policy: str, request: ChatRequest, body: Mapping[str, Any]) -> Fingerprint:
    """Make the keys of a request.

    Args:
        tenant: whose request it is.
        policy: whatever outside the body decides which model answers (the resolved threshold, a pin, the artifact).
        request: the typed view of ``body``.
        body: the decoded raw body, unknown fields included.

    Raises:
        TypeError, ValueError: ``body`` holds something that JSON cannot express.
    """
    rest = {name: value for name, value in body.items() if name != "messages" and name not in DELIVERY_FIELDS}
    messages: list[Any] = body["messages"]
    shared = hashlib.blake2b(digest_size=32)
    for part in (KEY_VERSION, _canonical([tenant, policy]), _canonical(rest), _canonical(messages[:-1])):
        _feed(shared, part)
    last = messages[-1]
    exact = shared.copy()
    _feed(exact, b"exact")
    _feed(exact, _canonical(last))
    question = question_of(request.messages)
    _feed(shared, b"partition")
    _feed(shared, _canonical({**last, "content": None} if question is not None else last))
    return Fingerprint(exact.digest(), shared.digest(), question)


def question_of(messages: list[Message]) -> str | None:
    """The text of the last message, if it is a user's and nothing but a text short enough to be reworded; else None."""
    last = messages[-1]
    if last.role != "user":
        return None
    if isinstance(last.content, str):
        return _wording(last.content)
    if last.content is None or len(last.content) != 1:
        return None
    part = last.content[0]
    text = part.get("text")
    if part.get("type") != "text" or len(part) != 2 or not isinstance(text, str):
        return None
    return _wording(text)


def _wording(text: str) -> str | None:
    # Longer texts have no paraphrases worth looking for, and encoding them would cost the most.
    return text if text.strip() and len(text) <= MAX_CHARS else None


def _feed(digest: hashlib.blake2b, part: bytes) -> None:
    # The length comes first, so that no two lists of parts run together into the same bytes.
    digest.update(len(part).to_bytes(8, "big"))
    digest.update(part)


def _canonical(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")
