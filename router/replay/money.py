"""Amounts that were computed, as text: to a thousandth of a millionth of a dollar, below which sums of floats blur."""

from __future__ import annotations

from collections.abc import Iterable

DECIMALS = 9


def usd_text(amount: float) -> str:
    """An amount in plain decimal digits, without needless zeros."""
    text = f"{amount:.{DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def usd_texts(amounts: Iterable[float]) -> list[str]:
    """Several amounts."""
    return [usd_text(amount) for amount in amounts]
