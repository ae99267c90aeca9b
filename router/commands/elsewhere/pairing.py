"""Which of another gateway's models is the weak one, and which the strong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

import click
from msgspec import Struct

from router.commands.elsewhere.moving import Chosen
from router.commands.options import EMBEDDED
from router.commands.printable import printable

NONE = "none"

_WORDS = re.compile(r"[a-z]+")
_WEAK_WORDS = frozenset({"weak", "local", "small", "cheap", "fast", "simple"})
_STRONG_WORDS = frozenset({"strong", "cloud", "large", "best", "smart", "powerful"})


class Candidate(Struct, frozen=True, kw_only=True):
    """A model that could be one of the two. ``price``: US dollars for 1,000 tokens in and 1,000 out, where known."""

    name: str
    price: Decimal | None
    local: bool


def paired(candidates: Sequence[Candidate], weak: str | None, strong: str | None) -> Chosen:
    """Choose the two: by what was asked for, else by names that say it, else by price.

    Args:
        candidates: models that chat, in the order of the file.
        weak: the name that was asked for; ``embedded`` for none of them.
        strong: the name that was asked for; ``none`` for none.

    Raises:
        click.UsageError: a name that is not there, or nothing that tells the models apart.
    """
    _require_known(candidates, "--weak", weak, EMBEDDED)
    _require_known(candidates, "--strong", strong, NONE)
    others = [each for each in candidates if each.name not in (weak, strong)]
    if weak is None and strong is None:
        return _told_apart(candidates)
    chosen_weak = weak or _other(others, EMBEDDED, cheapest=True)
    chosen_strong = strong or _other(others, NONE, cheapest=False)
    return Chosen(
        weak=None if chosen_weak == EMBEDDED else chosen_weak,
        strong=None if chosen_strong == NONE else chosen_strong,
        because="as asked for",
    )


def _require_known(candidates: Sequence[Candidate], flag: str, name: str | None, nothing: str) -> None:
    names = [each.name for each in candidates]
    if name is not None and name != nothing and name not in names:
        raise click.UsageError(
            f"{flag}: the file has no chat model '{name[:100]}', but {_listed(names)}; or {nothing}."
        )


def _told_apart(candidates: Sequence[Candidate]) -> Chosen:
    if not candidates:
        return Chosen(weak=None, strong=None, because="the file names no chat model that can be taken over")
    if len(candidates) == 1:
        (only,) = candidates
        if only.local:
            return Chosen(weak=only.name, strong=None, because="it is the only one, and runs here")
        return Chosen(weak=None, strong=only.name, because="it is the only one; the embedded LLM is weak beside it")
    weak, strong = _worded(candidates, _WEAK_WORDS), _worded(candidates, _STRONG_WORDS)
    if weak is not None and strong is not None and weak != strong:
        return Chosen(weak=weak, strong=strong, because="by their names")
    cheapest, dearest = _extreme(candidates, cheapest=True), _extreme(candidates, cheapest=False)
    if cheapest is None or dearest is None or cheapest.price == dearest.price:
        names = _listed([each.name for each in candidates])
        raise click.UsageError(
            f"Neither names nor prices tell which model is weak and which strong; say --weak and --strong: {names}."
        )
    because = "the cheapest and the dearest, by the file and the price list; what runs here costs nothing"
    return Chosen(weak=cheapest.name, strong=dearest.name, because=because)


def _other(others: Sequence[Candidate], nothing: str, *, cheapest: bool) -> str:
    """The second of the two, where one was asked for."""
    found = _extreme(others, cheapest=cheapest)
    if found is None and others:
        found = others[0] if cheapest else others[-1]
    return nothing if found is None else found.name


def _extreme(candidates: Sequence[Candidate], *, cheapest: bool) -> Candidate | None:
    """The first of the cheapest, or of the dearest, of those whose price is known."""
    priced = [each for each in candidates if each.price is not None]
    pick = min if cheapest else max
    return pick(priced, key=lambda each: each.price or Decimal(0)) if priced else None


def _worded(candidates: Sequence[Candidate], words: frozenset[str]) -> str | None:
    """The one whose name has one of the words; None where several have, or none."""
    found = [each.name for each in candidates if words & set(_WORDS.findall(each.name.lower()))]
    return found[0] if len(found) == 1 else None


def _listed(names: Sequence[str]) -> str:
    return printable(", ".join(f"'{name}'" for name in names[:20])) or "none at all"
