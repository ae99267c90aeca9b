"""How a request stands with its limits: the headers that say it, and the refusal where one of them is full."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct

from router.errors import RateLimited
from router.limits.windows import Window
from router.principals import UNLIMITED, Scope

Kind = Literal["requests", "tokens"]

RETRY_PLACE_S = 1.0
"""When to try again where as many requests are under way as may be: some will have ended by then."""


class Standing(Struct, frozen=True):
    """One limit of one scope as it stands."""

    scope: Scope
    kind: Kind
    window: Window


def limited_of(scopes: Iterable[Scope]) -> list[Scope]:
    """The scopes that have limits at all."""
    return [scope for scope in scopes if scope.limits != UNLIMITED]


def limits_of(scope: Scope) -> Iterator[tuple[Kind, int]]:
    """The limits per minute of a scope."""
    if scope.limits.requests_per_minute is not None:
        yield "requests", scope.limits.requests_per_minute
    if scope.limits.tokens_per_minute is not None:
        yield "tokens", scope.limits.tokens_per_minute


def after(standings: Iterable[Standing], tokens: int) -> list[Standing]:
    """The same once a request of so many tokens was admitted."""
    return [Standing(one.scope, one.kind, one.window.after(_amount(one.kind, tokens))) for one in standings]


def require_room(standings: Sequence[Standing], tokens: int, *, crowded: Scope | None) -> None:
    """Turn a request away that does not fit.

    Args:
        standings: all limits as they stand, the request itself not counted.
        tokens: what it would take.
        crowded: the scope that has no place left, if one has none.

    Raises:
        RateLimited: naming the limit that it would wait for longest.
    """
    full = [one for one in standings if not one.window.has_room(_amount(one.kind, tokens))]
    if full:
        longest = max(full, key=lambda one: one.window.wait_s(_amount(one.kind, tokens)))
        raise _refusal(longest, _amount(longest.kind, tokens), standings)
    if crowded is not None:
        raise _crowded(crowded, standings)


def headers(standings: Iterable[Standing]) -> dict[str, str]:
    """OpenAI's ``x-ratelimit-*`` headers, by the scope that is nearest to its limit."""
    said: dict[str, str] = {}
    for kind, window in _tightest(standings).items():
        said[f"x-ratelimit-limit-{kind}"] = str(window.limit)
        said[f"x-ratelimit-remaining-{kind}"] = str(window.remaining)
        said[f"x-ratelimit-reset-{kind}"] = duration(window.reset_s)
    return said


def duration(seconds: float) -> str:
    """A length of time as OpenAI writes it: ``120ms``, ``1s``, ``6m0s``."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    whole = math.ceil(seconds)
    return f"{whole}s" if whole < 60 else f"{whole // 60}m{whole % 60}s"


def _refusal(full: Standing, amount: int, standings: Sequence[Standing]) -> RateLimited:
    wait, limit, whose = full.window.wait_s(amount), full.window.limit, _whose(full.scope)
    if math.isinf(wait) and full.kind == "requests":
        return RateLimited(f"{whose.capitalize()} may send no requests.", retry_after_s=wait, limits=headers(standings))
    if math.isinf(wait):
        message = (
            f"This request may take about {amount} tokens, more than the {limit} tokens per minute of {whose}. Send "
            "less, or set 'max_completion_tokens' lower."
        )
        return RateLimited(message, retry_after_s=wait, limits=headers(standings), kind=full.kind)
    used = full.window.used
    message = (
        f"Rate limit reached for {full.kind} per minute of {whose}: limit {limit}, used {used}, requested {amount}. "
        f"Please try again in {duration(wait)}."
    )
    return RateLimited(message, retry_after_s=wait, limits=headers(standings), kind=full.kind)


def _crowded(scope: Scope, standings: Sequence[Standing]) -> RateLimited:
    most = scope.limits.concurrent_requests
    message = f"{_whose(scope).capitalize()} may have {most} requests under way at once; wait until one of them ends."
    return RateLimited(message, retry_after_s=RETRY_PLACE_S, limits=headers(standings))


def _amount(kind: Kind, tokens: int) -> int:
    return tokens if kind == "tokens" else 1


def _whose(scope: Scope) -> str:
    return "this server" if scope.kind == "server" else f"this {scope.kind}"


def _tightest(standings: Iterable[Standing]) -> dict[Kind, Window]:
    found: dict[Kind, Window] = {}
    for standing in standings:
        known = found.get(standing.kind)
        if known is None or standing.window.remaining < known.remaining:
            found[standing.kind] = standing.window
    return found
