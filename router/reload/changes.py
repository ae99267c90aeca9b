"""Which settings may change while the server runs, and what is left of a change that touches others. Pure."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from router.settings import FIELDS, Settings

UPSTREAMS = frozenset(
    {
        "aliases",
        "breaker_failure_rate",
        "breaker_failures",
        "breaker_open_s",
        "connect_timeout_s",
        "deployments",
        "embedded_context",
        "embedded_threads",
        "embeddings_api_key",
        "embeddings_model",
        "embeddings_url",
        "first_token_timeout_s",
        "hedge_after_s",
        "named_local",
        "named_models",
        "privacy",
        "retries",
        "retry_budget",
        "strong_api_key",
        "strong_model",
        "strong_url",
        "total_timeout_s",
        "weak_api_key",
        "weak_model",
        "weak_url",
    }
)
"""Settings that upstreams are made of: as long as these stay, the upstreams do, with all they know of how they fare."""

HOOK = frozenset({"hook", "hook_required"})

WAYS = frozenset(
    {
        *HOOK,
        "catalogue",
        "content_filter_fallbacks",
        "context_fallbacks",
        "embedded_context",
        "fallback",
        "prices",
        "rules",
        "sticky",
        "unfamiliar",
    }
)
"""Settings that say how requests are decided."""

DIAL = frozenset({"threshold", "unfamiliar"})

CALLERS = frozenset(
    {
        "api_key",
        "budget_pace",
        "budget_period",
        "budget_time_zone",
        "budget_usd",
        "budget_when_spent",
        "master_key",
        "require_key",
        "requests_per_minute",
        "tokens_per_minute",
    }
)
"""Settings that say who is let in, and what all callers together may have."""

REQUESTS = frozenset(
    {
        "baseline_lengths",
        "body_timeout_s",
        "cache_max_temperature",
        "cache_max_wrong",
        "cache_ttl_s",
        "compute_usd_per_hour",
        "log_level",
        "max_body_mb",
        "max_concurrent_requests",
        "max_messages",
        "total_timeout_s",
    }
)
"""Settings that are read anew for each request, or can be set where they are kept."""

LIVE = UPSTREAMS | WAYS | DIAL | CALLERS | REQUESTS


class Change(Struct, frozen=True, kw_only=True):
    """From some settings to others.

    ``settings``: what is in use after it. ``live``: what is another now. ``waiting``: what will be another after a
    restart.
    """

    settings: Settings
    live: frozenset[str]
    waiting: tuple[str, ...]


def change(before: Settings, after: Settings) -> Change:
    """What may come of a wish for other settings without a restart."""
    differing = [name for name in FIELDS if getattr(before, name) != getattr(after, name)]
    live = frozenset(differing) & LIVE
    settings = msgspec.structs.replace(before, **{name: getattr(after, name) for name in live})
    return Change(settings=settings, live=live, waiting=tuple(name for name in differing if name not in LIVE))
