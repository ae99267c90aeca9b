"""What live traffic is compared with: the win rates, lengths and unfamiliarity of an artifact's own prompts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from router.scoring.familiarity import UNFAMILIAR_ABOVE
from router.scoring.features import FEATURE_NAMES
from router.scoring.reference import Distribution, Reference
from training.familiarity import Fitted

FloatArray = NDArray[np.float64]

BINS = 10
_DECIMALS = 6
_TOKENS = FEATURE_NAMES.index("length.tokens")


def reference_of(fitted: Fitted, win_rates: FloatArray, weight: FloatArray) -> Reference:
    """Describe an artifact's own prompts.

    Args:
        fitted: the prompts, and how unfamiliar each was while it was held out.
        win_rates: held-out win rates, float64 [M], of these prompts or a part of them.
        weight: weights of the win rates, float64 [M].
    """
    weights = fitted.prompts.weight
    # Tokens are a feature, as log(1 + tokens).
    tokens = np.rint(np.expm1(fitted.prompts.raw[:, _TOKENS].astype(np.float64)))
    unfamiliar = np.average(fitted.held_out > UNFAMILIAR_ABOVE, weights=weights)
    return Reference(
        n=_effective(weight),
        win_rate=distribution(win_rates, weight),
        tokens=distribution(tokens, weights),
        unfamiliarity=distribution(fitted.held_out, weights),
        unfamiliar_share=round(float(unfamiliar), _DECIMALS),
    )


def distribution(values: FloatArray, weight: FloatArray) -> Distribution:
    """``BINS`` bins of equal weight, fewer where values repeat."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    wanted = np.arange(1, BINS) / BINS
    edges = np.unique(np.round(values[order][np.searchsorted(reached, wanted)], _DECIMALS))
    bins = np.searchsorted(edges, values, side="right")
    shares = np.bincount(bins, weight, minlength=len(edges) + 1) / weight.sum()
    return Distribution(edges=edges.tolist(), shares=np.round(shares, _DECIMALS).tolist())


def _effective(weight: FloatArray) -> int:
    """How many equally weighted prompts would say as much (Kish)."""
    return int(weight.sum() ** 2 / (weight**2).sum())
