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
        if each.sight is not None
        and each.sight.encoder == sight.encoder
        and each.row.tenant == to.row.tenant
        and each.row.request_id != to.row.request_id
    ]
    if not comparable:
        return []
    # Embeddings have length 1, so that their product is the cosine.
    cosines = np.stack([row[: sight.dim] for _, row in comparable]) @ sight.input[: sight.dim]
    best = np.argsort(-cosines, kind="stable")[:most]
    return [Neighbour(comparable[place][0], float(cosines[place])) for place in best.tolist()]
