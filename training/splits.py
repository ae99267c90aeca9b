"""Splitting labelled prompts so that no slice knows another: prompts that are alike stay together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import accumulate

from training.records import Labelled

SHARES_TOLERANCE = 1e-9


def group_of(prompt: str) -> str:
    """The name of a prompt's group, 16 hexadecimal digits.

    It is equal for prompts that differ only in case, spacing, punctuation or digits: the same exercise with other
    numbers is in the same group.
    """
    letters = "".join(letter for letter in prompt.casefold() if letter.isalpha())
    return _digest(letters or prompt).hex()


def split_by_group(
    rows: Sequence[Labelled], shares: Mapping[str, float], *, seed: int = 0
) -> dict[str, list[Labelled]]:
    """Deal rows into named slices, whole groups at a time.

    A group's slice depends on its name and the seed alone, so adding data never moves a prompt between slices.

    Args:
        rows: labelled prompts.
        shares: name -> share of the groups, 0..1, together 1. Slices come out in this order.
        seed: another seed gives another split.

    Raises:
        ValueError: the shares do not add up to 1.
    """
    if abs(sum(shares.values()) - 1.0) > SHARES_TOLERANCE:
        message = f"the shares of {', '.join(shares)} add up to {sum(shares.values())}, not to 1"
        raise ValueError(message)
    names = list(shares)
    bounds = list(accumulate(shares.values()))
    slices: dict[str, list[Labelled]] = {name: [] for name in names}
    for row in rows:
        place = _place(row.group, seed)
        slices[next((name for name, bound in zip(names, bounds, strict=True) if place < bound), names[-1])].append(row)
    return slices


def leave_one_source_out(rows: Sequence[Labelled]) -> Iterator[tuple[str, list[Labelled], list[Labelled]]]:
    """For each source: its name, the rows of the others, and its own rows.

    A prompt that the held-out source shares with another one is taken out of the rest.
    """
    for source in sorted({row.source for row in rows}):
        held_out = [row for row in rows if row.source == source]
        groups = {row.group for row in held_out}
        yield source, [row for row in rows if row.source != source and row.group not in groups], held_out


def _place(group: str, seed: int) -> float:
    """Where a group falls on the line from 0 to 1."""
    return int.from_bytes(_digest(f"{seed}:{group}"), "big") / 2**64


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
