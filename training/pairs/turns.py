"""Conversations turn by turn: two may share an answer where every turn of one says what that of the other says.

So what is learned of single requests, with all their kinds of traps, judges conversations too, and only turns that
differ cost anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from router.types import Role
from training.pairs.folds import Fold
from training.pairs.records import RequestPair, Turn

NEVER, ALWAYS = -1e9, 1e9
"""Scores of conversations of other roles, system prompts or tools' results, and of equal ones."""

_ROLE = re.compile(rf"^({'|'.join(get_args(Role))}): ", re.MULTILINE)

_REWORDED = frozenset({"user", "assistant"})
"""Whose turns may differ in wording; serving takes any other difference for another request."""


@dataclass(frozen=True, slots=True)
class Units:
    """What is compared: single requests as they are, of conversations the turns that differ.

    ``pairs`` [M] are the units; ``of`` [N] gives for each pair that they were made from the places of its units, None
    for a pair that can never be served. ``teaches`` [M]: whether a unit's label is sure, and can be learned from. Of
    rewordings it is; of a trap only where a single turn differs: which of several makes the trap nobody said.
    """

    pairs: list[RequestPair]
    of: list[list[int] | None]
    teaches: list[bool]

    @classmethod
    def of_pairs(cls, pairs: Sequence[RequestPair]) -> Units:
        """The units of N pairs."""
        units: list[RequestPair] = []
        of: list[list[int] | None] = []
        teaches: list[bool] = []
        for pair in pairs:
            found = changed_turns(pair) if pair.source == "conversations" else [pair]
            of.append(None if found is None else list(range(len(units), len(units) + len(found))))
            units += found or []
            teaches += [pair.same_answer or len(found or []) == 1] * len(found or [])
        return cls(units, of, teaches)

    def fold(self, fold: Fold) -> Fold:
        """The same fold of units: those to learn from, and every unit of the pairs to measure on."""
        train = [place for place in self._places(fold.train) if self.teaches[place]]
        return Fold(fold.number, train, self._places(fold.test), fold.unseen)

    def gathered(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores float64 [N] of the pairs from float64 [M] of the units: that of the least alike one."""
        return np.array(
            [NEVER if own is None else min((scores[unit] for unit in own), default=ALWAYS) for own in self.of]
        )

    def _places(self, pairs: Sequence[int]) -> list[int]:
        return [place for pair in pairs for place in self.of[pair] or []]


def changed_turns(pair: RequestPair) -> list[RequestPair] | None:
    """The turns that differ, as pairs; None where other roles speak, or more than wording differs."""
    a, b = turns_of(pair.a), turns_of(pair.b)
    if [turn.role for turn in a] != [turn.role for turn in b]:
        return None
    changed = [(one, other) for one, other in zip(a, b, strict=True) if one != other]
    if any(one.role not in _REWORDED for one, _ in changed):
        return None
    return [
        RequestPair(one.content, other.content, pair.same_answer, pair.source, pair.group, pair.family)
        for one, other in changed
    ]


def turns_of(text: str) -> list[Turn]:
    """The messages of a transcript."""
    starts = list(_ROLE.finditer(text))
    ends = [*(match.start() - 1 for match in starts[1:]), len(text)]
    return [Turn(match[1], text[match.end() : end]) for match, end in zip(starts, ends, strict=True)]
