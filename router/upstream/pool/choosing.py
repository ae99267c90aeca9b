"""Which member is asked: the better of two that are drawn by weight (power of two choices, Mitzenmacher 2001)."""

from __future__ import annotations

import random
from collections.abc import Sequence

from router.upstream.pool.member import Member, Shape


def choose(members: Sequence[Member], shape: Shape, chance: random.Random) -> Member:
    """Draw two by weight, with replacement, and take the one that is less busy, faster and healthier.

    With replacement, since a member that looks slow must be asked now and then: otherwise it would never look better.

    Args:
        members: those that may be asked, at least one.
        shape: the latencies to compare.
        chance: where the draw comes from.
    """
    if len(members) == 1:
        return members[0]
    first, second = chance.choices(members, [member.weight for member in members], k=2)
    if first is second:
        return first
    return first if _cost(first, second, shape) <= _cost(second, first, shape) else second


def _cost(member: Member, other: Member, shape: Shape) -> float:
    """What a request at a member is expected to take, against another one."""
    mine, theirs = member.latency[shape].value, other.latency[shape].value
    # Of a newcomer nothing is known: only how busy it is counts.
    latency = 1.0 if mine is None or theirs is None else mine
    share = member.weight / max(member.weight, other.weight)
    # Squared: what fails is asked again elsewhere, later, and costs the caller both waits.
    return float(latency * (1.0 + member.in_flight / share) / member.health.value**2)
