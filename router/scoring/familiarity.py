"""How unlike everything in training a prompt is: whether the win rate means anything for it.

Two measures, because prompts can be strange in two ways. *Surprise*: how improbable its characters are, each given the
two before it, in nats per character; it finds encoded data, machine code, random letters, scripts and languages that
training did not hold. *Shape*: the Mahalanobis distance of its features; it finds rows of symbols, tables of numbers,
prompts without words, and extreme lengths. Each is divided by the limit that training set for it, and the larger
counts: above 1 the prompt is unfamiliar. Both were chosen against other measures; see ``training/LOG.md``.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.errors import ArtifactError
from router.scoring.arrays import REMEDY, read_finite, save_array
from router.scoring.features import FEATURE_NAMES

CHARACTERS_FILE = "familiar-characters.npy"
SHAPE_FILE = "familiar-shape.npy"
FAMILIARITY_FILES = (CHARACTERS_FILE, SHAPE_FILE)

UNFAMILIAR_ABOVE = 1.0
"""Unfamiliarity beyond which a prompt counts as unfamiliar."""

KINDS = 64
"""Kinds of characters that are told apart, a power of two: a key of three is 18 bits."""

SMOOTHING = 5.0
"""Prompts' worth of belief that a character comes as often after any pair as it does after the last of the two."""

PRIOR_CHARACTERS = 16
"""A short text says little, so that many characters of average surprise are counted in."""

RIDGE = 0.1
"""Added to the features' variances, so that features which move together do not make every prompt strange."""

_STEP = 1 / 16
_BITS = 6

FloatArray = NDArray[np.float64]


class FamiliarityLimits(Struct, frozen=True, kw_only=True):
    """What the manifest keeps: the mean surprise of training prompts, and where each measure becomes unfamiliar.

    ``surprise`` and ``mean_surprise`` are nats per character, ``shape`` is a squared distance per feature.
    """

    mean_surprise: float
    surprise: float
    shape: float


def character_keys(text: str) -> NDArray[np.int32]:
    """Each run of three characters of a text as one number, int32 [bytes]; the text stands between two spaces.

    Letters count without case; all digits are alike, and so are the characters of one script.
    """
    kinds = np.frombuffer(f" {text} ".encode().translate(_KIND_OF_BYTE), np.uint8).astype(np.int32)
    keys: NDArray[np.int32] = (kinds[:-2] << 2 * _BITS) | (kinds[1:-1] << _BITS) | kinds[2:]
    return keys


class CharacterModel:
    """How probable a character is after the two before it.

    Args:
        counts: float32 [KINDS ** 3], how many prompts hold each run of three characters (weighted).

    Raises:
        ArtifactError: there are not so many counts, or one is negative.
    """

    def __init__(self, counts: NDArray[np.float32]) -> None:
        if counts.shape != (KINDS**3,) or np.any(counts < 0):
            raise ArtifactError(f"{CHARACTERS_FILE}: {KINDS**3} counts are due, none negative; {REMEDY}")
        self.counts = counts
        self._steps = _surprise_steps(counts)

    def surprise(self, text: str) -> tuple[float, int]:
        """Surprise of a whole bounded text in nats, and its length in bytes of UTF-8."""
        keys = character_keys(text)
        # The table holds whole steps, so that every machine adds up the same sum.
        return int(self._steps[keys].sum(dtype=np.int64)) * _STEP, len(keys)


class Familiarity:
    """What training prompts looked like.

    Args:
        characters: float32 [KINDS ** 3], how many training prompts hold each run of three characters (weighted).
        moments: float64 [F, F], mean outer product of the training prompts' standardised features.
        limits: where a prompt becomes unfamiliar.

    Raises:
        ArtifactError: shapes or limits cannot be used.
    """

    def __init__(self, characters: NDArray[np.float32], moments: FloatArray, limits: FamiliarityLimits) -> None:
        width = len(FEATURE_NAMES)
        if moments.shape != (width, width):
            raise ArtifactError(f"{SHAPE_FILE}: {width} rows and columns are due, found {moments.shape}; {REMEDY}")
        if not (limits.surprise > 0 and limits.shape > 0 and limits.mean_surprise >= 0):
            raise ArtifactError(f"familiarity: its limits must be positive; {REMEDY}")
        self.characters = CharacterModel(characters)
        self.moments = moments
        self.limits = limits
        self._whitening = _whitening(moments)

    @classmethod
    def load(cls, folder: Path, limits: FamiliarityLimits) -> Familiarity:
        """Read both arrays of an artifact; raises ``ArtifactError`` naming the file."""
        characters = read_finite(folder / CHARACTERS_FILE, np.dtype(np.float32), 1)
        return cls(characters, read_finite(folder / SHAPE_FILE, np.dtype(np.float64), 2), limits)

    def save(self, folder: Path) -> None:
        """Write the arrays that ``load`` reads."""
        save_array(folder / CHARACTERS_FILE, self.characters.counts)
        save_array(folder / SHAPE_FILE, self.moments)

    def unfamiliarity(self, text: str, features: NDArray[np.float32]) -> float:
        """How unlike training a prompt is, 0 and up; about .7 for an ordinary one, ``UNFAMILIAR_ABOVE`` is the limit.

        Args:
            text: a bounded text (``prompt.bound``).
            features: its standardised features, float32 [F].
        """
        return max(self.surprise(text) / self.limits.surprise, self.shape(features) / self.limits.shape)

    def surprise(self, text: str) -> float:
        """Mean surprise of a bounded text, in nats per character."""
        total, length = self.characters.surprise(text)
        return (total + PRIOR_CHARACTERS * self.limits.mean_surprise) / (length + PRIOR_CHARACTERS)

    def shape(self, features: NDArray[np.float32]) -> float:
        """Squared Mahalanobis distance of standardised features float32 [F] from their training mean, per feature."""
        white = features.astype(np.float64) @ self._whitening
        return float(white @ white) / len(white)


def _surprise_steps(characters: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Surprise of every run of three in steps of ``_STEP``: trigrams, smoothed by bigrams, smoothed by unigrams."""
    triples = characters.astype(np.float64).reshape(KINDS, KINDS, KINDS)
    pairs = triples.sum(axis=0)
    single = (pairs.sum(axis=0) + 1.0) / (pairs.sum() + KINDS)
    after_one = (pairs + SMOOTHING * single) / (pairs.sum(axis=1, keepdims=True) + SMOOTHING)
    after_two = (triples + SMOOTHING * after_one) / (triples.sum(axis=2, keepdims=True) + SMOOTHING)
    steps: NDArray[np.uint8] = np.minimum(np.rint(-np.log(after_two) / _STEP), 255).astype(np.uint8).ravel()
    return steps


def _whitening(moments: FloatArray) -> FloatArray:
    """The matrix W for which ``|x W|^2 = x (moments + ridge)^-1 x``, [F, F]."""
    try:
        lower = np.linalg.cholesky(moments + RIDGE * np.eye(len(moments)))
    except np.linalg.LinAlgError as error:
        raise ArtifactError(f"{SHAPE_FILE}: no matrix of moments; {REMEDY}") from error
    whitening: FloatArray = np.linalg.inv(lower).T
    return np.ascontiguousarray(whitening)


def _kinds() -> bytes:
    """The kind of every byte of UTF-8: letters without case, marks by use, and the first byte of each script."""
    letters = [bytes((low, low - 32)) for low in range(ord("a"), ord("z") + 1)]
    others = [b"0123456789", b" \t", b"\n\r"]
    marks = [*(bytes((mark,)) for mark in b".,'\"-():?!/;_"), b"=+*^~", b"\\$", b"[]{}<>", b"&|#%@`"]
    continuation = [bytes(range(0x80, 0xC0))]
    # Where the first byte of a character changes the script: Latin, Greek, Cyrillic, Hebrew, Arabic, India, ...
    starts = (0xC2, 0xC3, 0xC4, 0xCD, 0xD0, 0xD5, 0xD8, 0xDC, 0xE1, 0xE2, 0xE3, 0xE4, 0xEA, 0xEE, 0xF0, 0xF5)
    scripts = [bytes(range(first, after)) for first, after in pairwise(starts)]
    table = bytearray(256)
    for kind, members in enumerate([*letters, *others, *marks, *continuation, *scripts], start=1):
        for byte in members:
            table[byte] = kind
    return bytes(table)


_KIND_OF_BYTE = _kinds()
