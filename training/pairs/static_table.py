"""The verifier's token table: the first columns of a static encoder's, on the ids that the pair encoder reads, too."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router.errors import DataError
from router.scoring.encoder import TOKENIZER_FILE, read_table
from router.scoring.verifier.tokens import TokenTable
from training.distill.vocabulary import static_tokenizer
from training.pairs.readers import rarity

COLUMNS = 128
"""Of the table's principal directions; more of them do not fit into 40 MB beside the router and the pair encoder."""


@dataclass(frozen=True, slots=True)
class CutTable:
    """A token table as serving reads it; ``kept`` intp [V] gives for each token the teacher's id for it."""

    tokenizer_json: str
    vectors: NDArray[np.int8]
    scales: NDArray[np.float32]
    rarity: NDArray[np.float32]
    kept: NDArray[np.intp]
    tokens: TokenTable


def cut_table(encoder: Path, teacher: Path, texts: Iterable[str]) -> CutTable:
    """Cut the table of the static encoder in ``encoder``; ``texts`` tell how rare its tokens are.

    Raises:
        DataError: the encoder was distilled from a model of other words than the one in ``teacher``.
    """
    tokenizer_json, kept = static_tokenizer((teacher / TOKENIZER_FILE).read_text(encoding="utf-8"))
    tokenizer, vectors, scales = read_table(encoder)
    if json.loads(tokenizer_json)["model"] != json.loads((encoder / TOKENIZER_FILE).read_bytes())["model"]:
        raise DataError(f"{encoder}: splits texts otherwise than {teacher}; name an encoder distilled from that model")
    cut = np.ascontiguousarray(vectors[:, :COLUMNS])
    unweighted = TokenTable(tokenizer, cut, scales, np.ones_like(scales))
    weights = rarity((unweighted.ids(text).array().tolist() for text in texts), len(scales))
    return CutTable(tokenizer_json, cut, scales, weights, kept, TokenTable(tokenizer, cut, scales, weights))
