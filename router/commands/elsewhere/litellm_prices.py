"""What a LiteLLM file says that its models cost."""

from __future__ import annotations

from decimal import Decimal

from router.commands.elsewhere.moving import Move
from router.commands.elsewhere.source import Entry
from router.configured.prices import MOST_USD, PriceEntry

MILLION = Decimal(1_000_000)

_PER_TOKEN = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached_input": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
}


def own_price(model: str, entry: Entry, move: Move) -> PriceEntry | None:
    """The price of a model in an entry of ``model_list``: US dollars a token there, a million tokens here.

    None where it says none, or only a part of one, which is told.
    """
    amounts: dict[str, Decimal] = {}
    for ours, theirs in _PER_TOKEN.items():
        found = entry.get("model_info", theirs) or entry.get("litellm_params", theirs)
        number = move.number(found)
        if number is not None and found is not None and number * MILLION <= MOST_USD:
            amounts[ours] = (number * MILLION).normalize()
        elif number is not None and found is not None:
            move.remark(found, "is no price for one token")
    if "input" not in amounts:
        return None
    return PriceEntry(
        model=model,
        input=amounts["input"],
        output=amounts.get("output"),
        cached_input=amounts.get("cached_input"),
        cache_write=amounts.get("cache_write"),
    )
