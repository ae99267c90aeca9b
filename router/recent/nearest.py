"""The requests that are most like another one: by the cosine of what the scorer saw of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from router.recent.ring import Settled


class Neighbour(NamedTuple):
    """A request, and the cosine of its embedding with the other one's."""

    settled: Settled
    similarity: float


def nearest(to: Settled, among: Sequence[Settled], *, most: int = 5) -> list[Neighbour]:
    """The requests of the same tenant that are most like ``to``, the most like first; ``to`` is none of them.

    Takes some milliseconds where there are thousands.

    Args:
        to: a request.
        among: those to look through; such as another encoder read are left out.
        most: how many at most.
    """
    sight = to.sight
    if sight is None:
        return []
    comparable = [
        (each, each.sight.input)
        for each in among
        if each.row.tenant == to.row.tenant
        and each is not to
        and each.sight is not None
        and each.sight.encoder == sight.encoder
        and len(each.sight.input) == len(sight.input)
    ]
    if not comparable:
        return []
    # Embeddings have length 1, so that their product is the cosine; what follows them in a row counts for nothing.
    embedding = sight.input.copy()
    embedding[sight.dim :] = 0
    cosines = np.concatenate([row for _, row in comparable]).reshape(len(comparable), -1) @ embedding
    best = np.argsort(-cosines, kind="stable")[:most]
    return [Neighbour(comparable[place][0], float(cosines[place])) for place in best.tolist()]
