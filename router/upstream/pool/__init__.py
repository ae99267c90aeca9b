"""Several upstreams behind one route: balancing, retries, circuit breakers, cooldowns, hedging.

A pool of one goes the same way: what a request costs it on the way is a few microseconds.
"""

from router.upstream.pool.build import Share, pool_of
from router.upstream.pool.member import Condition, Member
from router.upstream.pool.pool import Pool, models_of, runs_here
from router.upstream.pool.resilience import Resilience

__all__ = ["Condition", "Member", "Pool", "Resilience", "Share", "models_of", "pool_of", "runs_here"]
