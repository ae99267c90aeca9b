"""How many texts become numbers: in blocks that come in the order of the texts, whoever works them out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from router.scoring.encoder import StaticEncoder
from router.scoring.inputs import Inputs
from router.scoring.prompt import bound
from training.progress import progress

Matrix = NDArray[np.float32]

Encode = Callable[[Sequence[str]], Iterator[Matrix]]
"""Texts to unit vectors, float32 [N, dim] a block, in the order of the texts."""

TEXTS_AT_ONCE = 1024
"""Texts of a block; the last one may have fewer."""


class Encoding(Protocol):
    """One encoder, ready for any number of texts."""

    def vectors(self, texts: Sequence[str]) -> Iterator[Matrix]:
        """Unit vectors of the texts, float32 [``TEXTS_AT_ONCE``, dim] a block."""

    def rows(self, texts: Sequence[str]) -> Matrix:
        """Raw input rows float32 [N, D] of N texts, with a bar where it takes long."""


@dataclass(frozen=True, slots=True)
class EncodedHere:
    """The encoding that this process does itself."""

    inputs: Inputs

    def vectors(self, texts: Sequence[str]) -> Iterator[Matrix]:
        """Each block is worked out when it is asked for."""
        return (vectors_of(self.inputs.encoder, block) for block in blocks_of(texts))

    def rows(self, texts: Sequence[str]) -> Matrix:
        """One block after the other."""
        return raw_rows(self.inputs, texts)


def vectors_of(encoder: StaticEncoder, texts: Sequence[str]) -> Matrix:
    """Unit vectors float32 [N, dim] of N texts, bounded here."""
    return encoder.encode_batch(encoder.tokenize_batch([bound(text) for text in texts]))


def raw_rows(inputs: Inputs, texts: Sequence[str]) -> Matrix:
    """Raw input rows float32 [N, D] of N texts, with a bar where it takes long."""
    return gathered((inputs.raw(block) for block in blocks_of(texts)), len(texts), inputs.width)


def gathered(blocks: Iterable[Matrix], n: int, width: int) -> Matrix:
    """The rows of all ``blocks`` below each other, float32 [``n``, ``width``], with a bar where it takes long."""
    rows = np.empty((n, width), np.float32)
    start = 0
    for block in progress(blocks, label="encoding", total=count_of_blocks(n), unit="blocks"):
        rows[start : start + len(block)] = block
        start += len(block)
    return rows


def blocks_of(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The texts, ``TEXTS_AT_ONCE`` at a time."""
    return (texts[start : start + TEXTS_AT_ONCE] for start in range(0, len(texts), TEXTS_AT_ONCE))


def count_of_blocks(n: int) -> int:
    """How many blocks ``n`` texts make."""
    return -(-n // TEXTS_AT_ONCE)
