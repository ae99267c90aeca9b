"""Folds in which the groups of the test pairs, and some families of traps, are new to what was fitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b

from msgspec import Struct

from training.pairs.records import QUORA_GROUPS, RequestPair

QUORA_PARTS = 4

FAMILY_SALT = "verifier"
"""Deals families into four folds that hold about equally many traps of each source."""


class Fold(Struct, frozen=True):
    """Places of the pairs to fit on and of those to measure on, and the families of traps that the fit never saw."""

    number: int
    train: list[int]
    test: list[int]
    unseen: frozenset[str]


def folds(pairs: Sequence[RequestPair], count: int) -> Iterator[Fold]:
    """Deal groups and families of traps into ``count`` folds; a fold's fit knows neither its groups nor its families.

    Every pair of ours is in one test part. A trap whose family is dealt to another fold is in the test part too: what
    it measures is a new request, not a new kind of trap. Quora's pairs, many and less exact, are split once: those of
    :func:`only_measured` are measured in the first fold.
    """
    families = {pair.family: family_fold(pair.family, count) for pair in pairs if pair.family and not pair.same_answer}
    for number in range(count):
        unseen = frozenset(family for family, fold in families.items() if fold == number)
        held_out = [_held_out(pair, number, count) for pair in pairs]
        test = [place for place, out in enumerate(held_out) if out]
        train = [
            place
            for place, pair in enumerate(pairs)
            if not held_out[place] and not only_measured(pair) and (pair.same_answer or pair.family not in unseen)
        ]
        yield Fold(number, train, test, unseen)


def only_measured(pair: RequestPair) -> bool:
    """Whether a pair is of the quarter of Quora's groups that nothing is ever fitted on."""
    return is_quoras(pair) and group_fold(pair.group, QUORA_PARTS) == 0


def is_quoras(pair: RequestPair) -> bool:
    """Whether a pair is Quora's, or made from one by rule."""
    return pair.group.startswith(QUORA_GROUPS)


def _held_out(pair: RequestPair, number: int, count: int) -> bool:
    if is_quoras(pair):
        return number == 0 and only_measured(pair)
    return group_fold(pair.group, count) == number


def group_fold(group: str, count: int) -> int:
    """The fold of a group; it depends on the group's name alone, so that more data moves nothing."""
    return int.from_bytes(blake2b(group.encode(), digest_size=8).digest()) % count


def family_fold(family: str, count: int) -> int:
    """The fold of a family of traps; by its name alone, too."""
    return group_fold(FAMILY_SALT + family, count)
