"""The cache's verdict on two conversations, for whoever wants to try or to measure it from outside."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import msgspec

from router.cache.fingerprint import Fingerprint, fingerprint
from router.cache.rules import PROVIDER_TEMPERATURE, CacheControl, RequestFacts, request_rule
from router.cache.shipped import load_or_rules
from router.cache.verify import Verifier
from router.types import ChatRequest

Conversation = str | list[Mapping[str, Any]]
"""A question on its own, or a list of messages as OpenAI writes them."""


def would_hit(cached: Conversation, new: Conversation) -> float:
    """How sure the cache is that the answer to one conversation may be served for another.

    It says what the shipped setting does with a candidate that it has found: the verifier that comes with the package,
    loaded when first asked, at ``cache.max_wrong`` 0.01. The same two always get the same figure, both ways round. What
    is too far away to be found (:mod:`router.cache.rewordings`) is judged here all the same.

    Args:
        cached: the question or messages whose answer is kept.
        new: the question or messages now asked.

    Returns:
        0..1, rising with the verifier's score; exactly from 0.5 up the kept answer is served. 1 for equal
        conversations, 0 where anything differs but the wording of user and assistant, or a turn too long to be
        compared does. An empty list never hits.

    Raises:
        msgspec.ValidationError: a list that is no list of chat messages.
    """
    return verdict(_shipped(), cached, new)


def verdict(verifier: Verifier, cached: Conversation, new: Conversation) -> float:
    """The same by another verifier."""
    old_body, new_body = _body(cached), _body(new)
    old_request, new_request = (msgspec.convert(body, ChatRequest) for body in (old_body, new_body))
    if not old_request.messages or not new_request.messages:
        return 0.0
    if old_body == new_body:
        return 1.0
    old, now = _keys(old_request, old_body), _keys(new_request, new_body)
    if old is None or now is None or old.partition != now.partition or old.turns is None or now.turns is None:
        return 0.0
    return verifier.probability(verifier.prepare(old.turns), verifier.prepare(now.turns))


@functools.cache
def _shipped() -> Verifier:
    return load_or_rules()


def _keys(request: ChatRequest, body: dict[str, Any]) -> Fingerprint | None:
    """The keys under which the cache would look; None for what it passes by."""
    if request_rule(RequestFacts(request, body, CacheControl(), PROVIDER_TEMPERATURE)) is not None:
        return None
    try:
        return fingerprint(tenant="", policy="", request=request, body=body)
    except (TypeError, ValueError, RecursionError):  # half a character, or what no JSON can hold
        return None


def _body(conversation: Conversation) -> dict[str, Any]:
    messages = [{"role": "user", "content": conversation}] if isinstance(conversation, str) else conversation
    return {"messages": msgspec.convert(messages, list[dict[str, Any]])}
