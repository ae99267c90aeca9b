"""How the pair encoder is fitted: Quora's pairs first, then ours, with traps and rewordings by rule in both.

The first stage takes most of the time and knows none of our pairs, so all folds go on from the same one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from training.pairs.cross_encoder import CrossEncoder
from training.pairs.derived import derived_pairs
from training.pairs.edits import edited_traps
from training.pairs.harmless import harmless_rewordings
from training.pairs.records import RequestPair

GENERAL_RATE = 2e-4
GENERAL_TRAPS = 16_000
GENERAL_HARMLESS = 10_000

OWN_RATE = 1e-4
PASSES = 3
DERIVED_SHARE = 0.5
"""Of the pairs derived within groups, drawn anew for each pass: there are more of them than of those written."""

OWN_TRAPS = 1500
OWN_HARMLESS = 800
REPLAYED = 1000
"""Quora's pairs that are shown again beside ours in each pass, so that what they taught is not lost."""

AGAIN_RATE = 1e-4


class Again(NamedTuple):
    """What a shipped encoder goes on with: passes over ours as in the second stage, and Quora's and rules' pairs."""

    passes: int
    quora: int
    traps: int
    harmless: int


AGAIN = (Again(5, 30_000, 8000, 4000),)
"""Fits that all start from the shipped encoder. The mean of their weights and its own is what is served: it errs less
than any of them. A second, shorter one added nothing."""

Near = Mapping[str, Sequence[str]]
"""For a word those that stand near it and mean something else (``training.pairs.near_words``)."""

Say = Callable[[str], None]


def fit_general(teacher: Path, quora: Sequence[RequestPair], near: Near, *, seed: int, say: Say) -> CrossEncoder:
    """The first stage: from a sentence encoder in a folder to one that compares questions."""
    encoder = CrossEncoder.from_teacher(teacher, seed=seed)
    shown = [
        *quora,
        *edited_traps(quora, most=GENERAL_TRAPS, seed=seed, near=near),
        *harmless_rewordings(quora, most=GENERAL_HARMLESS, seed=seed),
    ]
    encoder.fit(shown, rate=GENERAL_RATE, seed=seed, say=say)
    return encoder


def fit_own(
    general: CrossEncoder,
    own: Sequence[RequestPair],
    quora: Sequence[RequestPair],
    near: Near,
    *,
    seed: int,
    say: Say,
) -> CrossEncoder:
    """The second stage: a copy of ``general`` goes on with our pairs, and with those derived from them.

    Args:
        general: what the first stage made.
        own: single requests, and turns of conversations that teach.
        quora: the pairs of the first stage.
        near: words that stand near others.
        seed: fixes what is drawn.
        say: is told the loss now and then.
    """
    encoder = general.copy()
    encoder.share_head()
    encoder.fit(own_passes(own, quora, near, seed=seed), rate=OWN_RATE, seed=seed, say=say)
    return encoder


def shown_again(
    again: Again, own: Sequence[RequestPair], quora: Sequence[RequestPair], near: Near, *, seed: int
) -> list[RequestPair]:
    """What a shipped encoder goes on with: what it knows, and new pairs by rule.

    Args:
        again: how much of each.
        own: single requests, and turns of conversations that teach.
        quora: Quora's pairs to fit on.
        near: words that stand near others.
        seed: fixes what is drawn; another one than that of the fit before gives other pairs by rule.
    """
    shown = own_passes(own, quora, near, seed=seed, passes=again.passes)
    shown += random.Random(seed).sample(quora, min(again.quora, len(quora)))  # noqa: S311 (no secret)
    shown += edited_traps(quora, most=again.traps, seed=seed, near=near)
    shown += harmless_rewordings(quora, most=again.harmless, seed=seed)
    return shown


def own_passes(
    own: Sequence[RequestPair], quora: Sequence[RequestPair], near: Near, *, seed: int, passes: int = PASSES
) -> list[RequestPair]:
    """What the second stage shows: ours once a pass, beside what is drawn and made by rule anew for each."""
    rng = random.Random(seed)  # noqa: S311 (no secret)
    requests = [pair for pair in own if pair.source == "questions"]
    derived = derived_pairs(requests)
    shown: list[RequestPair] = []
    for _ in range(passes):
        drawn = rng.randrange(2**31)
        shown += [*own, *rng.sample(derived, round(DERIVED_SHARE * len(derived)))]
        shown += edited_traps(requests, most=OWN_TRAPS, seed=drawn, near=near)
        shown += harmless_rewordings(requests, most=OWN_HARMLESS, seed=drawn)
        shown += rng.sample(quora, min(REPLAYED, len(quora)))
    return shown


def numbers() -> dict[str, float]:
    """The recipe's constants by name, for people and for telling fits apart."""
    return {name: value for name, value in globals().items() if name.isupper() and isinstance(value, int | float)}
