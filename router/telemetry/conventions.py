"""What spans are called and what they say, by OpenTelemetry's semantic conventions.

Of generative AI: https://github.com/open-telemetry/semantic-conventions-genai (in development; as of version 1.42 of
the schema); of HTTP servers: https://opentelemetry.io/docs/specs/semconv/http/http-spans/. What they have no name for
is below ``underdog``. No attribute holds a prompt, an answer or a key: they come from the ledger's row, which has none.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from urllib.parse import urlsplit

from router.tracing import Asked
from router.types import Decision, LedgerRow

Value = str | int | float | bool | tuple[str, ...]
Attributes = dict[str, Value]

PROVIDERS = {
    "aws": "aws.bedrock",
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertexai": "gcp.vertex_ai",
    "vertexaianthropic": "gcp.vertex_ai",
    "x-ai": "x_ai",
}
"""Our names of providers where the conventions have others; those that they do not know go by ours."""

UNKNOWN_PROVIDER = "openai"
"""Whoever it is, this protocol is spoken: the conventions ask for the provider as far as is known."""

OPERATIONS = {"/v1/embeddings": "embeddings", "/v1/completions": "text_completion"}
"""By the path that was called; all others are chats."""

_PORTS = {"http": 80, "https": 443}


def operation(path: str) -> str:
    """What a model is asked for."""
    return OPERATIONS.get(path, "chat")


def of_attempt(asked: Asked, *, doing: str, model: str, route: str, deployment: str, streams: bool) -> Attributes:
    """What is known of a request to an upstream before it is made."""
    attributes: Attributes = {
        "gen_ai.operation.name": doing,
        "gen_ai.provider.name": PROVIDERS.get(asked.provider or "", asked.provider or UNKNOWN_PROVIDER),
        "gen_ai.request.model": model,
        "underdog.route": route,
        "underdog.deployment": deployment,
    }
    if streams:
        attributes["gen_ai.request.stream"] = True
    return attributes | _server(asked.address)


def of_answer(row: LedgerRow) -> Attributes:
    """What is known of an upstream's answer that was given to the caller."""
    attributes: Attributes = {
        "gen_ai.usage.input_tokens": row.prompt_tokens,
        "gen_ai.usage.output_tokens": row.completion_tokens,
    }
    return attributes | _known(
        {
            "gen_ai.response.model": row.model,
            "gen_ai.response.finish_reasons": (row.finish_reason,) if row.finish_reason else None,
            "gen_ai.usage.cache_read.input_tokens": row.cached_tokens or None,
            "gen_ai.usage.cache_creation.input_tokens": row.cache_written_tokens or None,
            "gen_ai.usage.reasoning.output_tokens": row.reasoning_tokens or None,
            "underdog.tokens_estimated": row.tokens_estimated or None,
        }
    )


def of_decision(decision: Decision) -> Attributes:
    """Where a request goes and why."""
    return _known(
        {
            "underdog.route": decision.route,
            "underdog.model": decision.model,
            "underdog.reason": decision.reason,
            "underdog.win_rate": decision.win_rate,
            "underdog.threshold": decision.threshold,
            "underdog.artifact": decision.artifact,
            "underdog.rule": decision.rule,
            "underdog.scored_tokens": decision.evidence.tokens,
            "underdog.unfamiliarity": decision.evidence.unfamiliarity,
        }
    )


def of_request(row: LedgerRow) -> Attributes:
    """What came of a request. Without ``gen_ai`` names: who counts calls of models must not count it as one more."""
    saved = None if row.cost_usd is None or row.baseline_cost_usd is None else row.baseline_cost_usd - row.cost_usd
    return _known(
        {
            "http.request.method": "POST",
            "http.route": row.endpoint,
            "url.path": row.endpoint,
            "http.response.status_code": row.status,
            "error.type": row.error_code,
            "underdog.request_id": row.request_id,
            "underdog.outcome": row.outcome,
            "underdog.stream": row.stream,
            "underdog.tenant": row.tenant,
            "underdog.key_id": row.key_id,
            "underdog.team": row.team,
            "underdog.cache": row.cache,
            "underdog.cache_similarity": row.cache_similarity,
            "underdog.route": row.route,
            "underdog.reason": row.reason,
            "underdog.rule": row.rule,
            "underdog.model": row.model,
            "underdog.deployment": row.deployment,
            "underdog.attempts": row.attempts,
            "underdog.win_rate": row.win_rate,
            "underdog.threshold": row.threshold,
            "underdog.artifact": row.artifact,
            "underdog.cost_usd": None if row.cost_usd is None else float(row.cost_usd),
            "underdog.saved_usd": None if saved is None else float(saved),
            "underdog.first_token_ms": row.first_token_ms,
        }
    )


@functools.lru_cache(maxsize=256)
def _server(address: str) -> Attributes:
    """Host and port of an upstream's URL; nothing of it else, which may hold a key."""
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return {}
    if not parts.hostname:
        return {}
    return _known({"server.address": parts.hostname, "server.port": port})


def _known(values: Mapping[str, Value | None]) -> Attributes:
    return {name: value for name, value in values.items() if value is not None}
