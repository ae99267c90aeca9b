"""Pairs as a matrix: what their words tell, and how their tokens align."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from router.scoring.verifier.alignment import alignment_features
from router.scoring.verifier.details import Details, detail_features
from router.scoring.verifier.features import NAMES
from router.scoring.verifier.lexical import Words, lexical_features
from router.scoring.wording import normal_form
from training.pairs.readers import Reader
from training.pairs.records import RequestPair
from training.progress import progress


def design(pairs: Sequence[RequestPair], reader: Reader) -> NDArray[np.float32]:
    """Features float32 [N, len(NAMES)] of N pairs."""
    texts = sorted({text for pair in pairs for text in (pair.a, pair.b)})
    tokens = reader(texts)
    forms = {text: normal_form(text) for text in texts}
    rows = np.empty((len(pairs), len(NAMES)), np.float32)
    for row, pair in zip(rows, progress(pairs, label="features", unit="pairs"), strict=True):
        a, b = (Words.of(text, forms[text]) for text in (pair.a, pair.b))
        details = detail_features(Details.of(pair.a), Details.of(pair.b))
        row[:] = lexical_features(a, b) + details + alignment_features(tokens[pair.a], tokens[pair.b])
    return rows
