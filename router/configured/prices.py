"""``[[prices]]``: what the operator pays, where that is not what price lists say."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct, field

MOST_USD = Decimal(1_000_000)
"""Per million tokens; more is a slip of the keyboard."""


class PriceStep(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What prompts of more than ``above`` tokens cost, for all of their tokens; what is not said stays as it was."""

    above: Annotated[int, Meta(ge=1)]
    input: Decimal | None = None
    output: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None

    def __post_init__(self) -> None:
        _require_amounts(self, ("input", "output", "cached_input", "cache_write", "reasoning"))


class PriceEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What some models cost, in US dollars for a million tokens. It stands above the price list.

    ``model``: their id, or ``provider/id``, ``*`` and ``?`` standing for any text and any letter. With ``input`` the
    entry says all: tokens without a price of their own cost what the others of the prompt or answer do, and without
    ``output`` the model answers without tokens, as embeddings models do. ``per_request``: US dollars on top, for each
    request. ``discount``: a share of the price that is not paid, of the list's where the entry has no ``input``.
    ``service_tier``: for answers in that tier alone. ``from``: the first day, in UTC. Of several entries that fit, the
    first that has begun counts.
    """

    model: str
    input: Decimal | None = None
    output: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None
    per_request: Decimal | None = None
    tiers: tuple[PriceStep, ...] = ()
    discount: Decimal = Decimal(0)
    service_tier: str | None = None
    since: date | None = field(default=None, name="from")

    def __post_init__(self) -> None:
        amounts = ("input", "output", "cached_input", "cache_write", "reasoning", "per_request")
        _require_amounts(self, amounts)
        if not (self.discount.is_finite() and 0 <= self.discount <= 1):
            raise ValueError("'discount' is a share from 0 to 1: 0.2 is a fifth off")
        if self.input is None:
            said = [name for name in amounts if getattr(self, name) is not None] + ["tiers"] * bool(self.tiers)
            if said:
                raise ValueError(f"'{said[0]}' needs 'input' beside it: an entry with prices replaces the list's")
            if not self.discount:
                raise ValueError("says nothing; give 'input' (0 for a model that costs nothing), or 'discount'")


def _require_amounts(entry: Struct, names: tuple[str, ...]) -> None:
    for name in names:
        amount = getattr(entry, name)
        if amount is not None and not (amount.is_finite() and 0 <= amount <= MOST_USD):
            raise ValueError(f"'{name}' is US dollars for a million tokens, from 0 to {MOST_USD}")
