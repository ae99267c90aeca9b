"""Which words stand near a word without meaning the same: what a trap by rule puts in its place.

A city for a city, a month for a month: two requests that differ in one such word share nearly all but the answer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from router.scoring.encoder import StaticEncoder

LEAST_OFTEN = 8
MOST_WORDS = 12_000
NEAREST = 12
COSINES = (0.35, 0.62)
"""Nearer than this many a word is a synonym; farther away it is another subject, which no verifier mistakes."""

_WORD = re.compile(r"[A-Za-z]{3,}")
_STEM = 5


def near_words(texts: Sequence[str], encoder: StaticEncoder) -> dict[str, list[str]]:
    """For each frequent word of ``texts`` its neighbours in the encoder's table, in the form that the texts use most.

    Words that begin alike are left out: they are mostly forms of one word.
    """
    forms = Counter(word for text in texts for word in _WORD.findall(text))
    often = Counter[str]()
    usual: dict[str, str] = {}
    for word, count in forms.most_common():
        often[word.lower()] += count
        usual.setdefault(word.lower(), word)
    words = [word for word, count in often.most_common(MOST_WORDS) if count >= LEAST_OFTEN]
    vectors = encoder.encode_batch(encoder.tokenize_batch(words))
    return {word: found for place, word in enumerate(words) if (found := _neighbours(place, words, vectors, usual))}


def _neighbours(place: int, words: Sequence[str], vectors: NDArray[np.float32], usual: dict[str, str]) -> list[str]:
    cosines = vectors @ vectors[place]
    nearest = np.argsort(-cosines, kind="stable")[: 4 * NEAREST]
    low, high = COSINES
    return [
        usual[words[other]]
        for other in nearest
        if low <= cosines[other] <= high and words[other][:_STEM] != words[place][:_STEM]
    ][:NEAREST]
