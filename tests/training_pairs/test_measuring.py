"""Folds that hold out what they say, and figures that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.pairs.evidence import evidence_of
from training.pairs.figures import figures
from training.pairs.folds import folds
from training.pairs.measure import best_served, bounded_threshold, served_from
from training.pairs.records import RequestPair
from training.pairs.turns import NEVER

COUNT = 3


def test_a_fold_is_fitted_without_its_groups_and_its_families(made_pairs: list[RequestPair]) -> None:
    for fold in folds(made_pairs, COUNT):
        train, test = ([made_pairs[place] for place in places] for places in (fold.train, fold.test))
        assert {pair.group for pair in train}.isdisjoint(pair.group for pair in test)
        assert fold.unseen.isdisjoint(pair.family for pair in train if not pair.same_answer)


def test_every_pair_of_ours_is_measured_once_and_every_family_held_out_once(made_pairs: list[RequestPair]) -> None:
    dealt = list(folds(made_pairs, COUNT))
    assert sorted(place for fold in dealt for place in fold.test) == list(range(len(made_pairs)))
    assert sorted(family for fold in dealt for family in fold.unseen) == ["direction", "location"]


def test_quoras_pairs_are_split_once_for_all_folds() -> None:
    pairs = [RequestPair(f"a{n}", f"b{n}", n % 2 == 0, "qqp", f"qqp-{n}") for n in range(60)]
    dealt = list(folds(pairs, COUNT))
    assert dealt[0].train == dealt[1].train == dealt[2].train
    assert sorted(dealt[0].train + dealt[0].test) == list(range(60))
    assert not dealt[1].test


def test_what_is_served_within_a_budget_of_traps() -> None:
    scores = np.array([9.0, 8, 7, 6, 5, 4, 3, 2])
    same = np.array([True, True, False, True, True, False, False, False])
    assert best_served(scores, same, 0.0).served == 2
    quarter = best_served(scores, same, 0.25)
    assert (quarter.served, quarter.wrong, quarter.hits, quarter.traps) == (4, 1, 4, 4)


def test_equal_scores_are_served_together_or_not_at_all() -> None:
    assert best_served(np.array([1.0, 1.0, 0.0]), np.array([True, False, False]), 0.0).served == 0


def test_a_bounded_threshold_needs_traps_enough() -> None:
    few = np.arange(100.0)
    assert bounded_threshold(few, np.zeros(100, bool), 0.01) == float("inf")
    many = np.arange(1000.0)
    threshold = bounded_threshold(many, np.zeros(1000, bool), 0.01)
    assert 0 < served_from(many, np.zeros(1000, bool), threshold).wrong < 10


def test_a_bound_for_one_fold_comes_from_the_others() -> None:
    pairs = [
        RequestPair("a", "b", number % 2 == 0, "questions", f"questions-{number}", "" if number % 2 == 0 else "entity")
        for number in range(3000)
    ]
    same = np.array([pair.same_answer for pair in pairs])
    dealt = list(folds(pairs, COUNT))
    scores = same.astype(float)
    scores[[place for place in dealt[0].test if not same[place]]] = 2.0
    (found,) = figures("odd", scores, pairs, dealt)
    traps = sum(not same[place] for place in dealt[0].test)
    assert found.bounded is not None
    # The fold with misleading scores is served by the threshold of the two others, who know nothing of it.
    assert found.bounded.wrong == traps
    assert found.auc == pytest.approx(1 - traps / (~same).sum())


def test_thresholds_rest_on_each_kind_of_traps() -> None:
    pairs = [
        RequestPair(f"open door {n}", f"{verb} door {n}", False, source, f"{source}-{n}", family)
        for n in range(50)
        for verb, source, family in (("open the", "questions", "entity"), ("why", "conversations", "negation"))
    ]
    scores = np.arange(100.0)
    scores[1] = NEVER
    found = evidence_of(scores, pairs, list(folds(pairs, COUNT)))
    assert found["questions"].traps == found["small edits"].traps == 50
    assert found["conversations"].traps == 49
    assert found["questions"].tail == sorted(found["questions"].tail, reverse=True)
    assert found["conversations"].tail[0] == 99.0
