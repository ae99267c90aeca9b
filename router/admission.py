"""Whether a request may be answered at all, and what it holds of limits and budgets until it has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec.structs import replace

from router.budgets import Budgets, BudgetState, Decided, Pace, Reservation, Unbudgeted
from router.calls import Call
from router.ledger.tokens import estimate_usage
from router.limits import Limiter, Taken, Unlimited
from router.principals import Scope
from router.scoring.curve import Curve
from router.types import ChatRequest, Route, Usage

EXPECTED_COMPLETION_TOKENS = 264
"""Answer length that is reserved where the request sets no limit: the mean that RouteLLM's paper (arXiv 2406.18665)
takes for its costs."""


MOST_CHOICES = 1_000
"""Answers to one request that are reserved for at most; providers give some hundred."""


class Grant:
    """One admitted request: what it holds of limits and budgets. Settled once, with its end.

    Args:
        budgets: where money is held.
        scopes: what the request counts against.
        taken: what it holds of the limits.
    """

    def __init__(self, budgets: Budgets, scopes: tuple[Scope, ...], taken: Taken) -> None:
        self._budgets = budgets
        self._scopes = scopes
        self._taken = taken
        self._reservation: Reservation | None = None

    @property
    def is_budgeted(self) -> bool:
        """Whether money is held for it at all."""
        return any(scope.budget is not None for scope in self._scopes)

    @property
    def headers(self) -> dict[str, str]:
        """The ``x-ratelimit-*`` headers."""
        return self._taken.headers

    def pace(self, curve: Curve) -> Pace | None:
        """The least threshold at which the budgets last; see ``Budgets.pace``."""
        return self._budgets.pace(self._scopes, curve)

    async def reserve(self, usd: Decimal | None, *, route: Route | None) -> None:
        """Hold money for asking the model of a route, in the place of what was held before.

        Raises:
            InsufficientQuota: a budget has less than that left; what was held before is let go of.
        """
        self._let_go()
        self._reservation = await self._budgets.reserve(self._scopes, usd, route=route)

    def settle(self, usage: Usage | None, usd: Decimal | None, decided: Decided | None) -> None:
        """The request has ended. Never blocks; what was taken is given back, whatever came of it.

        Args:
            usage: of the model that was asked; None where none was, or where its answer came from the cache.
            usd: what it cost; None where that is not known.
            decided: how it was decided; None where no model answered.
        """
        self._taken.settle(None if usage is None else usage.prompt_tokens + usage.completion_tokens)
        if self._reservation is not None:
            self._reservation.settle(usd, decided)

    def _let_go(self) -> None:
        if self._reservation is not None:
            self._reservation.settle(None, None)
            self._reservation = None


class Admission:
    """Lets requests in.

    Args:
        limiter: counts requests and tokens.
        budgets: keep what was spent.
    """

    def __init__(self, *, limiter: Limiter | None = None, budgets: Budgets | None = None) -> None:
        self._limiter = limiter or Unlimited()
        self._budgets = budgets or Unbudgeted()

    async def admit(self, call: Call) -> Grant:
        """Admit a request that was understood, before anything is done for it.

        Raises:
            InsufficientQuota: a budget that it counts against is spent.
            RateLimited: a limit is reached.
        """
        scopes = call.principal.scopes
        if not scopes:
            return NOTHING_HELD
        await self._budgets.require_unspent(scopes)
        # A long prompt takes milliseconds to estimate: only for who is held to it.
        counts_tokens = any(scope.limits.tokens_per_minute is not None for scope in scopes)
        taken = await self._limiter.take(scopes, tokens=expected_tokens(call) if counts_tokens else 0)
        return Grant(self._budgets, scopes, taken)

    async def count(self, scopes: tuple[Scope, ...]) -> None:
        """Count a request that asks no model, but costs this server as much as one that does: it takes no place.

        Raises:
            RateLimited: a limit is reached.
        """
        if limited := tuple(map(_placeless, scopes)):
            (await self._limiter.take(limited, tokens=0)).settle(None)

    def preload(self) -> None:
        """Import what limits need. Run it in a thread after the start."""
        self._limiter.preload()

    async def start(self) -> None:
        """Begin to follow what counters are kept in."""
        await self._limiter.start()

    @property
    def refused(self) -> Mapping[str, int]:
        """How often a budget had too little left, by the kind of scope."""
        return self._budgets.refused

    def pace(self, scopes: tuple[Scope, ...], curve: Curve) -> Pace | None:
        """The least threshold at which the budgets last, as far as is known; see ``Budgets.pace``."""
        return self._budgets.pace(scopes, curve) if scopes else None

    async def budgets(self, scopes: Sequence[Scope], curve: Curve) -> list[BudgetState]:
        """How the budgets of those scopes stand that have one.

        Raises:
            BudgetUnknown: the ledger does not say what was spent.
        """
        states = [await self._budgets.state(scope, curve) for scope in scopes]
        return [state for state in states if state is not None]

    async def aclose(self) -> None:
        """Let go of whatever counters and sums are kept in."""
        await self._limiter.aclose()
        await self._budgets.aclose()


def _placeless(scope: Scope) -> Scope:
    return replace(scope, limits=replace(scope.limits, concurrent_requests=None))


NOTHING_HELD = Grant(Unbudgeted(), (), Unlimited())
"""The grant of a request that counts against nothing."""


def expected_tokens(call: Call) -> int:
    """Tokens of a request's prompt by estimate, and of its answer as far as it may go or is expected to."""
    usage = expected_usage(call)
    return usage.prompt_tokens + usage.completion_tokens


def expected_usage(call: Call) -> Usage:
    """What a request is expected to take, all the answers that it wants together."""
    usage = expected_of(call.request)
    return replace(usage, completion_tokens=0) if call.endpoint == "embeddings" else usage


def expected_of(request: ChatRequest, answer_tokens: int = EXPECTED_COMPLETION_TOKENS) -> Usage:
    """What a chat request is expected to take; ``answer_tokens``: of an answer, unless the request wants a shorter."""
    # Some servers read a negative limit as none.
    limits = (request.max_completion_tokens, request.max_tokens, answer_tokens)
    completion_tokens = min(limit for limit in limits if limit is not None and limit >= 0)
    completion_tokens *= min(request.n or 1, MOST_CHOICES)
    prompt_tokens = estimate_usage(request, "").prompt_tokens
    return Usage(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, estimated=True)
