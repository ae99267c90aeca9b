"""What tokens cost: by the operator's own prices, else by the price list of the `genai-prices` package."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from msgspec import Struct

from router.configured.prices import PriceEntry
from router.ledger.listed import listed_tariff
from router.ledger.rates import FREE, Amount, Ladder, Rates, Tariff
from router.types import Cost, Usage

LOCAL = "local"
"""The provider of models that run here: their tokens cost nothing unless the operator says otherwise."""

MOST_KEPT = 1_024
"""Models whose rates are kept at hand."""

_STANDARD_TIERS = frozenset({"default", "standard", "auto"})
_PER_MILLION = -6  # decimal exponent
_NOTHING = Tariff(Rates(prompt=((-1, FREE),), completion=((-1, FREE),)))
_NO_AMOUNT = Amount(FREE, FREE)


class ModelRef(Struct, frozen=True):
    """A model as its bill knows it: who serves it, and its id there. ``provider`` as in ``Prices.price``."""

    provider: str | None
    model: str


@dataclass(frozen=True, slots=True)
class _Own:
    """An operator's entry, read once: a tariff that replaces the list's, or a factor upon it."""

    since: date | None
    tier: str | None
    tariff: Tariff | None
    factor: Decimal

    def holds(self, day: date, tier: str | None) -> bool:
        return (self.since is None or self.since <= day) and self.tier in (None, tier)


@dataclass(frozen=True, slots=True)
class _Known:
    """All that is known of one model's price."""

    own: tuple[_Own, ...]
    listed: Tariff

    def rates(self, moment: datetime | None, tier: str | None) -> Rates | None:
        if not self.own:
            return self.listed.at(moment, tier)
        day = (moment or datetime.now(UTC)).astimezone(UTC).date()
        for entry in self.own:
            if entry.holds(day, tier):
                rates = (entry.tariff or self.listed).at(moment, tier)
                return rates if rates is None or entry.factor == 1 else rates.times(entry.factor)
        return self.listed.at(moment, tier)


class Prices:
    """What models cost. For one event loop; ``forget`` and ``preload`` may be called from another thread.

    Args:
        entries: the operator's own prices.
    """

    def __init__(self, entries: Sequence[PriceEntry] = ()) -> None:
        self._entries = tuple((entry, _own(entry)) for entry in entries)
        self._known: dict[tuple[str | None, str], _Known] = {}

    def price(self, provider: str | None, model: str, usage: Usage, *, at: datetime | None = None) -> Decimal | None:
        """What one answer costs.

        Args:
            provider: the price list's provider id (``openai``, ``anthropic``, ``openrouter``, ...). ``local`` costs
                nothing. None, a provider we do not know, is priced as the model's own maker would, where the model's
                name tells the maker.
            model: the id that the provider knows; dated and prefixed forms are recognised.
            usage: the answer's tokens.
            at: aware time of the request, for prices that changed or vary over the day; now by default.

        Returns:
            Exact US dollars, or None where nobody knows the price: unknown is never zero.
        """
        amount = self._amount(provider, model, usage, at)
        return None if amount is None else amount.usd

    def cost(
        self,
        usage: Usage,
        served: ModelRef | None,
        baseline: ModelRef | None,
        *,
        at: datetime | None = None,
        by_baseline: bool = False,
    ) -> Cost:
        """What an answer cost, next to what the strong model would have cost for the same token counts.

        The baseline has no prompt-cache discount and no service tier unless it is the model that answered: another
        model's tell nothing of what the strong provider would have had in its cache.

        Args:
            usage: the answer's tokens.
            served: the model that answered; None where our cache did, which costs nothing.
            baseline: the strong model; None where none is configured, and the baseline is then not known.
            at: as in ``price``.
            by_baseline: whether an answer from the cache was once the strong model's own.
        """
        usd = FREE if served is None else self.price(served.provider, served.model, usage, at=at)
        if baseline is None:
            return Cost(usd, None)
        if baseline == served:
            return Cost(usd, usd, FREE)
        uncached = Usage(
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            prompt_audio_tokens=usage.prompt_audio_tokens,
            completion_audio_tokens=usage.completion_audio_tokens,
            reasoning_tokens=usage.reasoning_tokens,
        )
        amount = self._amount(baseline.provider, baseline.model, uncached, at)
        if amount is None:
            return Cost(usd, None)
        return Cost(usd, amount.usd, FREE if by_baseline else amount.completion_usd)

    def rates(
        self, provider: str | None, model: str, *, at: datetime | None = None, tier: str | None = None
    ) -> Rates | None:
        """The rates that hold for a model; None where nobody knows its price."""
        return self._of(provider, model).rates(at, None if tier in _STANDARD_TIERS else tier)

    def preload(self, refs: Iterable[ModelRef]) -> None:
        """Look up the models that will be asked for, so that no request pays for it."""
        for ref in refs:
            self._of(ref.provider, ref.model)

    def forget(self) -> None:
        """The price list has changed: look models up anew."""
        self._known = {}

    def _amount(self, provider: str | None, model: str, usage: Usage, at: datetime | None) -> Amount | None:
        rates = self.rates(provider, model, at=at, tier=usage.service_tier)
        if rates is _NOTHING.default:
            return _NO_AMOUNT
        return None if rates is None else rates.amounts(usage)

    def _of(self, provider: str | None, model: str) -> _Known:
        known = self._known.get((provider, model))
        if known is None:
            if len(self._known) >= MOST_KEPT:
                # Callers may name models without end.
                self._known = {}
            known = self._known[provider, model] = self._look_up(provider, model)
        return known

    def _look_up(self, provider: str | None, model: str) -> _Known:
        own = tuple(read for entry, read in self._entries if _fits(entry.model, provider, model))
        return _Known(own, _NOTHING if provider == LOCAL else listed_tariff(provider, model))


def _fits(pattern: str, provider: str | None, model: str) -> bool:
    pattern, model = pattern.lower(), model.lower()
    return fnmatch.fnmatchcase(model, pattern) or fnmatch.fnmatchcase(f"{provider or ''}/{model}", pattern)


def _own(entry: PriceEntry) -> _Own:
    factor = 1 - entry.discount
    if entry.input is None:
        return _Own(entry.since, entry.service_tier, None, factor)
    prompt, completion = _ladder(entry, "input"), _ladder(entry, "output")
    assert prompt is not None
    rates = Rates(
        prompt=prompt,
        completion=completion,
        cached=_ladder(entry, "cached_input"),
        cache_written=_ladder(entry, "cache_write"),
        reasoning=_ladder(entry, "reasoning"),
        per_request=entry.per_request or FREE,
    )
    return _Own(entry.since, entry.service_tier, Tariff(rates), factor)


def _ladder(entry: PriceEntry, name: str) -> Ladder | None:
    base = getattr(entry, name)
    steps = sorted((step.above, getattr(step, name)) for step in entry.tiers if getattr(step, name) is not None)
    if base is None and not steps:
        return None
    if base is None:
        # Below the first step these tokens cost what the others do.
        base = entry.input if name in ("cached_input", "cache_write") else entry.output
    if base is None:
        return None
    return ((-1, base.scaleb(_PER_MILLION)), *((above, rate.scaleb(_PER_MILLION)) for above, rate in steps))
