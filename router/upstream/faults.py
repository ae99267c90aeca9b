"""What kind of failure an upstream's error is: who may still answer, and whose fault it was.

The one place that reads statuses, codes and sentences of providers. Sentences are matched in lower case, by a part that
has not changed over the years; each pattern is followed by the provider that it was seen at.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from msgspec import Struct

from router.errors import (
    KEY_REJECTED,
    NOT_READY,
    UpstreamBroken,
    UpstreamError,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
    UpstreamUnreachable,
)

Kind = Literal[
    "unreachable",  # no connection
    "not-ready",  # it still starts
    "timeout",  # connected, then silence
    "broken",  # something that is no answer
    "server-error",  # 5xx
    "overloaded",  # 503 or 529
    "out-of-memory",  # a server of models ran out of memory
    "rate-limited",  # 429
    "out-of-quota",  # 402, or a 429 that no waiting mends
    "key-rejected",  # 401, 403
    "context",  # the prompt is longer than the model's window
    "content-filter",  # refused by a content filter
    "refused",  # any other 4xx: the request's own fault
    "unavailable",  # not asked: everybody rests or is busy
]


class Fault(Struct, frozen=True):
    """A kind of failure and what follows from it.

    ``elsewhere``: another deployment of the same model may succeed. ``again``: so may the same one, a little later.
    ``sick``: it speaks against the deployment's health.
    """

    kind: Kind
    elsewhere: bool = False
    again: bool = False
    sick: bool = False


UNREACHABLE = Fault("unreachable", elsewhere=True, again=True, sick=True)
NOT_YET_READY = Fault("not-ready", elsewhere=True)
TIMEOUT = Fault("timeout", elsewhere=True, sick=True)
BROKEN = Fault("broken", elsewhere=True, again=True, sick=True)
SERVER_ERROR = Fault("server-error", elsewhere=True, again=True, sick=True)
OVERLOADED = Fault("overloaded", elsewhere=True, again=True, sick=True)
OUT_OF_MEMORY = Fault("out-of-memory", elsewhere=True, sick=True)
NO_ROOM_FOR_THIS = Fault("out-of-memory", elsewhere=True)
RATE_LIMITED = Fault("rate-limited", elsewhere=True, again=True)
OUT_OF_QUOTA = Fault("out-of-quota", elsewhere=True)
REJECTED_KEY = Fault("key-rejected", elsewhere=True)
TOO_LONG = Fault("context")
FILTERED = Fault("content-filter")
REFUSED = Fault("refused")
UNAVAILABLE = Fault("unavailable", elsewhere=True)

_QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "credit_balance_too_low"})
_CONTEXT_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"})
_FILTER_CODES = frozenset(
    {
        "content_filter",
        "content_policy_violation",
        "responsibleaipolicyviolation",
        "data_inspection_failed",
        "invalid_prompt",
        "moderation_blocked",
    }
)

_CONTEXT_WORDS = (
    r"maximum context length",  # OpenAI, vLLM, OpenRouter, DeepSeek, Mistral, Fireworks
    r"context[ _]length[ _]exceeded",  # OpenAI, Groq
    r"exceeds? (the |its )?(model'?s )?(maximum |available )?context (length|size|window|limit)",  # llama.cpp
    r"(longer|greater) than the (maximum )?(model|context) (length|window)",  # vLLM, TGI
    r"longer than the maximum model length",  # vLLM
    r"prompt is too long",  # Anthropic, Fireworks
    r"exceed context limit",  # Anthropic
    r"input token count .*exceeds the maximum number of tokens",  # Gemini
    r"input tokens exceed",  # OpenAI
    r"maximum prompt length",  # xAI
    r"input is too long for requested model",  # Bedrock
    r"reduce the length of the (messages|prompt|input)",  # OpenAI, Groq
    r"tokens \+ `?max_new_tokens`? must be <=",  # TGI, Together
    r"too many tokens",  # Cohere, Bedrock
    r"request too large for model",  # Groq
    r"context the overflows|context length of only",  # LM Studio
    r"input length exceeds the context length",  # Ollama
)

_FILTER_WORDS = (
    r"content management policy",  # Azure
    r"content filter",  # Azure, Anthropic ("blocked by content filtering policy")
    r"flagged as potentially violating|safety system",  # OpenAI
    r"(requires moderation|input was flagged)",  # OpenRouter
    r"prohibited_content|blocked due to safety|response was blocked",  # Gemini
    r"content violates usage guidelines|failed check: safety",  # xAI
    r"content exists risk",  # DeepSeek
    r"blocked by .{0,40}guardrail|guardrail intervened",  # Bedrock
)

_MEMORY_WORDS = (
    r"out of memory",  # CUDA, Metal and ROCm, through vLLM, TGI, llama.cpp and Ollama; PyTorch
    r"outofmemory|out_of_memory",  # PyTorch's and Metal's names of it
    r"requires more (system )?memory",  # Ollama
    r"(unable|failed) to allocate",  # llama.cpp, Ollama
    r"insufficient (system resources|memory)",  # LM Studio, Metal
    r"no available memory for the cache blocks",  # vLLM
)

_MEMORY = re.compile("|".join(_MEMORY_WORDS))
_CONTEXT = re.compile("|".join(_CONTEXT_WORDS))
_FILTER = re.compile("|".join(_FILTER_WORDS))


def fault_of(error: UpstreamError) -> Fault:
    """The kind of a failure."""
    if isinstance(error, UpstreamRefused):
        return _refusal(error)
    if error.code == KEY_REJECTED:
        return REJECTED_KEY
    if error.code == NOT_READY:
        return NOT_YET_READY
    for kind, fault in _BY_CLASS:
        if isinstance(error, kind):
            return fault
    return BROKEN


_BY_CLASS: tuple[tuple[type[UpstreamError], Fault], ...] = (
    (UpstreamTimeout, TIMEOUT),
    (UpstreamUnreachable, UNREACHABLE),
    (UpstreamUnavailable, UNAVAILABLE),
    (UpstreamBroken, BROKEN),
)


def _refusal(error: UpstreamRefused) -> Fault:
    status, codes = error.upstream_status, _codes(error.body)
    if status == 402 or (status == 429 and codes & _QUOTA_CODES):
        return OUT_OF_QUOTA
    if status == 429:
        return RATE_LIMITED
    text = error.message.lower()
    # Too long and filtered are known by their words: most providers call both `invalid`, older servers answer 500.
    if codes & _CONTEXT_CODES or _CONTEXT.search(text):
        return TOO_LONG
    if codes & _FILTER_CODES or _FILTER.search(text):
        return FILTERED
    if _MEMORY.search(text):
        # 4xx may quote the request, so that no caller can make a deployment look sick. TGI answers 424.
        return OUT_OF_MEMORY if status >= 500 or status == 424 else NO_ROOM_FOR_THIS
    if status in {503, 529}:
        return OVERLOADED
    # A timeout, a lock and "too early" of the upstream's own are no judgement on the request; "not implemented" is one.
    return SERVER_ERROR if (status >= 500 and status != 501) or status in {408, 409, 425} else REFUSED


def _codes(body: dict[str, Any] | None) -> frozenset[str]:
    """Whatever an error object says of its kind, in lower case."""
    if body is None:
        return frozenset()
    inner = body.get("innererror")
    said = [body.get("code"), body.get("type"), body.get("status"), inner.get("code") if isinstance(inner, dict) else 0]
    return frozenset(word.lower() for word in said if isinstance(word, str))
