from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from router.errors import ArtifactError
from router.scoring.classifier import Blend, BlendedHead, LinearHead, MlpHead
from tests.scoring.kernel_parts import stump

RANDOM = np.random.default_rng(5)
ROWS = RANDOM.normal(size=(300, 6)).astype(np.float32)


def mlp() -> MlpHead:
    random = np.random.default_rng(1)
    return MlpHead(random.normal(size=(6, 4)), random.normal(size=4), random.normal(size=4), 0.7)


def linear() -> LinearHead:
    return LinearHead(np.arange(6.0) - 2, 0.25)


def test_a_linear_head_is_a_dot_product_plus_bias() -> None:
    expected = ROWS.astype(np.float64) @ (np.arange(6.0) - 2) + 0.25
    np.testing.assert_allclose(linear().predict(ROWS), expected, atol=1e-12)


def test_an_mlp_head_equals_scikit_learns() -> None:
    network = pytest.importorskip("sklearn.neural_network")
    fitted = network.MLPRegressor(hidden_layer_sizes=(5,), max_iter=30, random_state=0, tol=1.0).fit(
        ROWS.astype(np.float64), ROWS[:, 0]
    )
    (inner, outer), (inner_bias, outer_bias) = fitted.coefs_, fitted.intercepts_
    head = MlpHead(inner, inner_bias, outer[:, 0], outer_bias[0])
    np.testing.assert_allclose(head.predict(ROWS), fitted.predict(ROWS.astype(np.float64)), atol=1e-9)


def test_a_blend_is_the_weighted_sum_of_its_heads() -> None:
    blend = Blend((BlendedHead("a", linear(), 0.5), BlendedHead("b", stump(1, 6), 2.0)), bias=-1.0)
    expected = -1.0 + 0.5 * linear().predict(ROWS) + 2.0 * stump(1, 6).predict(ROWS)
    np.testing.assert_allclose(blend.predict(ROWS), expected, atol=1e-12)


def test_a_row_scores_the_same_in_any_batch() -> None:
    blend = Blend((BlendedHead("a", linear(), 0.5), BlendedHead("b", stump(1, 6), 2.0), BlendedHead("c", mlp(), 1.0)))
    single = [blend.predict(row[None, :])[0] for row in ROWS]
    assert np.array_equal(blend.predict(ROWS), np.array(single))


def test_contributions_of_linear_and_mlp_heads_explain_the_difference_from_a_near_row() -> None:
    for head in (linear(), mlp()):
        row = ROWS[0]
        near = row.copy()
        near[2] += np.float32(1e-3)
        change = head.predict(near[None, :])[0] - head.predict(row[None, :])[0]
        assert head.contributions(near)[2] - head.contributions(row)[2] == pytest.approx(change, abs=1e-6)


def test_linear_and_mlp_heads_survive_a_round_trip(tmp_path: Path) -> None:
    for head in (linear(), mlp()):
        head.save(tmp_path / "head.npy")
        again = type(head).load(tmp_path / "head.npy")
        assert np.array_equal(again.predict(ROWS), head.predict(ROWS))


def test_weights_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(ArtifactError, match="finite"):
        LinearHead(np.array([1.0, np.nan]), 0.0)
    with pytest.raises(ArtifactError, match="finite"):
        Blend((BlendedHead("a", linear(), float("inf")),))


def test_heads_of_different_widths_are_refused() -> None:
    with pytest.raises(ArtifactError, match="different widths"):
        Blend((BlendedHead("a", linear(), 1.0), BlendedHead("b", stump(0, 5), 1.0)))


def test_a_classifier_without_heads_is_refused() -> None:
    with pytest.raises(ArtifactError, match="at least one head"):
        Blend(())
