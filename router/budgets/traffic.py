"""What requests are like: what they cost with each model, and how many of them a threshold sends to the strong one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from router.budgets.budgets import Decided
from router.scoring.curve import Curve

MEMORY = 1000
"""Requests over which a mean cost is taken: long enough to be steady, short enough to follow new prices."""

SAMPLES = 1024
"""The newest win rates that are kept."""

CURVE_SAMPLES = 64
"""Win rates as the measured curve has them, which the first real ones are mixed with."""

NEVER = -1.0
"""In the place of the win rate of a request that others keep from the strong model anyway: its caller's own threshold,
or the pace of another budget."""


class Mean:
    """A mean that forgets."""

    __slots__ = ("count", "value")

    def __init__(self) -> None:
        self.value = 0.0
        self.count = 0

    def add(self, value: float) -> None:
        """One more."""
        self.count = min(self.count + 1, MEMORY)
        self.value += (value - self.value) / self.count


class Traffic:
    """Learns from each request that was answered. Keeps some 8 KB."""

    def __init__(self) -> None:
        self.weak = Mean()
        self.strong = Mean()
        self.other = Mean()
        self.unsteered = Mean()
        self.all = Mean()
        self.dearest = 0.0
        self._rates = np.zeros(SAMPLES)
        self._seen = 0
        self._curve: tuple[Curve, NDArray[np.float64]] | None = None

    def answered(self, usd: float, decided: Decided, bar: float) -> None:
        """One request, what it cost, and the win rate below which no pace of ours would have made a difference."""
        self.dearest = max(self.dearest * 0.999, usd)
        self.all.add(usd)
        win_rate, threshold, route = decided.win_rate, decided.threshold, decided.route
        if win_rate is None or threshold is None or route != ("strong" if win_rate >= threshold else "weak"):
            # Pinned, embeddings, unlike all training: no threshold has a say in it.
            self.other.add(usd)
            self.unsteered.add(1.0)
            return
        self.unsteered.add(0.0)
        (self.strong if route == "strong" else self.weak).add(usd)
        self._rates[self._seen % SAMPLES] = win_rate if win_rate >= bar else NEVER
        self._seen += 1

    def threshold_for(self, usd: float, curve: Curve) -> float | None:
        """The threshold at which a request costs so much in the mean.

        Returns:
            0..1; 1.0 where even the weak model alone costs more. None where no threshold is needed, or too little is
            known.
        """
        if not self.strong.count:
            return None
        steered = 1.0 - self.unsteered.value
        weak = self.weak.value if self.weak.count else 0.0
        dearer = self.strong.value - weak
        if steered <= 0.0 or dearer <= 0.0:
            return None
        share = ((usd - self.unsteered.value * self.other.value) / steered - weak) / dearer
        if share <= 0.0:
            return 1.0
        rates = self._win_rates(curve)
        # The share that goes there if nothing is held back here.
        wanted = float(np.count_nonzero(rates > NEVER)) / len(rates)
        if share >= wanted:
            return None
        return float(np.quantile(rates, 1.0 - share))

    def _win_rates(self, curve: Curve) -> NDArray[np.float64]:
        if self._curve is None or self._curve[0] is not curve:
            shares = (np.arange(CURVE_SAMPLES) + 0.5) / CURVE_SAMPLES
            self._curve = curve, np.array([curve.threshold_for_strong_share(share) for share in shares.tolist()])
        return np.concatenate([self._curve[1], self._rates[: min(self._seen, SAMPLES)]])
