"""What tokens cost, by the price list of the `genai-prices` package as it was installed; nothing is fetched.

The package is imported at the first question that needs it, since it costs 0.2 s of CPU and some 20 MB: a server
whose models are all local never pays. Its own ``calc_price`` looks the model up and validates units on every call (70
us); here a model is looked up once and its rates are kept as Decimals per token. Tests hold both to the same amounts
over the whole list.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from router.types import Cost, Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

LOCAL = "local"
"""The provider of models that run here: their tokens cost nothing."""

_FREE = Decimal(0)
_PER_MILLION = -6  # decimal exponent
_PER_THOUSAND = -3

Ladder = tuple[tuple[int, Decimal], ...]
"""A rate in US dollars per token, by prompt length: (tokens, rate), ascending. A rate holds above its tokens."""


class ModelRef(Struct, frozen=True):
    """A model as its bill knows it: who serves it, and its id there. ``provider`` as in ``price``."""

    provider: str | None
    model: str


class Constraint(Protocol):
    """When a price holds: from a date on, or at some hours of the day."""

    def active(self, request_timestamp: datetime) -> bool:
        """Whether the price holds at this aware time."""
        ...


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of one model that apply to text. None: not billed apart from prompt or completion tokens.

    ``completion`` is None for models that answer without tokens, which is what embeddings are.
    """

    prompt: Ladder
    completion: Ladder | None
    cached: Ladder | None
    cache_written: Ladder | None
    reasoning: Ladder | None
    per_request: Decimal

    def amount(self, usage: Usage) -> Decimal | None:
        """US dollars for one answer; None where it has tokens without a price, as those of an embeddings model's.

        Cached and reasoning tokens are parts of the prompt and completion tokens.
        """
        if self.completion is None and usage.completion_tokens:
            return None
        length = usage.prompt_tokens
        cached = min(usage.cached_tokens, length) if self.cached else 0
        written = min(usage.cache_written_tokens, length - cached) if self.cache_written else 0
        reasoning = min(usage.reasoning_tokens, usage.completion_tokens) if self.reasoning else 0
        total = _rate(self.prompt, length) * (length - cached - written)
        if self.completion:
            total += _rate(self.completion, length) * (usage.completion_tokens - reasoning)
        if self.cached:
            total += _rate(self.cached, length) * cached
        if self.cache_written:
            total += _rate(self.cache_written, length) * written
        if self.reasoning:
            total += _rate(self.reasoning, length) * reasoning
        return total + self.per_request


@dataclass(frozen=True, slots=True)
class Tariff:
    """The rates of one model over time: of the first of ``exceptions`` whose constraint holds, else ``default``."""

    default: Rates | None
    exceptions: tuple[tuple[Constraint, Rates | None], ...] = ()

    def at(self, moment: datetime | None) -> Rates | None:
        """The rates at an aware time, now by default; None where there is no price."""
        if not self.exceptions:
            return self.default
        moment = moment or datetime.now(UTC)
        return next((rates for constraint, rates in self.exceptions if constraint.active(moment)), self.default)


def price(provider: str | None, model: str, usage: Usage, *, at: datetime | None = None) -> Decimal | None:
    """What one answer costs by the price list.

    Args:
        provider: the price list's provider id (``openai``, ``anthropic``, ``openrouter``, ...). ``local`` costs
            nothing. None, a provider we do not know, is priced as the model's own maker would, where the model's name
            tells the maker.
        model: the id that the provider knows; dated and prefixed forms are recognised.
        usage: the answer's tokens.
        at: aware time of the request, for prices that changed or vary over the day; now by default.

    Returns:
        Exact US dollars, or None where the list has no price: unknown is never zero.
    """
    if provider == LOCAL:
        return _FREE
    rates = _tariff(provider, model).at(at)
    return None if rates is None else rates.amount(usage)


def cost(usage: Usage, served: ModelRef | None, baseline: ModelRef | None, *, at: datetime | None = None) -> Cost:
    """What an answer cost, next to what the strong model would have cost for the same token counts.

    The baseline has no prompt-cache discount unless it is the model that answered: another model's cached tokens say
    nothing about what the strong provider would have had in its cache.

    Args:
        usage: the answer's tokens.
        served: the model that answered; None where our cache did, which costs nothing.
        baseline: the strong model; None where none is configured, and the baseline is then not known.
        at: as in ``price``.
    """
    usd = _FREE if served is None else price(served.provider, served.model, usage, at=at)
    if baseline is None:
        return Cost(usd, None)
    if baseline == served:
        return Cost(usd, usd)
    uncached = Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        reasoning_tokens=usage.reasoning_tokens,
    )
    return Cost(usd, price(baseline.provider, baseline.model, uncached, at=at))


def preload(refs: Iterable[ModelRef]) -> None:
    """Look up the models that will be asked for, so that no request pays for it. Run it in a thread after the start."""
    for ref in refs:
        if ref.provider != LOCAL:
            _tariff(ref.provider, ref.model)


@lru_cache(maxsize=1024)
def _tariff(provider: str | None, model: str) -> Tariff:
    from genai_prices.data_snapshot import get_snapshot

    try:
        _, found = get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return Tariff(default=None)
    return _tariff_of(found)


def _tariff_of(model: ModelInfo) -> Tariff:
    if not isinstance(model.prices, list):
        return Tariff(default=_rates(model.prices))
    if not model.prices:
        return Tariff(default=None)
    # The list's rule: the last price whose constraint holds, else the first. One without constraint always holds.
    exceptions: list[tuple[Constraint, Rates | None]] = []
    for conditional in reversed(model.prices):
        if conditional.constraint is None:
            return Tariff(_rates(conditional.prices), tuple(exceptions))
        exceptions.append((conditional.constraint, _rates(conditional.prices)))
    return Tariff(_rates(model.prices[0].prices), tuple(exceptions))


def _rates(listed: ModelPrice) -> Rates | None:
    """The rates for text of a listed price; None where it does not price prompt tokens."""
    prompt, completion = _ladder(listed.input_mtok), _ladder(listed.output_mtok)
    if prompt is None:
        return None
    per_request = listed.requests_kcount
    return Rates(
        prompt=prompt,
        completion=completion,
        cached=_ladder(listed.cache_read_mtok),
        cache_written=_ladder(listed.cache_write_mtok),
        reasoning=_ladder(listed.output_reasoning_mtok),
        per_request=per_request.scaleb(_PER_THOUSAND) if isinstance(per_request, Decimal) else _FREE,
    )


def _ladder(listed: Decimal | TieredPrices | None) -> Ladder | None:
    if listed is None:
        return None
    if isinstance(listed, Decimal):
        return ((-1, listed.scaleb(_PER_MILLION)),)
    steps = ((tier.start, tier.price.scaleb(_PER_MILLION)) for tier in listed.tiers)
    return ((-1, listed.base.scaleb(_PER_MILLION)), *steps)


def _rate(ladder: Ladder, prompt_tokens: int) -> Decimal:
    rate = ladder[0][1]
    for start, higher in ladder[1:]:
        if prompt_tokens <= start:
            break
        rate = higher
    return rate
