"""What the price list of the `genai-prices` package says of a model, as rates of ours.

The package is imported at the first question that needs it, since it costs 0.2 s of CPU and some 20 MB: a server
whose models are all local never pays. Its own ``calc_price`` looks the model up and validates units on every call (70
us); here a model is looked up once and its rates are kept as Decimals per token. Tests hold both to the same amounts
over the whole list.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from router.ledger.rates import FREE, UNKNOWN, Constraint, Ladder, Rates, Tariff, Variant

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

TIER_NAMES = ("service_tier", "speed", "processing")
"""What price lists call a choice of the caller's that an answer tells as its service tier."""

_PER_MILLION = -6  # decimal exponent
_PER_THOUSAND = -3

_KINDS = {
    "prompt": "input_mtok",
    "completion": "output_mtok",
    "cached": "cache_read_mtok",
    "cache_written": "cache_write_mtok",
    "cache_written_1h": "cache_write_1h_mtok",
    "prompt_audio": "input_audio_mtok",
    "reasoning": "output_reasoning_mtok",
    "completion_audio": "output_audio_mtok",
}
"""Our kinds of token, and the list's."""


def listed_tariff(provider: str | None, model: str) -> Tariff:
    """What the list in use says of a model; see ``router.ledger.prices.Prices.price``."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        _, found = get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return UNKNOWN
    return tariff_of(found)


def tariff_of(model: ModelInfo) -> Tariff:
    """A listed model's rates over time."""
    variants = tuple(_variants(model))
    if not isinstance(model.prices, list):
        return Tariff(_rates(model.prices), variants=variants)
    if not model.prices:
        return UNKNOWN
    # The list's rule: the last price whose constraint holds, else the first. One without constraint always holds.
    exceptions: list[tuple[Constraint, Rates | None]] = []
    for conditional in reversed(model.prices):
        if conditional.constraint is None:
            return Tariff(_rates(conditional.prices), tuple(exceptions), variants)
        exceptions.append((conditional.constraint, _rates(conditional.prices)))
    return Tariff(_rates(model.prices[0].prices), tuple(exceptions), variants)


def _variants(model: ModelInfo) -> list[Variant]:
    """The prices of service tiers. Those that need more than one thing of a request, or another thing, are left out."""
    found = []
    for variant in model.price_variants or ():
        rates = _ladders(variant.prices)
        [(name, tier), *others] = variant.when.items()
        if rates and name in TIER_NAMES and not others:
            found.append(Variant(tier, variant.constraint, rates))
    return found


def _rates(listed: ModelPrice) -> Rates | None:
    """The rates of a listed price; None where it does not price prompt tokens."""
    ladders = _ladders(listed)
    prompt = ladders.pop("prompt", None)
    if prompt is None:
        return None
    per_request = listed.requests_kcount
    return Rates(
        prompt=prompt,
        completion=ladders.pop("completion", None),
        per_request=per_request.scaleb(_PER_THOUSAND) if isinstance(per_request, Decimal) else FREE,
        **ladders,
    )


def _ladders(listed: ModelPrice) -> dict[str, Ladder]:
    return {kind: ladder for kind, name in _KINDS.items() if (ladder := _ladder(getattr(listed, name))) is not None}


def _ladder(listed: Decimal | TieredPrices | None) -> Ladder | None:
    if listed is None:
        return None
    if isinstance(listed, Decimal):
        return ((-1, listed.scaleb(_PER_MILLION)),)
    steps = ((tier.start, tier.price.scaleb(_PER_MILLION)) for tier in listed.tiers)
    return ((-1, listed.base.scaleb(_PER_MILLION)), *steps)
