"""The neighbours head: what a prompt should score, judged by the labelled prompts that it resembles.

The nearest of tens of thousands of labels would have to be looked up for every request, and one label is mostly noise.
So a few hundred landmarks stand for all of them: kernel ridge regression over the embedding, in Nystroem's
approximation.
"""

from __future__ import annotations

import numpy as np

from router.scoring.neighbours import NeighboursHead
from training.fit.design import Design, Matrix, centred_by_source
from training.fit.linear import DECIMALS, ridge_slopes
from training.refit.basis import landmarks

LANDMARKS = 256
MOST_ROWS = 8000
"""So many prompts, drawn at random, show where the landmarks belong."""

SHARPNESS = 2.0
"""Over squared distances in units of their mean."""

PENALTY = 0.01
LEAST_SPREAD = 1e-9


def fit_neighbours(design: Design, *, dim: int, seed: int) -> NeighboursHead:
    """Nearness to landmarks on the targets, each source around its own mean.

    Args:
        design: rows of any sources.
        dim: columns of the embedding within a row; the features do not count.
        seed: fixes the landmarks.
    """
    distance = 2.0 * float(design.rows[:, :dim].astype(np.float64).var(axis=0).sum())
    scales = np.full(dim, np.sqrt(SHARPNESS / max(distance, LEAST_SPREAD)))
    part = landmarks("neighbours", _sample(design, seed), scales, 0, LANDMARKS, 1.0, seed)
    slopes, _ = ridge_slopes(part.basis(design.rows), centred_by_source(design), design.weight, PENALTY)
    return part.head(slopes, design.rows.shape[1], DECIMALS)


def _sample(design: Design, seed: int) -> Matrix:
    if len(design) <= MOST_ROWS:
        return design.rows
    return design.rows[np.random.default_rng(seed).choice(len(design), MOST_ROWS, replace=False)]
