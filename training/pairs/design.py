"""Pairs as a matrix: what their words tell, how their tokens align, whole and by part of a conversation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.pairs import alignment, lexical
from training.pairs.alignment import Tokens, alignment_features
from training.pairs.lexical import lexical_features
from training.pairs.parts import is_conversation, last_turn
from training.pairs.readers import Reader
from training.pairs.records import RequestPair
from training.progress import progress

PARTS = ("whole", "last", "earlier")
"""Of a conversation the last message and all before it are compared apart, too; of single requests these are NaN."""

NAMES: tuple[str, ...] = tuple(f"{part}_{name}" for part in PARTS for name in (*lexical.NAMES, *alignment.NAMES))
"""Columns of :func:`design`."""


def design(pairs: Sequence[RequestPair], reader: Reader) -> NDArray[np.float32]:
    """Features float32 [N, len(NAMES)] of N pairs; NaN where a pair has no such part."""
    tokens = reader(sorted({text for pair in pairs for text in (pair.a, pair.b)}))
    rows = np.full((len(pairs), len(NAMES)), np.nan, np.float32)
    for row, pair in zip(rows, progress(pairs, label="features", unit="pairs"), strict=True):
        found = _whole(pair, tokens)
        if is_conversation(pair):
            found += _by_part(pair, tokens)
        row[: len(found)] = found
    return rows


def _whole(pair: RequestPair, tokens: dict[str, Tokens]) -> list[float]:
    return lexical_features(pair.a, pair.b) + alignment_features(tokens[pair.a], tokens[pair.b])


def _by_part(pair: RequestPair, tokens: dict[str, Tokens]) -> list[float]:
    """Figures of the last messages, then of what went before."""
    split_a, split_b = last_turn(pair.a), last_turn(pair.b)
    a, b = tokens[pair.a], tokens[pair.b]
    return [
        *lexical_features(pair.a[split_a:], pair.b[split_b:]),
        *alignment_features(a.cut(split_a, len(pair.a)), b.cut(split_b, len(pair.b))),
        *lexical_features(pair.a[:split_a], pair.b[:split_b]),
        *alignment_features(a.cut(0, split_a), b.cut(0, split_b)),
    ]
