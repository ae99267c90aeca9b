"""A messages request made into one that the model takes.

A router sends one request to models of several generations: what one demands, another refuses with status 400. Only
what a model would refuse is changed, and always towards what the caller meant.
"""

from __future__ import annotations

from typing import Any

from router.upstream.anthropic.content import table
from router.upstream.anthropic.models import DEFAULT_MAX_TOKENS, Claude

BUDGETS = {"low": 2048, "medium": 8192, "high": 16_384, "xhigh": 32_000, "max": 32_000}
"""Tokens to think with where a model knows no effort."""

LEAST_BUDGET = 1024
"""The smallest that the protocol allows."""

_LOW, _MEDIUM = 2048, 8192
_LEAST_TOP_P_WHILE_THINKING = 0.95

Body = dict[str, Any]


def fit(body: Body, model: Claude) -> Body:
    """The same request, as this model takes it. ``body`` is left as it is."""
    fitted = dict(body)
    fitted["max_tokens"] = _max_tokens(body.get("max_tokens"), model)
    _fit_thinking(fitted, model)
    _fit_effort(fitted, model)
    _fit_sampling(fitted, model)
    if _thinks(body) and not _thinks(fitted):
        _clear_no_thinking(fitted)
    return fitted


def _max_tokens(asked: Any, model: Claude) -> Any:
    if not isinstance(asked, int):
        return asked if asked is not None else model.max_tokens or DEFAULT_MAX_TOKENS
    return asked if model.max_tokens is None else min(asked, model.max_tokens)


def _fit_thinking(body: Body, model: Claude) -> None:
    thinking = body.get("thinking")
    if not isinstance(thinking, dict):
        return
    match thinking.get("type"):
        case _ if not model.thinks:
            del body["thinking"]
        case "enabled" if not model.budgets:
            _ask_for_effort(body, thinking)
        case "adaptive" if not model.adaptive:
            _ask_for_budget(body)
        case "enabled" if _continues_a_call_without_thoughts(body):
            del body["thinking"]
        case "enabled":
            budget = _within(thinking.get("budget_tokens"), body["max_tokens"])
            body["thinking"] = {"type": "disabled"} if budget is None else thinking | {"budget_tokens": budget}
        case "disabled" if not model.rests:
            del body["thinking"]


def _ask_for_effort(body: Body, thinking: Body) -> None:
    kept = {name: value for name, value in thinking.items() if name not in ("type", "budget_tokens")}
    body["thinking"] = kept | {"type": "adaptive"}
    body["output_config"] = {"effort": _effort(thinking.get("budget_tokens")), **table(body.get("output_config"))}


def _ask_for_budget(body: Body) -> None:
    effort = table(body.get("output_config")).get("effort")
    budget = _within(BUDGETS[effort if isinstance(effort, str) and effort in BUDGETS else "high"], body["max_tokens"])
    if budget is None or _continues_a_call_without_thoughts(body):
        del body["thinking"]
    else:
        body["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _effort(budget: Any) -> str:
    if not isinstance(budget, int):
        return "high"
    return "low" if budget <= _LOW else "medium" if budget <= _MEDIUM else "high"


def _within(budget: Any, max_tokens: Any) -> Any:
    """A budget below the limit on the whole answer, of which half is left for what is said; None where none fits."""
    if not (isinstance(budget, int) and isinstance(max_tokens, int)) or budget < max_tokens:
        return budget
    half = max_tokens // 2
    return half if half >= LEAST_BUDGET else None


def _continues_a_call_without_thoughts(body: Body) -> bool:
    """Whether the last turn of the model called a tool and its thoughts are not known: it must not think then."""
    messages = body.get("messages")
    said = [table(message) for message in (messages if isinstance(messages, list) else ())]
    last: Body = next((message for message in reversed(said) if message.get("role") == "assistant"), {})
    blocks = last.get("content")
    kinds = [table(block).get("type") for block in blocks] if isinstance(blocks, list) else []
    return "tool_use" in kinds and kinds[0] not in ("thinking", "redacted_thinking")


def _fit_effort(body: Body, model: Claude) -> None:
    output = body.get("output_config")
    if not isinstance(output, dict) or "effort" not in output:
        return
    if not model.adaptive:
        output = {name: value for name, value in output.items() if name != "effort"}
    elif output["effort"] == "xhigh" and not model.extra_effort:
        output = output | {"effort": "high"}
    body["output_config"] = output
    if not output:
        del body["output_config"]


def _fit_sampling(body: Body, model: Claude) -> None:
    if not model.samples:
        _drop(body, "temperature", "top_p", "top_k")
        return
    temperature = body.get("temperature")
    if isinstance(temperature, int | float):
        body["temperature"] = max(0.0, min(1.0, temperature))  # OpenAI's goes to 2
    if _thinks(body):
        _drop(body, "temperature", "top_k")
        top_p = body.get("top_p")
        if isinstance(top_p, int | float) and top_p < _LEAST_TOP_P_WHILE_THINKING:
            _drop(body, "top_p")
    elif "temperature" in body and not model.samples_by_both:
        _drop(body, "top_p")


def _thinks(body: Body) -> bool:
    """Whether the model is asked to think."""
    return table(body.get("thinking")).get("type") in ("enabled", "adaptive")


def _clear_no_thinking(body: Body) -> None:
    """To clear the thinking of earlier turns can only be asked of a model that is to think."""
    management = table(body.get("context_management"))
    edits = management.get("edits")
    if not isinstance(edits, list):
        return
    kept = [edit for edit in edits if not str(table(edit).get("type")).startswith("clear_thinking_")]
    if kept:
        body["context_management"] = management | {"edits": kept}
    else:
        _drop(body, "context_management")


def _drop(body: Body, *names: str) -> None:
    for name in names:
        body.pop(name, None)
