"""The kinds of verifier that are compared: each is fitted on some pairs and scores others.

Pairs are units here: single requests, and turns of conversations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from router.scoring.pair import pair_score
from router.scoring.verifier.features import NAMES
from training.pairs.baselines import bag_scores, second_alone, words_changed
from training.pairs.folds import Fold, is_quoras
from training.pairs.records import SOURCES, WRITTEN, RequestPair, Source
from training.pairs.trees import fit_trees

if TYPE_CHECKING:
    from training.pairs.encoder_fits import EncoderFits

Scores = NDArray[np.float64]
Matrix = NDArray[np.float32]
Say = Callable[[str], None]
Contender = Callable[[Fold], Scores]
"""Scores float64 of a fold's test pairs; higher is more surely the same answer."""

WEIGHTS: dict[Source, float] = {"questions": 1.0, "conversations": 1.0, "qqp": 0.2, "edits": 0.1}
"""Of a pair in the fit of trees. Quora's raters are laxer than an exact answer allows; what rules make is plain."""

QUORA_EDITS = 0.5
"""Weight of a pair made by rule from one of Quora's, as a share of one made from ours."""

STACKED_ROUNDS = 100
"""Fewer than for features alone: there are fewer pairs, and most is said already."""


def rules(pairs: Sequence[RequestPair]) -> Contender:
    """What serving does without a fitted verifier: equal normal forms."""
    return lambda fold: np.array([pair_score(pairs[place].a, pairs[place].b) for place in fold.test])


def cosine(features: Matrix) -> Contender:
    """The cosine of mean token vectors, as semantic caches use it."""
    column = NAMES.index("cosine")
    return lambda fold: features[fold.test, column].astype(np.float64)


def bag(pairs: Sequence[RequestPair], text_of: Callable[[RequestPair], str]) -> Contender:
    """A bag of words that cannot compare; our pairs alone, which is where a style of writing could show."""

    def scores(fold: Fold) -> Scores:
        train = [pairs[place] for place in fold.train if pairs[place].source != "qqp"]
        return bag_scores(train, [pairs[place] for place in fold.test], text_of)

    return scores


def bags(pairs: Sequence[RequestPair]) -> dict[str, Contender]:
    """The baselines that are to be beaten: what they find is how traps are written, not what they ask."""
    return {"second alone": bag(pairs, second_alone), "words changed": bag(pairs, words_changed)}


def trees(pairs: Sequence[RequestPair], features: Matrix, *, seed: int) -> Contender:
    """Boosted trees on features float32 [N, D]."""
    same = np.array([pair.same_answer for pair in pairs])
    weight = weights(pairs)

    def scores(fold: Fold) -> Scores:
        train = np.array(fold.train)
        return fit_trees(features[train], same[train], weight[train], seed=seed)(features[fold.test])

    return scores


def weights(pairs: Sequence[RequestPair]) -> Scores:
    """Weights float64 [N] of N pairs in the fit of trees."""
    return np.array(
        [WEIGHTS[pair.source] * (QUORA_EDITS if pair.source == "edits" and is_quoras(pair) else 1.0) for pair in pairs]
    )


def stacked(pairs: Sequence[RequestPair], features: Matrix, logits: Scores, *, seed: int) -> Contender:
    """Boosted trees that see what the pair encoder said, too; fitted on our pairs alone.

    Args:
        pairs: the N pairs.
        features: float32 [N, D].
        logits: float64 [N, 2], each pair's by a fit that did not know it; NaN where there is none.
        seed: fixes what each tree sees.
    """
    same = np.array([pair.same_answer for pair in pairs])
    both = np.column_stack([features, logits.mean(axis=1), logits.min(axis=1)]).astype(np.float32)
    told = np.array([pair.source != "qqp" for pair in pairs]) & ~np.isnan(logits).any(axis=1)

    def scores(fold: Fold) -> Scores:
        train = np.array([place for place in fold.train if told[place]])
        weight = np.ones(len(train))
        found = fit_trees(both[train], same[train], weight, seed=seed, rounds=STACKED_ROUNDS)(both[fold.test])
        found[np.isnan(logits[fold.test]).any(axis=1)] = np.nan
        return found

    return scores


def pair_encoder_logits(fits: EncoderFits, pairs: Sequence[RequestPair], dealt: Sequence[Fold], *, say: Say) -> Scores:
    """Logits float64 [N, 2] of each pair, both ways round, by a fit that did not know it; NaN where no fold tests it.

    Args:
        fits: makes the pair encoders.
        pairs: the N pairs.
        dealt: their folds.
        say: is told how they go.
    """
    logits = np.full((len(pairs), 2), np.nan)
    for fold in dealt:
        say(f"pair encoder: fold {fold.number + 1} of {len(dealt)}")
        own = [pairs[place] for place in fold.train if pairs[place].source in WRITTEN]
        encoder = fits.own(own, name=f"fold-{fold.number}", seed=fold.number)
        test = [place for place in fold.test if pairs[place].source in SOURCES]
        logits[test] = encoder.logits([pairs[place] for place in test])
    return logits
