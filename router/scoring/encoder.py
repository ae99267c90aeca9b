"""The static encoder: a table of token vectors, distilled offline, whose weighted mean stands for a text.

No network is run: one look-up per token. Vectors are int8 with one scale per token, and the scale already holds the
token's weight (frequent tokens say little), so the mean is a single product.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from router.errors import ArtifactError
from router.scoring.arrays import read_array, save_array
from router.scoring.word_pieces import WordPieces

TOKENIZER_FILE = "tokenizer.json"
VECTORS_FILE = "vectors.npy"
SCALES_FILE = "scales.npy"
ENCODER_FILES = (TOKENIZER_FILE, VECTORS_FILE, SCALES_FILE)

HEAD_TOKENS = 384
TAIL_TOKENS = 128
MAX_TOKENS = HEAD_TOKENS + TAIL_TOKENS
"""Most tokens of one text that are looked up; of longer texts head and tail are."""


class StaticEncoder:
    """Text to unit vector by table look-up.

    Args:
        tokenizer: a HF tokenizer; its padding, truncation and special tokens are switched off here.
        vectors: int8 [V, dim], V at least the tokenizer's vocabulary.
        scales: float32 [V], finite and not negative. Token vector = row * scale.

    Raises:
        ArtifactError: table, scales and tokenizer do not fit together.
    """

    def __init__(self, tokenizer: Tokenizer, vectors: NDArray[np.int8], scales: NDArray[np.float32]) -> None:
        check_table(tokenizer, vectors, scales)
        self._tokenizer = plain_tokenizer(tokenizer)
        self._word_pieces = WordPieces.of(tokenizer)
        self._vectors = vectors
        self._scales = scales.astype(np.float64)

    @classmethod
    def load(cls, folder: Path) -> StaticEncoder:
        """Load the encoder of an artifact; the table stays on disk and is mapped.

        Raises:
            ArtifactError: a file is missing, damaged or does not fit the others.
        """
        return cls(*read_table(folder))

    @property
    def dim(self) -> int:
        """Columns of an embedding."""
        return int(self._vectors.shape[1])

    @property
    def vocabulary(self) -> int:
        """Rows of the table."""
        return int(self._vectors.shape[0])

    def tokenize(self, text: str) -> NDArray[np.int32]:
        """Token ids of ``text``, int32 [T], T <= ``MAX_TOKENS``. Pass a bounded text: cost is linear in its length."""
        return self.tokenize_batch([text])[0]

    def tokenize_batch(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Token ids of each text."""
        known = [self._word_pieces.ids(text) if self._word_pieces else None for text in texts]
        rest = [text for text, ids in zip(texts, known, strict=True) if ids is None]
        # The batch call of one text is also the quickest: it tracks no offsets.
        encodings = iter(self._tokenizer.encode_batch_fast(rest, add_special_tokens=False) if rest else ())
        return [_head_and_tail(next(encodings).ids if ids is None else ids) for ids in known]

    def encode_ids(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Unit vector float32 [dim] of a token sequence; zeros where no token counts.

        Summed in float64 and rounded once, so that machines with different vector units agree to the last bit: a tree
        split may not depend on the processor.
        """
        total = self._scales[ids] @ self._vectors[ids].astype(np.float64)
        length = np.sqrt(total @ total)
        return (total / length if length > 0 else total).astype(np.float32)

    def encode_batch(self, batch: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        """Unit vectors float32 [N, dim]; each row has the bits that ``encode_ids`` gives."""
        rows = np.zeros((len(batch), self.dim), np.float32)
        for row, ids in zip(rows, batch, strict=True):
            row[:] = self.encode_ids(ids)
        return rows


def read_table(folder: Path) -> tuple[Tokenizer, NDArray[np.int8], NDArray[np.float32]]:
    """Read ``ENCODER_FILES``: tokenizer, vectors int8 [V, dim], mapped, and scales float32 [V].

    Raises:
        ArtifactError: a file is missing or damaged. Whether they fit together is ``check_table``'s matter.
    """
    path = folder / TOKENIZER_FILE
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust side raises bare Exception
        raise ArtifactError(f"{path}: not a tokenizer ({error}); fetch or refit the artifact.") from error
    vectors = read_array(folder / VECTORS_FILE, np.dtype(np.int8), 2)
    scales = read_array(folder / SCALES_FILE, np.dtype(np.float32), 1)
    return tokenizer, vectors, np.array(scales)


def plain_tokenizer(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer itself, set to give all tokens of a text and nothing else."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True  # a user who types "[MASK]" means these six characters
    return tokenizer


def write_encoder(
    folder: Path, tokenizer_json: str, vectors: NDArray[np.int8], scales: NDArray[np.float32]
) -> StaticEncoder:
    """Write the encoder's three files into ``folder`` and give the encoder back as serving will load it.

    Args:
        folder: created where it does not exist.
        tokenizer_json: the tokenizer in HF ``tokenizers`` form.
        vectors: int8 [V, dim].
        scales: float32 [V].

    Raises:
        ArtifactError: the parts do not fit together.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TOKENIZER_FILE).write_text(tokenizer_json, encoding="utf-8")
    save_array(folder / VECTORS_FILE, vectors)
    save_array(folder / SCALES_FILE, scales)
    return StaticEncoder.load(folder)


def encoder_sha256(hashes: dict[str, str]) -> str:
    """Identity of an encoder: SHA-256 over the hex hashes of its files, in the order of ``ENCODER_FILES``."""
    joined = "".join(hashes[name] for name in ENCODER_FILES)
    return hashlib.sha256(joined.encode("ascii")).hexdigest()


def _head_and_tail(ids: list[int]) -> NDArray[np.int32]:
    if len(ids) > MAX_TOKENS:
        ids = ids[:HEAD_TOKENS] + ids[-TAIL_TOKENS:]
    return np.array(ids, np.int32)


def check_table(tokenizer: Tokenizer, vectors: NDArray[np.int8], scales: NDArray[np.float32]) -> None:
    """Check that a table, its scales and a tokenizer fit together; raises ``ArtifactError`` where they do not."""
    if vectors.dtype != np.int8 or vectors.ndim != 2 or not vectors.shape[1]:
        raise ArtifactError(f"{VECTORS_FILE}: int8 [V, dim] is due, found {vectors.dtype} {vectors.shape}.")
    if scales.dtype != np.float32 or scales.shape != vectors.shape[:1]:
        raise ArtifactError(
            f"{SCALES_FILE}: float32 [{vectors.shape[0]}] is due beside {VECTORS_FILE}, "
            f"found {scales.dtype} {scales.shape}."
        )
    if not np.all(np.isfinite(scales)) or np.any(scales < 0):
        raise ArtifactError(f"{SCALES_FILE}: holds values that are not finite or negative; refit the artifact.")
    if tokenizer.get_vocab_size() > vectors.shape[0]:
        raise ArtifactError(
            f"{TOKENIZER_FILE}: knows {tokenizer.get_vocab_size()} tokens, {VECTORS_FILE} has {vectors.shape[0]} rows; "
            "the two belong to different encoders."
        )
