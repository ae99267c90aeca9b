"""The comparison of verifiers, top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.scoring.verifier import alignment
from training.pairs.contenders import Contender, bags, cosine, pair_encoder_logits, rules, stacked, trees
from training.pairs.design import design
from training.pairs.figures import Figures, figures
from training.pairs.folds import Fold, folds
from training.pairs.read import read_own_pairs, read_qqp
from training.pairs.readers import static_reader, teacher_reader
from training.pairs.records import SOURCES, RequestPair
from training.pairs.turns import Units

Say = Callable[[str], None]


class Comparison(Struct, frozen=True, kw_only=True):
    """What is to be compared, on what.

    ``own`` holds our pairs, ``data`` Quora's; ``encoder`` is the folder of the static encoder, ``teacher`` of a
    sentence encoder or None: no contender that needs one then. ``keep`` holds the pair encoder's fits.
    """

    own: Path
    data: Path
    encoder: Path
    teacher: Path | None = None
    keep: Path | None = None
    folds: int = 4
    quora: int = 20_000
    seed: int = 0


def compare_verifiers(plan: Comparison, say: Say) -> list[Figures]:
    """Fit each contender in every fold and give its figures on what the fit did not know.

    Raises:
        DataError: pairs or encoders cannot be read.
    """
    pairs = [*read_own_pairs(plan.own), *read_qqp(plan.data, most=plan.quora, seed=plan.seed)]
    for source in SOURCES:
        say(f"{source}: {sum(pair.source == source for pair in pairs):,} pairs")
    dealt = list(folds(pairs, plan.folds))
    units = Units.of_pairs(pairs)
    unit_folds = [units.fold(fold) for fold in dealt]
    found: list[Figures] = []
    for name, contender in _contenders(units.pairs, unit_folds, plan, say).items():
        say(f"{name}: fitting and scoring {plan.folds} folds")
        scores = units.gathered(out_of_fold(contender, unit_folds, len(units.pairs)))
        found += figures(name, scores, pairs, dealt)
    return found


def out_of_fold(contender: Contender, dealt: Sequence[Fold], count: int) -> NDArray[np.float64]:
    """Scores float64 [count]: each pair's by the fit of the fold that it tests; NaN for what no fold tests."""
    scores = np.full(count, np.nan)
    for fold in dealt:
        scores[fold.test] = contender(fold)
    return scores


def _contenders(
    pairs: Sequence[RequestPair], dealt: Sequence[Fold], plan: Comparison, say: Say
) -> dict[str, Contender]:
    say("features with the static encoder's token vectors")
    features = design(pairs, static_reader(plan.encoder))
    found = {
        "rules": rules(pairs),
        **bags(pairs),
        "static cosine": cosine(features),
        "static trees": trees(pairs, features, seed=plan.seed),
    }
    if plan.teacher is not None:
        from training.pairs.encoder_fits import EncoderFits

        say("features with the teacher's token vectors")
        deep = design(pairs, teacher_reader(plan.teacher))
        both = np.column_stack([deep, features[:, -len(alignment.NAMES) :]])
        fits = EncoderFits.of_data(plan.data, plan.encoder, plan.teacher, keep=plan.keep, seed=plan.seed, say=say)
        logits = pair_encoder_logits(fits, pairs, dealt, say=say)
        found |= {
            "teacher cosine": cosine(deep),
            "teacher trees": trees(pairs, deep, seed=plan.seed),
            "both trees": trees(pairs, both, seed=plan.seed),
            "pair encoder": lambda fold: logits[fold.test].mean(axis=1),
            "encoder + both trees": stacked(pairs, both, logits, seed=plan.seed),
        }
    return found
