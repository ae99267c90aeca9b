"""What a request costs on either route: what it did cost on the one it took, and what the other model would have.

The other model would have read the same prompt. How long its answer would have been nobody knows: that part is kept
apart, as it would be at the very tokens of the answer that came.
"""

from __future__ import annotations

from datetime import datetime
from math import nan
from typing import TYPE_CHECKING, NamedTuple

from router.ledger.baseline import Lengths
from router.ledger.decided import PastRequest
from router.ledger.prices import ModelRef, Prices
from router.types import Usage

if TYPE_CHECKING:
    from router.upstream.build import Upstreams


class Amounts(NamedTuple):
    """US dollars of one request on either route; NaN where nobody knows the price.

    ``weak`` and ``strong`` are certain; ``weak_answer`` and ``strong_answer`` come on top, for an answer of another
    length than is known: times the length of the strong model's answer for one of the weak model's, or divided by it.
    """

    weak: float
    weak_answer: float
    strong: float
    strong_answer: float


class Pricing:
    """Prices requests on both routes.

    Args:
        prices: what models cost.
        weak, strong: the models of now; None where a route has none, and its price is then not known.
    """

    def __init__(self, prices: Prices, *, weak: ModelRef | None, strong: ModelRef | None) -> None:
        self._prices = prices
        self._weak = weak
        self._strong = strong

    @classmethod
    def between(cls, prices: Prices, upstreams: Upstreams) -> Pricing:
        """By the models that answer the two routes now."""
        weak, strong = (
            None if upstream is None else ModelRef(upstream.provider, upstream.model)
            for upstream in (upstreams.weak, upstreams.strong)
        )
        return cls(prices, weak=weak, strong=strong)

    def of_answered(self, past: PastRequest) -> Amounts:
        """A request that one of the two routes answered.

        What came cost what it did. The strong model's price is the ledger's baseline where there is one: that of then.
        Else, and for the weak model, it is the price of the model of now, at the time of the request.
        """
        paid = nan if past.cost_usd is None else past.cost_usd
        if past.route == "strong":
            return Amounts(*self._price(self._weak, _usage(past), past.at), paid, 0.0)
        if past.baseline_cost_usd is not None and past.uncertain_usd is not None:
            answer = past.uncertain_usd
            return Amounts(paid, 0.0, past.baseline_cost_usd - answer, answer)
        return Amounts(paid, 0.0, *self._price(self._strong, _usage(past), past.at))

    def of_new(self, prompt_tokens: int, answer_tokens: int) -> Amounts:
        """A request that nobody has answered yet, at today's prices, taken that the weak model answers so long."""
        usage = Usage(prompt_tokens=prompt_tokens, completion_tokens=answer_tokens)
        return Amounts(sum(self._price(self._weak, usage, None)), 0.0, *self._price(self._strong, usage, None))

    def _price(self, model: ModelRef | None, usage: Usage, at: datetime | None) -> tuple[float, float]:
        """What reading the prompt costs, and an answer of so many tokens."""
        rates = None if model is None else self._prices.rates(model.provider, model.model, at=at)
        amount = None if rates is None else rates.amounts(usage)
        if amount is None:
            return nan, nan
        return float(amount.usd - amount.completion_usd), float(amount.completion_usd)


class Ratios(NamedTuple):
    """Tokens of the strong model's answer for one of the weak model's: what is taken, and 95 % of what may be."""

    low: float
    taken: float
    high: float


def ratios_of(lengths: Lengths) -> Ratios:
    """The same length is taken, as the ledger does, or what is nearest to it of what may be."""
    low, high = float(lengths.low), float(lengths.high)
    return Ratios(low, min(max(1.0, low), high), high)


def _usage(past: PastRequest) -> Usage:
    """As another provider would bill it: what was in this one's prompt cache was not in theirs."""
    return Usage(
        prompt_tokens=past.prompt_tokens,
        completion_tokens=past.completion_tokens,
        reasoning_tokens=past.reasoning_tokens,
    )
