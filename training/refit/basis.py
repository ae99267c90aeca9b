"""The columns that the correction reads: slopes along the inputs, and nearness to landmarks.

Landmarks are a few hundred mean prompts that stand for all labelled ones. The correction is kernel ridge regression
with a linear and two Gaussian kernels, the latter in Nystroem's approximation (Williams and Seeger 2001) with the
centres of k-means as landmarks: the cost of a fit grows linearly with the labels, that of a decision not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from router.scoring.classifier import Head, LinearHead
from router.scoring.inputs import Scaler
from router.scoring.neighbours import NeighboursHead

FloatArray = NDArray[np.float64]
Matrix = NDArray[np.float32]

TOPIC_LANDMARKS, FORM_LANDMARKS = 256, 128
TOPIC_SHARPNESS = 2.0
"""Over squared distances of unit embeddings: exp(4 (cosine - 1))."""

FORM_SHARPNESS = 0.5
"""Over the mean squared distance of the features, each in units of its spread over the labels."""

SLOPES_SHARE, FORM_SHARE = 0.5, 0.3
"""How much variance the embedding's slopes and each part of the features have, where nearness in topic has 1."""

PROMPTS_PER_LANDMARK = 2
LLOYD_STEPS = 5
LEAST_SPREAD = 1e-3
LEAST_EIGENVALUE = 1e-6
"""Directions of the landmarks' kernel below this part of the largest are rounding errors."""


class Part(Protocol):
    """Some basis columns, and the head that they become."""

    @property
    def name(self) -> str:
        """What the head is called."""
        ...

    @property
    def size(self) -> int:
        """Basis columns B."""
        ...

    def basis(self, rows: Matrix) -> FloatArray:
        """Standardised rows float32 [N, D] to float64 [N, B]."""
        ...

    def head(self, slopes: FloatArray, width: int, decimals: int) -> Head:
        """The head whose predictions are ``basis(rows) @ slopes``."""
        ...


@dataclass(frozen=True, slots=True)
class Slopes:
    """Every input column times its scale, ``scales`` float64 [D]: 0 leaves it out."""

    name: str
    scales: FloatArray

    @property
    def size(self) -> int:
        """Basis columns B."""
        return len(self.scales)

    def basis(self, rows: Matrix) -> FloatArray:
        """See ``Part.basis``."""
        return rows.astype(np.float64) * self.scales

    def head(self, slopes: FloatArray, width: int, decimals: int) -> LinearHead:
        """See ``Part.head``."""
        return LinearHead(np.round(slopes * self.scales, decimals), 0.0)


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Landmarks over some columns, and the map from kernel values to ``basis`` columns that ridge regression reads.

    ``centres`` float64 [M, K] in scaled columns; ``root`` float64 [M, B] is an inverse root of the kernel among them.
    """

    name: str
    centres: FloatArray
    scales: FloatArray
    start: int
    root: FloatArray

    @property
    def size(self) -> int:
        """Basis columns B."""
        return int(self.root.shape[1])

    def basis(self, rows: Matrix) -> FloatArray:
        """See ``Part.basis``; products of the columns approximate the kernel."""
        scaled = rows[:, self.start : self.start + len(self.scales)].astype(np.float64) * self.scales
        return np.exp(-_squared_distances(scaled, self.centres)) @ self.root

    def head(self, slopes: FloatArray, width: int, decimals: int) -> NeighboursHead:
        """See ``Part.head``."""
        values = np.round(self.root @ slopes, decimals)
        return NeighboursHead(self.centres, values, self.scales, self.start, width)


def parts_of(rows: Matrix, scaler: Scaler, dim: int, seed: int) -> tuple[Part, ...]:
    """What the correction of N labelled prompts is made of.

    Args:
        rows: their standardised rows, float32 [N, D].
        scaler: what standardised them.
        dim: columns of the embedding within a row; the features follow.
        seed: fixes the landmarks.
    """
    embedding = scaler.scale[:dim].astype(np.float64)
    deviations = rows[:, :dim].astype(np.float64).std(axis=0) * embedding
    spread = rows[:, dim:].astype(np.float64).std(axis=0)
    feature = np.where(spread > LEAST_SPREAD, 1.0 / np.maximum(spread, LEAST_SPREAD), 0.0) / np.sqrt(len(spread))
    topic_slopes = np.sqrt(SLOPES_SHARE) * embedding / max(float(np.sqrt((deviations**2).sum())), LEAST_SPREAD)
    return (
        Slopes("slopes", np.concatenate([topic_slopes, np.sqrt(FORM_SHARE) * feature])),
        landmarks("topic", rows, embedding * np.sqrt(TOPIC_SHARPNESS), 0, TOPIC_LANDMARKS, 1.0, seed),
        landmarks("form", rows, feature * np.sqrt(FORM_SHARPNESS), dim, FORM_LANDMARKS, FORM_SHARE, seed),
    )


def landmarks(name: str, rows: Matrix, scales: FloatArray, start: int, most: int, share: float, seed: int) -> Landmarks:
    """At most ``most`` landmarks among ``rows``, over the columns from ``start`` that ``scales`` [K] scales."""
    scaled = rows[:, start : start + len(scales)].astype(np.float64) * scales
    centres = _k_means(scaled, max(1, min(most, len(rows) // PROMPTS_PER_LANDMARK)), seed)
    values, vectors = np.linalg.eigh(np.exp(-_squared_distances(centres, centres)))
    kept = values > LEAST_EIGENVALUE * values[-1]
    return Landmarks(name, centres, scales, start, np.sqrt(share) * vectors[:, kept] / np.sqrt(values[kept]))


def _k_means(points: FloatArray, count: int, seed: int) -> FloatArray:
    """A few of Lloyd's steps from points drawn at random; a centre that loses all its points stays where it is."""
    centres = points[np.random.default_rng(seed).choice(len(points), count, replace=False)]
    for _ in range(LLOYD_STEPS):
        nearest = _squared_distances(points, centres).argmin(axis=1)
        members = np.bincount(nearest, minlength=count)[:, None]
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, points)
        centres = np.where(members > 0, sums / np.maximum(members, 1), centres)
    return centres


def _squared_distances(points: FloatArray, centres: FloatArray) -> FloatArray:
    products = points @ centres.T
    distances: FloatArray = (points**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1) - 2.0 * products
    return np.maximum(distances, 0.0)
