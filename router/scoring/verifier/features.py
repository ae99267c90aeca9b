"""A pair of texts as one row: what their words tell, which details differ, and how their tokens align."""

from __future__ import annotations

import sys

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.scoring.verifier import alignment, details, lexical
from router.scoring.verifier.alignment import Tokens, alignment_features
from router.scoring.verifier.details import Details, detail_features
from router.scoring.verifier.lexical import Words, lexical_features
from router.scoring.verifier.tokens import TokenIds, TokenTable
from router.scoring.wording import Form, normal_form

NAMES: tuple[str, ...] = (*lexical.NAMES, *details.NAMES, *alignment.NAMES)
"""Columns of :meth:`PairReader.features`."""


class Prepared(Struct, frozen=True):
    """What is kept of a text, so that it need not be read again for each comparison.

    Small, since every entry of a cache may keep one: some 350 bytes beside the text for one of 16 words, whose words
    are shared with all other texts.
    """

    text: str
    form: Form
    tokens: TokenIds

    @property
    def size(self) -> int:
        """Bytes that it takes, the text and shared words aside."""
        parts = (self, self.form, self.tokens, self.tokens.ids, self.tokens.capitals)
        return sum(sys.getsizeof(part) for part in parts)


class Side(Struct, frozen=True):
    """One text unpacked for a comparison: some 10 KB, not to be kept."""

    words: Words
    details: Details
    tokens: Tokens
    ids: NDArray[np.int64]


class PairReader:
    """Texts to rows of features.

    Args:
        table: the tokens' vectors and weights.
    """

    def __init__(self, table: TokenTable) -> None:
        self.table = table

    def prepare(self, text: str) -> Prepared:
        """Do what depends on one text alone."""
        form = normal_form(text)
        return Prepared(text, tuple(map(sys.intern, form)), self.table.ids(text))

    def side(self, prepared: Prepared) -> Side:
        """Unpack a text."""
        words = Words.of(prepared.text, prepared.form)
        return Side(words, Details.of(prepared.text), self.table.tokens(prepared.tokens), prepared.tokens.array())

    def features(self, a: Side, b: Side) -> NDArray[np.float32]:
        """The figures of ``NAMES``, float32 [D]; the same both ways round."""
        words = lexical_features(a.words, b.words) + detail_features(a.details, b.details)
        return np.array(words + alignment_features(a.tokens, b.tokens), np.float32)


def ordered(a: Side, b: Side) -> tuple[Side, Side]:
    """Two texts in an order that does not depend on which came first, so that a verdict does not either."""
    return (a, b) if (len(a.ids), a.ids.tolist()) <= (len(b.ids), b.ids.tolist()) else (b, a)
