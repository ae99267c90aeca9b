"""Bags of words as plain mappings, for comparisons that are made many times: ``Counter``'s own operators are slower."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)


def left_over(bag: Mapping[Item, int], other: Mapping[Item, int]) -> dict[Item, int]:
    """What ``bag`` holds more of than ``other``, in its own order: ``Counter(bag) - Counter(other)``."""
    found = other.get
    return {item: count - had for item, count in bag.items() if count > (had := found(item, 0))}


def size(bag: Mapping[Item, int]) -> int:
    """How many items a bag holds, repeats counted."""
    return sum(bag.values())


def dice(bag: Mapping[Item, int], other: Mapping[Item, int]) -> float:
    """Dice's coefficient of two bags, 0..1; 1 for two empty ones."""
    total = size(bag) + size(other)
    if not total:
        return 1.0
    if len(bag) > len(other):
        bag, other = other, bag
    found = other.get
    shared = 0
    for item, count in bag.items():
        had = found(item, 0)
        shared += count if count < had else had  # noqa: FURB136 - min() takes twice as long
    return 2 * shared / total
