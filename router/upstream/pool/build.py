"""From the upstreams of a route to its pool."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from router.upstream.base import Upstream
from router.upstream.pool.breaker import Breaker
from router.upstream.pool.member import Member, Slots
from router.upstream.pool.pool import Pool
from router.upstream.pool.resilience import Resilience


@dataclass(frozen=True, slots=True)
class Share:
    """One deployment's part of a pool: its upstreams, one for each key, and what the settings say of it.

    The weight is the deployment's, and so is the limit on requests at once: its keys share both.
    """

    upstreams: tuple[Upstream, ...]
    weight: float = 1.0
    max_concurrent: int | None = None
    hedge_after_s: float | None = None


def pool_of(name: str, shares: Sequence[Share], resilience: Resilience, *, chance: random.Random | None = None) -> Pool:
    """The pool of one route, or of one named model.

    Args:
        name: how people and errors call it.
        shares: its deployments, at least one.
        resilience: how persistent it is.
        chance: where draws and jitter come from.
    """
    chance = chance or random.Random()  # noqa: S311 - no secret hangs on it
    labels = _labels([upstream.name for share in shares for upstream in share.upstreams])
    members = []
    for share in shares:
        slots = Slots(share.max_concurrent)
        for upstream in share.upstreams:
            member = Member(
                upstream,
                label=next(labels),
                weight=share.weight / len(share.upstreams),
                breaker=_breaker(resilience, chance),
                slots=slots,
                hedge_after_s=share.hedge_after_s,
            )
            members.append(member)
    return Pool(name=name, members=members, resilience=resilience, chance=chance)


def _breaker(resilience: Resilience, chance: random.Random) -> Breaker:
    return Breaker(
        failures=resilience.breaker_failures,
        failure_rate=resilience.breaker_failure_rate,
        open_s=resilience.breaker_open_s,
        chance=chance,
    )


def _labels(names: list[str]) -> Iterator[str]:
    """The names, with a number behind those that come more than once."""
    often, seen = Counter(names), Counter[str]()
    for name in names:
        seen[name] += 1
        yield name if often[name] == 1 else f"{name}#{seen[name]}"
