"""What the cache never touches, as two tables: requests it stands aside for, and answers it does not keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from router.cache.native import needs_of
from router.errors import UNREADABLE_JSON
from router.types import CachedAnswer, ChatRequest

PROVIDER_TEMPERATURE = 1.0
"""What OpenAI-compatible providers use where a request names no temperature."""


class CacheControl(NamedTuple):
    """The directives of a request's ``cache-control`` that the cache honours. Each only narrows what it may do."""

    no_store: bool = False
    no_cache: bool = False
    only_if_cached: bool = False
    max_age_s: float | None = None


def parse_cache_control(header: str | None) -> CacheControl:
    """Read a ``cache-control`` request header; what cannot be understood is left out, as HTTP asks.

    An age that is no number asks for an answer of no age; of several the least counts.
    """
    if not header:
        return CacheControl()
    directives = [_directive(part) for part in header.lower().split(",")]
    names = {name for name, _ in directives}
    ages = [float(value) if value.isdecimal() else 0.0 for name, value in directives if name == "max-age"]
    return CacheControl(
        no_store="no-store" in names,
        no_cache="no-cache" in names,
        only_if_cached="only-if-cached" in names,
        max_age_s=min(ages, default=None),
    )


def _directive(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip(), value.strip().strip('"')


class RequestFacts(NamedTuple):
    """What the request rules look at."""

    request: ChatRequest
    body: Mapping[str, Any]
    control: CacheControl
    max_temperature: float


class RequestRule(NamedTuple):
    """One reason to stand aside. ``forbids_store`` is False where a fresh answer may still be kept."""

    name: str
    applies: Callable[[RequestFacts], bool]
    forbids_store: bool = True


def _tools_in_progress(facts: RequestFacts) -> bool:
    return facts.request.messages[-1].role != "user"


TEXT_PARTS = frozenset({"text", "input_text", "refusal"})


def _holds_media(facts: RequestFacts) -> bool:
    contents = (message.content for message in facts.request.messages)
    return any(
        part.get("type") not in TEXT_PARTS for content in contents if isinstance(content, list) for part in content
    )


def _too_hot(facts: RequestFacts) -> bool:
    temperature = facts.request.temperature
    return (PROVIDER_TEMPERATURE if temperature is None else temperature) > facts.max_temperature


LIVE_FIELDS = ("web_search_options", "search_parameters", "enable_search", "plugins")
"""Fields by which OpenAI, xAI, Qwen and OpenRouter let an answer depend on what stands on the web just now."""


def _looks_outside(facts: RequestFacts) -> bool:
    # A tool that is no function is run by the provider: a search, a file store, an interpreter.
    hosted = any(tool.get("type", "function") != "function" for tool in facts.request.tools or ())
    return (
        hosted
        or bool(needs_of(facts.body))
        or any(facts.body.get(field) not in (None, False, []) for field in LIVE_FIELDS)
    )


def _wants_audio(facts: RequestFacts) -> bool:
    return bool(facts.body.get("audio")) or "audio" in (facts.body.get("modalities") or ())


REQUEST_RULES: tuple[RequestRule, ...] = (
    RequestRule("no-store", lambda facts: facts.control.no_store),
    # A caller who wants a fresh answer still refreshes it for the next one.
    RequestRule("no-cache", lambda facts: facts.control.no_cache, forbids_store=False),
    # The last word is a tool's or the model's own: the answer is a step of a running task.
    RequestRule("tools-in-progress", _tools_in_progress),
    RequestRule("several-answers", lambda facts: (facts.request.n or 1) != 1),
    RequestRule("logprobs", lambda facts: bool(facts.body.get("logprobs") or facts.body.get("top_logprobs"))),
    # What stands behind a URL or a file id changes without the request changing; sent along, it hardly comes twice.
    RequestRule("media", _holds_media),
    RequestRule("audio-answer", _wants_audio),
    RequestRule("live-search", _looks_outside),
    # The provider is to keep the answer, or to go on with it later: that a cached one does not do.
    RequestRule("kept-by-provider", lambda facts: bool(facts.body.get("store") or facts.body.get("background"))),
    RequestRule("temperature", _too_hot),
)
"""Requests that are neither looked up nor (but for ``no-cache``) stored; the first that applies gives its name."""


def request_rule(facts: RequestFacts) -> RequestRule | None:
    """The first rule that keeps this request away from the cache, or None."""
    return next((rule for rule in REQUEST_RULES if rule.applies(facts)), None)


class _Message(msgspec.Struct):
    content: Any = None
    refusal: Any = None
    tool_calls: Any = None
    function_call: Any = None
    audio: Any = None
    annotations: Any = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Body(msgspec.Struct):
    choices: list[_Choice]
    error: Any = None


class AnswerFacts(NamedTuple):
    """What the answer rules look at: the reason the route was taken, and the one choice of a readable body."""

    reason: str
    error: bool
    choices: int
    finish_reason: str | None
    message: _Message


class AnswerRule(NamedTuple):
    """One reason not to keep an answer."""

    name: str
    applies: Callable[[AnswerFacts], bool]


def _is_empty(facts: AnswerFacts) -> bool:
    content = facts.message.content
    return not isinstance(content, str) or not content.strip()


ANSWER_RULES: tuple[AnswerRule, ...] = (
    AnswerRule("error", lambda facts: facts.error),
    # The weak model stood in for a strong one that failed: next time the strong one may be back.
    AnswerRule("fallback", lambda facts: facts.reason in {"strong-failed", "content-filter-fallback"}),
    AnswerRule("several-answers", lambda facts: facts.choices != 1),
    AnswerRule("tool-calls", lambda facts: bool(facts.message.tool_calls or facts.message.function_call)),
    AnswerRule("unfinished", lambda facts: facts.finish_reason != "stop"),
    AnswerRule("refused", lambda facts: bool(facts.message.refusal)),
    AnswerRule("audio", lambda facts: bool(facts.message.audio)),
    # It rests on pages of the web as they were just then, asked for or not.
    AnswerRule("live-search", lambda facts: bool(facts.message.annotations)),
    AnswerRule("empty", _is_empty),
)
"""Answers that are not kept; the first that applies gives its name."""


def answer_rule(answer: CachedAnswer) -> str | None:
    """The first rule that keeps this answer out of the cache (``unreadable``: it is no chat completion), or None."""
    try:
        # Read whole, as a replay reads it: a decoder of `_Body` alone would skip over what is wrong elsewhere.
        body = msgspec.convert(msgspec.json.decode(answer.body, type=dict[str, Any]), _Body)
    except UNREADABLE_JSON:
        return "unreadable"
    first = body.choices[0] if body.choices else _Choice(_Message())
    facts = AnswerFacts(answer.reason, body.error is not None, len(body.choices), first.finish_reason, first.message)
    return next((rule.name for rule in ANSWER_RULES if rule.applies(facts)), None)
