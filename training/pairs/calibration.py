"""Pairs that no weight is fitted on: some choose a verifier's constants, the others are what its thresholds rest on.

A verifier that goes on from a shipped one has seen all older pairs, so no fold of them is new to it. New pairs are, and
they are scored by the very artifact that is served, its rounding and its bounds included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from router.errors import DataError
from router.scoring.verifier.conversation import Turns
from router.scoring.verifier.evidence import NEVER
from router.scoring.verifier.verifier import PairVerifier
from training.pairs.read import read_calibration_pairs
from training.pairs.records import RequestPair
from training.pairs.turns import changed_turns, turns_of
from training.progress import progress

Use = Literal["choosing", "evidence"]
USES: tuple[Use, ...] = get_args(Use)


@dataclass(frozen=True, slots=True)
class Calibration:
    """New pairs, by what they are for; no group is in both."""

    choosing: list[RequestPair]
    evidence: list[RequestPair]


def read_calibration(folder: Path) -> Calibration:
    """Pairs in the form of ``data/cache``, each with its ``use``.

    Raises:
        DataError: a file is missing, a row is not such a pair, one use has none, or a group has both.
    """
    found: dict[str, list[RequestPair]] = {use: [] for use in USES}
    for pair, use in read_calibration_pairs(folder):
        if use not in found:
            raise DataError(f"{folder}: '{use}' is no use of a pair; {' or '.join(USES)} is")
        found[use].append(pair)
    if not all(found.values()):
        raise DataError(f"{folder}: pairs are due for each of {', '.join(USES)}")
    both = {pair.group for pair in found["choosing"]} & {pair.group for pair in found["evidence"]}
    if both:
        raise DataError(f"{folder}: group {min(both)} chooses and is evidence; a group can be one of them")
    return Calibration(found["choosing"], found["evidence"])


def served_scores(verifier: PairVerifier, pairs: Sequence[RequestPair]) -> NDArray[np.float64]:
    """What serving would give N pairs, float64 [N]; ``NEVER`` where more than the wording of user and model differs."""
    scores = np.empty(len(pairs))
    for place, pair in enumerate(progress(pairs, label="verifier", unit="pairs")):
        if pair.source == "conversations":
            scores[place] = _of_conversations(verifier, pair)
        else:
            scores[place] = verifier.conversation_score(Turns(pair.a), Turns(pair.b))
    return scores


def _of_conversations(verifier: PairVerifier, pair: RequestPair) -> float:
    if changed_turns(pair) is None:
        return NEVER
    a, b = (
        Turns([turn.content for turn in turns_of(text) if turn.role in ("user", "assistant")])
        for text in (pair.a, pair.b)
    )
    return verifier.conversation_score(a, b)
