"""A bounded number of settled requests: the oldest makes room for the newest."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.recent.tally import Tally
from router.types import LedgerRow

MOST = 5_000
"""Requests that are kept: some 3 KB each."""

Step = Literal["admitted", "decided", "cache", "asked", "first-token"]
"""What happens to a request on its way: body and limits are through; it is decided; the cache was looked through for a
rewording, or has answered; a model is asked, once more where another one failed; the answer begins."""


class Sight(Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """What the scorer saw of a request, in numbers.

    ``input``: its raw row, float32 [D], which begins with the embedding, ``dim`` of them. ``artifact``: the SHA-256 of
    the artifact that scored it, ``encoder``: of its encoder, whose embeddings alone may be compared.
    """

    input: NDArray[np.float32]
    dim: int
    score: float
    artifact: str
    encoder: str


class Settled(Struct, frozen=True, eq=False, gc=False):
    """A request that has come to its end.

    ``sight``: None where nothing was scored. ``steps``: when each was reached, in milliseconds since it arrived.
    """

    row: LedgerRow
    sight: Sight | None
    steps: Sequence[tuple[Step, float]]


class Recent:
    """The newest settled requests of this server, and counts of the last quarter of an hour. For one event loop.

    Args:
        most: requests that are kept.
    """

    def __init__(self, most: int = MOST) -> None:
        self.count = 0
        """How many have come to their end since the start."""
        self.tally = Tally()
        self._kept: deque[Settled] = deque(maxlen=most)

    def add(self, settled: Settled) -> None:
        """Put a request down that has just come to its end."""
        self._kept.append(settled)
        self.count += 1
        self.tally.count(settled.row)

    def newest(self, most: int) -> list[Settled]:
        """So many at most, the newest last."""
        return list(itertools.islice(reversed(self._kept), most))[::-1]

    def all(self) -> list[Settled]:
        """Every one that is kept, the newest last: a copy, which other threads may look through."""
        return list(self._kept)

    def find(self, request_id: str) -> Settled | None:
        """A request by its id; None where it is not kept any more."""
        return next((each for each in reversed(self._kept) if each.row.request_id == request_id), None)

    def first_answer(self, cache_key: str, *, tenant: str) -> Settled | None:
        """The newest request with this key in the cache that a model answered; None where it is not kept any more."""
        for each in reversed(self._kept):
            row = each.row
            if row.cache_key == cache_key and row.tenant == tenant and row.cache == "miss" and row.outcome == "ok":
                return each
        return None
