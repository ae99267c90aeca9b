"""Fitting: what the heads learn, and what they must not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from router.errors import DataError
from router.scoring.features import FEATURE_NAMES
from router.scoring.trees import TreesHead, trees_from_dump
from training.fit import CLASSIFIERS, Design, Means, fit_classifier, fit_scaler
from training.fit.linear import columns_named, fit_common_slopes, fit_ridge
from training.fit.trees import SETTINGS

DIM = 4
WIDTH = DIM + len(FEATURE_NAMES)


def _design(n: int = 400, *, seed: int = 0, sources: int = 2) -> Design:
    """Half votes, half exams; in both, column 0 makes prompts hard."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(n, WIDTH)).astype(np.float32)
    target = np.clip(0.5 + 0.15 * rows[:, 0] + 0.05 * generator.normal(size=n), 0, 1).astype(np.float64)
    number = np.arange(n) % (2 * sources)
    return Design(
        rows=rows,
        target=target,
        weight=np.ones(n),
        source=np.array([f"source-{value}" for value in number]),
        family=np.where(number < sources, "chat", "exam"),
    )


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_every_kind_of_classifier_ranks_hard_prompts_above_easy_ones(kind: str) -> None:
    seen, unseen = _design(seed=1), _design(seed=2)
    scores = fit_classifier(kind, seen, Means(dim=DIM, seed=0)).predict(unseen.rows)
    assert np.corrcoef(scores, unseen.rows[:, 0])[0, 1] > 0.8


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_the_same_seed_gives_the_same_classifier_to_the_last_bit(kind: str) -> None:
    design = _design()
    first, second = (fit_classifier(kind, design, Means(dim=DIM, seed=5)).predict(design.rows) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_the_score_has_mean_zero_and_spread_one_over_what_it_was_fitted_on() -> None:
    design = _design()
    scores = fit_classifier("ridge", design, Means(dim=DIM, seed=0)).predict(design.rows)
    assert scores.mean() == pytest.approx(0, abs=1e-6)
    assert scores.std() == pytest.approx(1, abs=1e-6)


def test_votes_alone_are_enough_for_a_preference_head() -> None:
    blend = fit_classifier("ridge", _design().of_family("chat"), Means(dim=DIM, seed=0))
    assert [part.name for part in blend.heads] == ["preference"]


def test_the_preference_head_learns_who_won_and_which_prompts_were_beyond_both_models() -> None:
    chat = _design(seed=1).of_family("chat")
    told = replace(chat, both_bad=(chat.rows[:, 1] > 0).astype(np.float64))
    weights = (
        fit_classifier("ridge", told, Means(dim=DIM, seed=0)).heads[0].head.predict(np.eye(WIDTH, dtype=np.float32))
    )
    assert set(np.argsort(weights)[-2:].tolist()) == {0, 1}


def test_where_both_bad_is_not_told_from_ties_who_won_speaks_alone() -> None:
    chat = _design(seed=1).of_family("chat")
    untold = replace(chat, both_bad=np.full(len(chat), np.nan))
    first, second = (
        fit_classifier("ridge", part, Means(dim=DIM, seed=0)).predict(chat.rows) for part in (chat, untold)
    )
    assert np.array_equal(first, second)


def test_too_few_prompts_are_refused_with_the_remedy() -> None:
    with pytest.raises(DataError, match=r"^only 30 labelled .* at least 40 are needed; give more battles"):
        fit_classifier("ridge", _design(n=30), Means(dim=DIM, seed=0))


def test_labels_that_are_all_alike_are_refused() -> None:
    design = _design()
    flat = Design(design.rows, np.full(len(design), 0.5), design.weight, design.source, design.family)
    with pytest.raises(DataError, match="nothing to learn"):
        fit_classifier("ridge", flat, Means(dim=DIM, seed=0))


def test_common_slopes_do_not_learn_that_one_exam_is_harder_than_another() -> None:
    generator = np.random.default_rng(3)
    rows = generator.normal(size=(600, WIDTH)).astype(np.float32)
    second = np.arange(600) >= 300
    rows[:, 1] += np.where(second, 3.0, 0.0)  # column 1 tells the exams apart, and nothing else
    target = np.where(second, 0.9, 0.1) + 0.02 * rows[:, 0]
    source = np.where(second, "hard exam", "easy exam")
    design = Design(rows, target, np.ones(600), source, np.full(600, "exam"))
    common = fit_common_slopes(design, penalty=0.1).weights
    pooled = fit_ridge(design, penalty=0.1).weights
    assert abs(common[1]) < 0.1 * abs(common[0])
    assert abs(pooled[1]) > abs(pooled[0])


def test_the_length_prior_reads_nothing_but_length() -> None:
    columns = columns_named("length.", DIM)
    head = fit_common_slopes(_design(), penalty=1.0, columns=columns)
    assert [FEATURE_NAMES[column - DIM].partition(".")[0] for column in columns] == ["length"] * len(columns)
    assert not np.delete(head.weights, columns).any()
    assert head.weights[columns].any()


def test_exported_trees_predict_what_lightgbm_predicts() -> None:
    import lightgbm

    design = _design(n=600)
    data = lightgbm.Dataset(design.rows.astype(np.float64), design.target)
    booster = lightgbm.train({**SETTINGS, "seed": 0}, data, num_boost_round=30)
    exported = TreesHead(trees_from_dump(booster.dump_model()), WIDTH)
    expected = booster.predict(design.rows.astype(np.float64), raw_score=True)
    np.testing.assert_allclose(exported.predict(design.rows), expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("kind", ["lightgbm", "knn", "mlp"])
def test_trees_neighbours_and_networks_learn_around_the_mean_of_each_source(kind: str) -> None:
    design = _design(n=600)
    moved = replace(design, target=design.target + np.where(design.source == "source-0", 10.0, 0.0))
    first, second = (
        fit_classifier(kind, part, Means(dim=DIM, seed=0)).predict(design.rows) for part in (design, moved)
    )
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_directions_of_the_embedding_share_one_scale_and_a_constant_column_stays_near_zero() -> None:
    generator = np.random.default_rng(0)
    raw = generator.normal(size=(200, WIDTH)).astype(np.float32)
    raw[:, 1] *= 100
    raw[:, DIM + 2] = 7.0
    scaler = fit_scaler(raw, np.ones(200), DIM)
    assert len(set(scaler.scale[:DIM].tolist())) == 1
    assert not scaler.apply(raw)[:, DIM + 2].any()
