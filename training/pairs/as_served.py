"""What a verifier says of units as serving asks it: its trees after the rules, and its pair encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from router.scoring.verifier.evidence import ALWAYS
from router.scoring.verifier.features import NAMES, PairReader, ordered
from router.scoring.verifier.gate import REFUSED
from router.scoring.verifier.pair_encoder import PairEncoder
from training.pairs.records import RequestPair
from training.pairs.rule import left_to_rules
from training.progress import progress


def after_rules(
    log_odds: NDArray[np.float64], rows: NDArray[np.float32], units: Sequence[RequestPair]
) -> NDArray[np.float64]:
    """The trees' log odds float64 [M] of M units, with the rules' verdicts in place of theirs.

    Args:
        log_odds: of the trees, float64 [M].
        rows: the units' features, float32 [M, D].
        units: single requests, and turns of conversations.
    """
    same_form = rows[:, NAMES.index("same_form")] == 1
    return np.where(same_form, ALWAYS, np.where(left_to_rules(rows, units), REFUSED, log_odds))


def logits_as_served(
    encoder: PairEncoder, reader: PairReader, units: Sequence[RequestPair], asked: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Logits float64 [M] of M units, each read once and in serving's order; NaN where not ``asked``, bool [M]."""
    logits = np.full(len(units), np.nan)
    for place, unit in enumerate(progress(units, label="pair encoder", unit="pairs")):
        if asked[place]:
            a, b = ordered(*(reader.side(reader.prepare(text)) for text in (unit.a, unit.b)))
            logits[place] = encoder.logits([(a.ids, b.ids)])[0]
    return logits
