"""How the pair encoder is fitted: Quora's pairs first, then ours, with traps by rule in both.

The first stage takes most of the time and knows none of our pairs, so all folds go on from the same one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from training.pairs.cross_encoder import CrossEncoder
from training.pairs.derived import derived_pairs
from training.pairs.edits import edited_traps
from training.pairs.records import RequestPair

GENERAL_RATE = 1e-4
GENERAL_EDITS = 3500
OWN_RATE = 8e-5
OWN_EDITS = 1000
REPLAYED = 1500
"""Quora's pairs that are shown again beside ours, so that what they taught is not lost."""

Say = Callable[[str], None]


def fit_general(teacher: Path, quora: Sequence[RequestPair], *, seed: int, say: Say) -> CrossEncoder:
    """The first stage: from a sentence encoder in a folder to one that compares questions."""
    encoder = CrossEncoder.from_teacher(teacher, seed=seed)
    shown = [*quora, *edited_traps(quora, most=GENERAL_EDITS, seed=seed)]
    encoder.fit(shown, rate=GENERAL_RATE, seed=seed, say=say)
    encoder.share_head()
    return encoder


def fit_own(
    general: CrossEncoder, own: Sequence[RequestPair], quora: Sequence[RequestPair], *, seed: int, say: Say
) -> CrossEncoder:
    """The second stage: a copy of ``general`` goes on with our pairs, and with those derived from them."""
    encoder = general.copy()
    rng = random.Random(seed)  # noqa: S311 (no secret)
    shown = [*own, *derived_pairs(own)]
    shown += edited_traps(own, most=OWN_EDITS, seed=seed)
    shown += rng.sample(quora, min(REPLAYED, len(quora)))
    encoder.fit(shown, rate=OWN_RATE, seed=seed, say=say)
    return encoder
