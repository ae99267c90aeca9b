"""What the trees of the shipped verifier read: pairs made by rule beside the written ones, and rows of figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from router.scoring.encoder import StaticEncoder
from router.scoring.verifier.features import PairReader, ordered
from training.pairs.edits import edited_traps
from training.pairs.folds import only_measured
from training.pairs.harmless import harmless_rewordings
from training.pairs.near_words import near_words
from training.pairs.records import RequestPair
from training.progress import progress

TREE_TRAPS, TREE_HARMLESS = 6000, 3000
QUORA_TRAPS, QUORA_HARMLESS = 4000, 2000
"""Pairs by rule that the trees learn from, beside those that the pair encoder's recipe makes for itself."""


def made_by_rule(pairs: Sequence[RequestPair], encoder: StaticEncoder, *, seed: int) -> list[RequestPair]:
    """Traps and rewordings by rule for the trees; those made from Quora's pairs only where these may be fitted on."""
    ours = [pair for pair in pairs if pair.source == "questions"]
    quora = [pair for pair in pairs if pair.source == "qqp" and not only_measured(pair)]
    near = near_words([text for pair in (*ours, *quora) for text in (pair.a, pair.b)], encoder)
    made: list[RequestPair] = []
    for sources, traps, rewordings in ((ours, TREE_TRAPS, TREE_HARMLESS), (quora, QUORA_TRAPS, QUORA_HARMLESS)):
        made += edited_traps(sources, most=traps, seed=seed, near=near)
        made += harmless_rewordings(sources, most=rewordings, seed=seed)
    return made


def pair_rows(pairs: Sequence[RequestPair], reader: PairReader) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Features float32 [N, D] of N pairs, and whether ``a`` comes first where serving puts them in order, bool [N]."""
    rows: list[NDArray[np.float32]] = []
    forward = np.empty(len(pairs), bool)
    for place, pair in enumerate(progress(pairs, label="features", unit="pairs")):
        a, b = (reader.side(reader.prepare(text)) for text in (pair.a, pair.b))
        rows.append(reader.features(a, b))
        forward[place] = ordered(a, b)[0] is a
    return np.array(rows, np.float32), forward
