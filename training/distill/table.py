"""From the teacher's vectors to the token table: weights for tokens, a fit to sentences, fewer columns, int8.

The mean of what a teacher makes of single tokens is a poor likeness of what it makes of a sentence. So the table
starts there and is then moved, by ridge regression in closed form, to where the weighted mean of a text's tokens
comes near the teacher's vector of that text. Tokens that no text holds stay where they started.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

FloatArray = NDArray[np.float64]
Ids = Sequence[NDArray[np.int32]]

SMOOTHING = 1e-4
"""``a`` of SIF weights a / (a + p): tokens more frequent than this lose weight."""

PRIOR_TOKENS = 2000.0
"""Weight of Zipf's law against the counts, in tokens. Vocabularies are sorted by frequency, roughly."""

ZIPF_OFFSET = 2.7
RARE_RANKS = 1000
"""Ranks before this hold letters, signs and reserved tokens in BERT's vocabulary: Zipf's law starts after them."""

RIDGE = 0.3
"""Pull towards the starting table, in units of the mean squared length of a text's row of weights."""

INT8_MOST = 127


def token_frequencies(batch: Ids, size: int) -> FloatArray:
    """Frequency of each token, float64 [V], summing to about 1: counts in ``batch``, smoothed by Zipf's law."""
    counts = np.bincount(np.concatenate(batch), minlength=size).astype(np.float64)
    zipf = 1.0 / (np.arange(size) + ZIPF_OFFSET)
    zipf /= zipf[min(RARE_RANKS, size // 2) :].sum()
    smoothed: FloatArray = (counts + PRIOR_TOKENS * zipf) / (counts.sum() + PRIOR_TOKENS)
    return smoothed


def token_weights(frequencies: FloatArray) -> FloatArray:
    """Weight of each token in a text's mean: the root of its SIF weight, which suits a fitted table better than it."""
    weights: FloatArray = np.sqrt(SMOOTHING / (SMOOTHING + frequencies))
    return weights


def fit_table(
    token_vectors: FloatArray,
    frequencies: FloatArray,
    weights: FloatArray,
    batch: Ids,
    sentence_vectors: FloatArray,
) -> FloatArray:
    """Fit token vectors so that weighted means of tokens come near the vectors of sentences.

    Args:
        token_vectors: float64 [V, width], the teacher's vector of each token.
        frequencies: float64 [V].
        weights: float64 [V].
        batch: token ids of N texts.
        sentence_vectors: float64 [N, width], the teacher's vectors of these texts.

    Returns:
        float64 [V, width], weights multiplied in.
    """
    means = _weighted_means(batch, weights)
    start = token_vectors - (frequencies / frequencies.sum()) @ token_vectors
    reached = means @ start
    start = start * (np.sum(reached * sentence_vectors) / np.sum(reached**2))
    missing = sentence_vectors - means @ start
    gram = (means @ means.T).toarray()
    gram[np.diag_indices_from(gram)] += RIDGE * np.trace(gram) / len(gram)
    moved: FloatArray = start + means.T @ np.linalg.solve(gram, missing)
    return moved * weights[:, None]


def principal_directions(sentence_vectors: FloatArray, dim: int) -> FloatArray:
    """The ``dim`` directions float64 [width, dim] that hold most of the sentences, their largest entries positive."""
    _, directions = np.linalg.eigh(sentence_vectors.T @ sentence_vectors)
    most = directions[:, ::-1][:, :dim]
    signs = np.sign(most[np.abs(most).argmax(axis=0), np.arange(most.shape[1])])
    oriented: FloatArray = most * signs
    return oriented


def quantise(table: FloatArray) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round each row to int8 with its own scale: vectors int8 [V, dim], scales float32 [V]; row = vector * scale."""
    scales = (np.abs(table).max(axis=1) / INT8_MOST).astype(np.float32)
    safe = np.where(scales > 0, scales, 1.0).astype(np.float64)
    vectors = np.round(table / safe[:, None]).astype(np.int8)
    return vectors, scales


def _weighted_means(batch: Ids, weights: FloatArray) -> sparse.csr_matrix:
    """Sparse float64 [N, V]: row n times the table is the weighted mean of text n's tokens."""
    sizes = np.array([len(ids) for ids in batch])
    rows = np.repeat(np.arange(len(batch)), sizes)
    columns = np.concatenate(batch)
    values = weights[columns] / np.repeat(np.maximum(sizes, 1), sizes)
    return sparse.csr_matrix((values, (rows, columns)), shape=(len(batch), len(weights)))
