"""One distillation, top to bottom: a teacher and texts in, the three files of a static encoder out."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from router.errors import DataError
from router.scoring.encoder import StaticEncoder, write_encoder
from training.corpus import Corpus
from training.distill.table import (
    fit_table,
    principal_directions,
    quantise,
    token_frequencies,
    token_weights,
)
from training.distill.teacher import Teacher
from training.distill.vocabulary import special_ids, static_tokenizer
from training.threads import one_thread

DIM = 256
TEXTS_PER_SOURCE = 500
"""Most prompts of one suite of right/wrong questions; votes give all their turns, as they are few and nearer to use."""

FEWEST_TEXTS = 20
MAX_TOKENS = 128
"""Tokens of a text that the table is fitted to: as far as the teacher reads."""

ABOUT_FILE = "encoder.json"


def distillation_texts(corpus: Corpus) -> list[str]:
    """The texts that teacher and table are compared on: a fixed sample, sorted, without repeats."""
    by_suite: dict[str, set[str]] = defaultdict(set)
    for row in corpus.graded:
        by_suite[f"{row.source}:{row.task}"].add(row.prompt)
    texts = {text for prompts in by_suite.values() for text in sorted(prompts, key=_shuffled)[:TEXTS_PER_SOURCE]}
    for battle in corpus.battles:
        texts.update([battle.prompt, *battle.turns])
    return sorted(text for text in texts if text.strip())


def distill(teacher: Teacher, texts: Sequence[str], out: Path, *, dim: int = DIM) -> StaticEncoder:
    """Write a static encoder to ``out``.

    Args:
        teacher: gives token and sentence vectors.
        texts: what the table is fitted to; the more they are like what will be asked, the better.
        out: gets ``tokenizer.json``, ``vectors.npy``, ``scales.npy``, and ``encoder.json`` with where they come from.
        dim: columns of the table.

    Returns:
        the encoder as serving will load it.

    Raises:
        DataError: too few texts.
    """
    if len(texts) < FEWEST_TEXTS:
        raise DataError(
            f"{len(texts)} texts are too few to distil on; give at least {FEWEST_TEXTS} prompts with --data"
        )
    tokenizer_json, teacher_ids = static_tokenizer(teacher.tokenizer_json())
    batch = _token_ids(tokenizer_json, texts)
    token_vectors = teacher.token_vectors()[teacher_ids]
    sentence_vectors = teacher.sentence_vectors(texts)
    with one_thread():
        frequencies = token_frequencies(batch, len(token_vectors))
        table = fit_table(token_vectors, frequencies, token_weights(frequencies), batch, sentence_vectors)
        table = table @ principal_directions(sentence_vectors, dim)
    table[special_ids(tokenizer_json)] = 0.0  # they stand for no text
    encoder = write_encoder(out, tokenizer_json, *quantise(table))
    about = {
        "teacher": teacher.name,
        "teacher_licence": teacher.licence or "not known",
        "teacher_sha256": teacher.weights_sha256 or "not known",
        "texts": str(len(texts)),
        "method": f"token vectors moved by ridge regression towards sentence vectors, {dim} directions, int8",
    }
    (out / ABOUT_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(about, order="sorted")) + b"\n")
    return encoder


def _token_ids(tokenizer_json: str, texts: Sequence[str]) -> list[NDArray[np.int32]]:
    tokenizer = Tokenizer.from_str(tokenizer_json)
    encodings = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    return [np.array(encoding.ids[:MAX_TOKENS], np.int32) for encoding in encodings]


def _shuffled(text: str) -> bytes:
    """A sort key that has nothing to do with the text's meaning."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
