"""What win rates are worth on prompts that the fit has not seen: how often the strong answer really was better."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np
from msgspec import to_builtins
from numpy.typing import NDArray

from training.calibration_error import debiased_error
from training.evaluate import Benchmark
from training.evaluate.comparison import compare_scores
from training.evaluate.measured import measured_curves, plain_curve
from training.records import Labelled

FloatArray = NDArray[np.float64]

BINS = 10
DECIMALS = 4
NORMAL_95 = 1.959964
"""Standard deviations on either side of the mean that hold 95 % of a normal distribution."""


def held_out_by_family(win_rates: FloatArray, labelled: Sequence[Labelled]) -> dict[str, dict[str, Any]]:
    """``held_out_figures`` of votes (``chat``) and of right/wrong tables (``exam``), where there are any.

    Args:
        win_rates: float64 [N], each by a chain that never saw its prompt.
        labelled: the N prompts.
    """
    found = {}
    for family in ("chat", "exam"):
        places = [p for p, row in enumerate(labelled) if row.family == family and row.strong_wins is not None]
        if places:
            wins = np.array([labelled[place].strong_wins for place in places], np.float64)
            found[family] = held_out_figures(win_rates[places], wins)
    return found


def held_out_figures(win_rates: FloatArray, wins: FloatArray) -> dict[str, Any]:
    """Mean win rate against share of strict wins, over all prompts and over bins of them.

    Args:
        win_rates: float64 [N].
        wins: float64 [N], 1 where the strong answer was strictly better, 0 where not, or a share.

    Returns:
        ``n``, ``mean_win_rate``, ``share_of_wins``, ``calibration_error``, and ``reliability``: bins of equally many
        prompts by rising win rate, each with ``n``, ``win_rate``, ``wins`` and the 95 % interval ``wins_ci``.
    """
    order = np.argsort(win_rates, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    return {
        "n": len(wins),
        "mean_win_rate": round(float(win_rates.mean()), DECIMALS),
        "share_of_wins": round(float(wins.mean()), DECIMALS),
        "calibration_error": round(debiased_error(win_rates, wins), DECIMALS),
        "reliability": [_bin(win_rates[part], wins[part]) for part in parts],
    }


def held_out_curve(
    prompts: Sequence[str], win_rates: FloatArray, gain: FloatArray, *, prior: FloatArray | None = None
) -> dict[str, Any]:
    """Cost against quality by RouteLLM's protocol on held-out prompts, as ``measured_curves`` gives it.

    Args:
        prompts: the N texts.
        win_rates: float64 [N], each by a chain that never saw its prompt. Only their order counts.
        gain: float64 [N], what the strong model gains on each (``training.gains``).
        prior: float64 [N], what the chain before a refit scores them: its curve joins the baselines, and ``prior`` says
            how far the new one is from it (``MetricDifference`` of APGR, a the prior).
    """
    benchmark = Benchmark("held out", prompts, np.zeros(len(gain)), gain)
    measured = measured_curves(benchmark, win_rates)
    if prior is None:
        return measured
    return measured | {
        "baselines": measured["baselines"] | {"prior": plain_curve(benchmark, prior)},
        "prior": to_builtins(compare_scores(benchmark, prior, win_rates).metrics[0]),
    }


def _bin(win_rates: FloatArray, wins: FloatArray) -> dict[str, Any]:
    share = float(wins.mean())
    return {
        "n": len(wins),
        "win_rate": round(float(win_rates.mean()), DECIMALS),
        "wins": round(share, DECIMALS),
        "wins_ci": [round(bound, DECIMALS) for bound in wilson(share, len(wins))],
    }


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, 0..1, of ``n`` prompts; cautious where outcomes are shares themselves."""
    spread = NORMAL_95**2 / n
    centre = (share + spread / 2) / (1 + spread)
    half = sqrt(spread * share * (1 - share) + spread**2 / 4) / (1 + spread)
    return max(centre - half, 0.0), min(centre + half, 1.0)
