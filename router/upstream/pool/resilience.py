"""How persistent a pool is, in numbers: what the settings of these names say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resilience:
    """See the settings of the same names.

    ``retries``: attempts after the first. ``retry_budget``: the share of requests that may be asked again.
    ``breaker_failures``, ``breaker_failure_rate`` and ``breaker_open_s``: see `Breaker`. ``hedge_after_s``: seconds
    without a first piece after which another deployment is asked too; None for never. ``total_s``: no attempt begins
    later than that.
    """

    retries: int = 2
    retry_budget: float = 0.2
    breaker_failures: int = 5
    breaker_failure_rate: float = 0.5
    breaker_open_s: float = 5.0
    hedge_after_s: float | None = None
    total_s: float = 600.0
