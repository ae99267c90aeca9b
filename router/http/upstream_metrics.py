"""What ``GET /metrics`` tells of the deployments. Labels come from the settings and from fixed sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from router.metrics import Family, Labels
from router.upstream.base import Upstream
from router.upstream.pool import Condition, Member, Pool

BREAKER_STATES = {"closed": 0, "half-open": 1, "open": 2}


def upstream_families(upstreams: Iterable[Upstream]) -> Iterator[Family]:
    """Every metric of the pools among these upstreams."""
    pools = [upstream for upstream in upstreams if isinstance(upstream, Pool)]
    yield Family(
        "underdog_deployment_requests_total",
        "Requests to a deployment, retries and hedges included.",
        "counter",
        [(_labels(pool, member), member.requests) for pool in pools for member in pool.members],
    )
    yield Family(
        "underdog_deployment_failures_total",
        "Those that failed, by kind.",
        "counter",
        [
            ({**_labels(pool, member), "kind": kind}, count)
            for pool in pools
            for member in pool.members
            for kind, count in sorted(member.failures.items())
        ],
    )
    yield _gauge(pools, "in_flight", "Requests under way.", lambda condition: condition.in_flight)
    yield _gauge(
        pools,
        "breaker",
        "Its circuit breaker: 0 closed, 1 half-open, 2 open.",
        lambda condition: BREAKER_STATES[condition.breaker],
    )
    yield _gauge(
        pools, "resting_seconds", "For how long it is left out after a 429.", lambda condition: condition.resting_s
    )
    yield _counted(pools, "retries", "Further attempts: made, or denied by the budget.", lambda pool: pool.retries)
    yield _counted(pools, "hedges", "Second requests for slow first pieces: won, lost.", lambda pool: pool.hedges)


def _gauge(pools: list[Pool], name: str, about: str, value: Callable[[Condition], float]) -> Family:
    samples: list[tuple[Labels, float]] = [
        ({"route": pool.name, "deployment": condition.deployment}, value(condition))
        for pool in pools
        for condition in pool.conditions
    ]
    return Family(f"underdog_deployment_{name}", about, "gauge", samples)


def _counted(pools: list[Pool], name: str, about: str, counts: Callable[[Pool], dict[str, int]]) -> Family:
    samples: list[tuple[Labels, float]] = [
        ({"route": pool.name, "outcome": outcome}, count)
        for pool in pools
        for outcome, count in sorted(counts(pool).items())
    ]
    return Family(f"underdog_upstream_{name}_total", about, "counter", samples)


def _labels(pool: Pool, member: Member) -> dict[str, str]:
    return {"route": pool.name, "deployment": member.label}
