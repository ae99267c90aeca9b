"""``underdog prices``: what models cost, by whose word, and how old that word is."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from router.commands.options import config_option, home_option, json_option, print_json
from router.settings import Settings, load_settings

if TYPE_CHECKING:
    from router.ledger.price_list import ListInUse
    from router.ledger.rates import Ladder, Rates

KINDS = {
    "prompt": "input",
    "completion": "output",
    "cached": "cached_input",
    "cache_written": "cache_write",
    "cache_written_1h": "cache_write_1h",
    "reasoning": "reasoning",
    "prompt_audio": "input_audio",
    "completion_audio": "output_audio",
}
"""Kinds of token, by the names that `[[prices]]` has for them."""

_PER_MILLION = 6  # decimal exponent


@click.group("prices")
def command() -> None:
    """What models cost: the price list in use, and your own prices."""


@command.command("list")
@home_option
@config_option
@json_option
def list_(home: str | None, config: Path | None, as_json: bool) -> None:
    """Say which price list is in use, how old it is, and which prices of your own stand above it."""
    from router.ledger.price_list import PriceList

    settings = load_settings(flags={"home": home}, config=config)
    in_use = PriceList(settings.home_path).adopt()
    if as_json:
        print_json({"list": in_use, "own": [_entry(own) for own in settings.prices]})
        return
    _say_list(in_use)
    for own in settings.prices:
        click.echo(f"your own: {own.model}: {_listed(_entry(own))}")


@command.command()
@click.argument("model", metavar="[PROVIDER/]MODEL")
@click.option("--service-tier", help="Prices in this service tier, such as flex.  [default: the ordinary ones]")
@home_option
@config_option
@json_option
def show(model: str, service_tier: str | None, home: str | None, config: Path | None, as_json: bool) -> None:
    """Show what a model costs, in US dollars for a million tokens.

    Without a provider it is priced as its own maker would.
    """
    from router.ledger.price_list import PriceList

    settings = load_settings(flags={"home": home}, config=config)
    in_use = PriceList(settings.home_path).adopt()
    rates = _rates(settings, model, service_tier)
    if rates is None:
        raise click.ClickException(
            f"The price of '{model}' is not known: ledger and reports show its cost as unknown. Write PROVIDER/MODEL, "
            "or set a price of your own under [[prices]] (docs/costs.md)."
        )
    steps = _steps(rates)
    if as_json:
        per_request = format(rates.per_request, "f")
        print_json({"model": model, "per_million_usd": steps, "per_request_usd": per_request})
        return
    for kind, ladder in steps.items():
        texts = [f"${price}" if above is None else f"${price} above {above:,} tokens" for above, price in ladder]
        click.echo(f"{kind:14} {', '.join(texts)}")
    if rates.per_request:
        click.echo(f"{'per_request':14} ${rates.per_request:f}")
    _say_list(in_use)


@command.command()
@home_option
@config_option
@json_option
def update(home: str | None, config: Path | None, as_json: bool) -> None:
    """Fetch the newest price list and keep it in the home folder; a running server takes it up within seconds."""
    from router.ledger.price_list import PriceList

    settings = load_settings(flags={"home": home}, config=config)
    in_use = PriceList(settings.home_path).fetch(settings.prices_url)
    if as_json:
        print_json({"list": in_use})
    else:
        _say_list(in_use)


def _rates(settings: Settings, model: str, tier: str | None) -> Rates | None:
    from router.ledger.prices import Prices

    prices = Prices(settings.prices)
    provider, _, name = model.partition("/")
    found = prices.rates(provider, name, tier=tier) if name else None
    return found or prices.rates(None, model, tier=tier)


def _steps(rates: Rates) -> dict[str, list[tuple[int | None, str]]]:
    """Kind of token to its prices: (from more than so many tokens of prompt, US dollars for a million)."""
    ladders: dict[str, Ladder] = {name: ladder for kind, name in KINDS.items() if (ladder := getattr(rates, kind))}
    return {
        name: [(above if above > 0 else None, _plain(rate.scaleb(_PER_MILLION))) for above, rate in ladder]
        for name, ladder in ladders.items()
    }


def _entry(own: msgspec.Struct) -> dict[str, Any]:
    """What an own price says, without what it leaves open."""
    said = msgspec.to_builtins(own)
    return {name: value for name, value in said.items() if value not in (None, (), [], "0")}


def _listed(said: dict[str, Any]) -> str:
    """An own price in a line; the model's name stands before it."""
    parts = [f"{name} {value}" for name, value in said.items() if name not in ("model", "tiers")]
    for step in said.get("tiers", ()):
        above = ", ".join(f"{name} {value}" for name, value in step.items() if name != "above" and value is not None)
        parts.append(f"above {step['above']:,} tokens {above}")
    return ", ".join(parts)


def _plain(amount: Decimal) -> str:
    return format(amount.normalize(), "f")


def _say_list(in_use: ListInUse) -> None:
    newest = f"; newest change of a price: {in_use.newest}" if in_use.newest else ""
    if in_use.fetched_at is None:
        came = f"as installed with genai-prices {in_use.version}"
    else:
        hours = int((datetime.now(UTC) - in_use.fetched_at).total_seconds() // 3600)
        age = f"{hours} h ago" if hours < 48 else f"{hours // 24} days ago"
        came = f"fetched {in_use.fetched_at:%Y-%m-%d %H:%M} UTC ({age})"
    click.echo(f"Price list: {came}; {in_use.models:,} models of {in_use.providers} providers{newest}.")
