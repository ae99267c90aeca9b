"""Thresholds that a dial has room for: close together where the win rates are."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from router.replay.requests import FloatArray

EVEN = 101
AMONG_REQUESTS = 100
DECIMALS = 4
"""Of thresholds among the requests: people read them, and type them elsewhere."""


def dial_thresholds(win_rates: FloatArray, besides: Iterable[float]) -> FloatArray:
    """Some 200 thresholds, strictly rising, from 0 to 1.

    Half of them are even steps, half as many quantiles of the requests' win rates, which lie close together: even steps
    alone would hardly tell them apart.

    Args:
        win_rates: float64 [N], at least one.
        besides: those that must be among them, as those in use.
    """
    even = np.linspace(0.0, 1.0, EVEN)
    among = np.round(np.quantile(win_rates, np.arange(1, AMONG_REQUESTS) / AMONG_REQUESTS), DECIMALS)
    return np.unique(np.clip(np.concatenate([np.round(even, DECIMALS), among, [*besides]]), 0.0, 1.0))
