"""More pairs from the same texts: what holds of the first request of a group holds of its rewordings.

Two rewordings of one request want the same answer; a rewording and a trap do not. So the network sees each text beside
several others, and cannot learn a pair by one of its sides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

from training.pairs.records import RequestPair


def derived_pairs(pairs: Sequence[RequestPair]) -> list[RequestPair]:
    """Pairs of the texts that were compared with one request, ``a``, of each group, and not yet with one another.

    A derived trap has the family of the trap that it is made from, so what is held out stays out.
    """
    groups: defaultdict[tuple[str, str], list[RequestPair]] = defaultdict(list)
    for pair in pairs:
        # A group of reported pairs is linked by any text: what holds of one first request says nothing of another.
        groups[pair.group, pair.a].append(pair)
    found = []
    for (group, _), members in groups.items():
        rewordings = [pair for pair in members if pair.same_answer]
        traps = [pair for pair in members if not pair.same_answer]
        found += [
            RequestPair(first.b, second.b, True, first.source, group, second.family)
            for first, second in combinations(rewordings, 2)
        ]
        found += [
            RequestPair(reworded.b, trap.b, False, trap.source, group, trap.family)
            for reworded in rewordings
            for trap in traps
        ]
    return found
