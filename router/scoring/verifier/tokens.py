"""The verifier's static token table: the tokens of a text, their vectors, and how rare they are."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from router.errors import ArtifactError
from router.scoring.arrays import REMEDY, read_finite
from router.scoring.encoder import ENCODER_FILES, check_table, plain_tokenizer, read_table
from router.scoring.verifier.alignment import Tokens
from router.scoring.word_pieces import WordPieces

RARITY_FILE = "rarity.npy"
TABLE_FILES = (*ENCODER_FILES, RARITY_FILE)

MAX_TOKENS = 192
"""Most tokens of a text that are compared; of a longer one the end is, where it asks."""

_ID = np.dtype("<u2")


class TokenIds(NamedTuple):
    """The T tokens of a text, packed.

    ``ids``: 2 T bytes, uint16. ``capitals``: bit t is set where token t begins with a capital.
    """

    ids: bytes
    capitals: int

    def array(self) -> NDArray[np.int64]:
        """The ids, int64 [T]."""
        return np.frombuffer(self.ids, _ID).astype(np.int64)


class TokenTable:
    """Texts to tokens with vectors by table look-up; the same ids are read by the pair encoder.

    Args:
        tokenizer: a HF tokenizer; its padding, truncation and special tokens are switched off here.
        vectors: int8 [V, dim], V at least the tokenizer's vocabulary and at most 65,536.
        scales: float32 [V]; a token of scale 0 counts for nothing.
        rarity: float32 [V], how much each token weighs: near 1 for rare ones.

    Raises:
        ArtifactError: the parts do not fit together.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        vectors: NDArray[np.int8],
        scales: NDArray[np.float32],
        rarity: NDArray[np.float32],
    ) -> None:
        check_table(tokenizer, vectors, scales)
        if rarity.shape != scales.shape or not np.all(np.isfinite(rarity)):
            raise ArtifactError(f"{RARITY_FILE}: float32 {scales.shape}, all finite, is due, found {rarity.shape}.")
        if len(vectors) > np.iinfo(_ID).max + 1:
            raise ArtifactError(f"tokens: at most 65,536 are read, the table has {len(vectors):,} rows.")
        self.tokenizer = plain_tokenizer(tokenizer)
        self._word_pieces = WordPieces.of(tokenizer)
        self._vectors = vectors
        self._counts = scales > 0
        self._rarity = rarity.astype(np.float64)
        self._numbers = _digits(tokenizer, len(vectors))

    @classmethod
    def load(cls, folder: Path) -> TokenTable:
        """Read ``TABLE_FILES``; the vectors stay on disk and are mapped.

        Raises:
            ArtifactError: a file is missing, damaged or does not fit the others; the message names it.
        """
        rarity = read_finite(folder / RARITY_FILE, np.dtype(np.float32), 1)
        try:
            return cls(*read_table(folder), rarity)
        except ArtifactError as error:
            message = str(error)
            raise ArtifactError(message if str(folder) in message else f"{folder}: {message} {REMEDY}") from error

    def ids(self, text: str) -> TokenIds:
        """The tokens of a text, at most ``MAX_TOKENS``, the last ones. Lone surrogates are read as question marks."""
        found = self._word_pieces.ids_and_capitals(text) if self._word_pieces is not None else None
        ids, capitals = found or self._by_tokenizer(text)
        bits = sum(1 << place for place, capital in enumerate(capitals[-MAX_TOKENS:]) if capital)
        return TokenIds(np.array(ids[-MAX_TOKENS:], _ID).tobytes(), bits)

    def _by_tokenizer(self, text: str) -> tuple[list[int], list[bool]]:
        if not text.isascii():
            text = text.encode("utf-8", "replace").decode("utf-8")
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        return encoding.ids, [text[first : first + 1].isupper() for first, _ in encoding.offsets]

    def tokens(self, packed: TokenIds) -> Tokens:
        """Vectors, weights and kinds of T tokens."""
        ids = packed.array()
        vectors = self._vectors[ids].astype(np.float32)
        counts = self._counts[ids]
        if not counts.all():
            vectors[~counts] = 0.0
        bits = packed.capitals.to_bytes(len(ids) // 8 + 1, "little")
        capitals = np.unpackbits(np.frombuffer(bits, np.uint8), count=len(ids), bitorder="little").astype(bool)
        return Tokens.of(vectors, self._rarity[ids], self._numbers[ids], capitals)


def _digits(tokenizer: Tokenizer, rows: int) -> NDArray[np.bool_]:
    """For each row, bool [rows]: whether a token begins with a digit."""
    found = np.zeros(rows, bool)
    for token, number in tokenizer.get_vocab().items():
        found[number] = token.removeprefix("##")[:1].isdigit()
    return found
