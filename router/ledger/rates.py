"""What a model bills for tokens: rates by kind of token, by length of the prompt, and over time."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from router.types import Usage

FREE = Decimal(0)

Ladder = tuple[tuple[int, Decimal], ...]
"""A rate in US dollars per token, by prompt length: (tokens, rate), ascending. A rate holds above its tokens."""


class Amount(NamedTuple):
    """US dollars of one answer, and what part of them its completion tokens are."""

    usd: Decimal
    completion_usd: Decimal


class Constraint(Protocol):
    """When a price holds: from a date on, or at some hours of the day."""

    def active(self, request_timestamp: datetime) -> bool:
        """Whether the price holds at this aware time."""
        ...


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of one model. None: not billed apart from prompt or completion tokens.

    ``completion`` is None for models that answer without tokens, which is what embeddings are. ``cache_written_1h`` are
    tokens that the provider's prompt cache keeps for an hour rather than minutes.
    """

    prompt: Ladder
    completion: Ladder | None
    cached: Ladder | None = None
    cache_written: Ladder | None = None
    cache_written_1h: Ladder | None = None
    prompt_audio: Ladder | None = None
    reasoning: Ladder | None = None
    completion_audio: Ladder | None = None
    per_request: Decimal = FREE

    def amount(self, usage: Usage) -> Decimal | None:
        """US dollars for one answer; None where it has tokens without a price, as those of an embeddings model's.

        Cached, written, spoken and reasoning tokens are parts of the prompt and completion tokens.
        """
        found = self.amounts(usage)
        return None if found is None else found.usd

    def amounts(self, usage: Usage) -> Amount | None:
        """The same, with the part of the completion tokens."""
        if self.completion is None and usage.completion_tokens:
            return None
        answer = self._of_completion(usage)
        return Amount(self._of_prompt(usage) + answer + self.per_request, answer)

    def _of_prompt(self, usage: Usage) -> Decimal:
        left = length = usage.prompt_tokens
        if not (usage.cached_tokens or usage.cache_written_tokens or usage.prompt_audio_tokens):
            return rate_at(self.prompt, length) * left
        longer = min(usage.cache_written_1h_tokens, usage.cache_written_tokens) if self.cache_written_1h else 0
        total = FREE
        for ladder, tokens in (
            (self.cached, usage.cached_tokens),
            (self.cache_written_1h, longer),
            (self.cache_written, usage.cache_written_tokens - longer),
            (self.prompt_audio, usage.prompt_audio_tokens),
        ):
            if tokens and ladder:
                part = min(tokens, left)
                left -= part
                total += rate_at(ladder, length) * part
        return total + rate_at(self.prompt, length) * left

    def _of_completion(self, usage: Usage) -> Decimal:
        if not self.completion:
            return FREE
        left, length = usage.completion_tokens, usage.prompt_tokens
        if not (usage.reasoning_tokens or usage.completion_audio_tokens):
            return rate_at(self.completion, length) * left
        total = FREE
        for ladder, tokens in (
            (self.reasoning, usage.reasoning_tokens),
            (self.completion_audio, usage.completion_audio_tokens),
        ):
            if tokens and ladder:
                part = min(tokens, left)
                left -= part
                total += rate_at(ladder, length) * part
        return total + rate_at(self.completion, length) * left

    def times(self, factor: Decimal) -> Rates:
        """The same rates at a discount, or with a surcharge."""
        scaled: dict[str, Any] = {
            field.name: tuple((start, rate * factor) for start, rate in ladder)
            for field in dataclasses.fields(self)
            if field.name != "per_request" and (ladder := getattr(self, field.name)) is not None
        }
        return dataclasses.replace(self, per_request=self.per_request * factor, **scaled)


@dataclass(frozen=True, slots=True)
class Variant:
    """Rates that hold in a service tier, in the place of the ordinary ones of the same kinds of token."""

    tier: str
    constraint: Constraint | None
    rates: Mapping[str, Ladder]


@dataclass(frozen=True, slots=True)
class Tariff:
    """The rates of one model over time: of the first of ``exceptions`` whose constraint holds, else ``default``.

    Of the ``variants`` for a service tier the first that holds counts, kind of token by kind of token.
    """

    default: Rates | None
    exceptions: tuple[tuple[Constraint, Rates | None], ...] = ()
    variants: tuple[Variant, ...] = ()

    def at(self, moment: datetime | None, tier: str | None = None) -> Rates | None:
        """The rates at an aware time, now by default, in a service tier; None where there is no price."""
        if not self.exceptions and (tier is None or not self.variants):
            return self.default
        moment = moment or datetime.now(UTC)
        rates = next((rates for constraint, rates in self.exceptions if constraint.active(moment)), self.default)
        if tier is None or rates is None:
            return rates
        special: dict[str, Any] = {}
        for variant in self.variants:
            if variant.tier == tier and (variant.constraint is None or variant.constraint.active(moment)):
                special = {**variant.rates, **special}
        return dataclasses.replace(rates, **special) if special else rates


UNKNOWN = Tariff(default=None)
"""Of a model whose price nobody knows."""


def rate_at(ladder: Ladder, prompt_tokens: int) -> Decimal:
    """The rate that holds for a prompt of this length, for all of its tokens and those of its answer."""
    rate = ladder[0][1]
    for start, higher in ladder[1:]:
        if prompt_tokens <= start:
            break
        rate = higher
    return rate
