"""How the tokens of a pair align."""

from __future__ import annotations

import numpy as np

from router.scoring.verifier.alignment import NAMES, Tokens, alignment_features


def tokens(*rows: tuple[float, float]) -> Tokens:
    vectors = np.array(rows, np.float32).reshape(len(rows), 2)
    kinds = np.zeros(len(rows), bool)
    return Tokens.of(vectors, np.ones(len(rows)), kinds, kinds)


def aligned(a: Tokens, b: Tokens) -> dict[str, float]:
    return dict(zip(NAMES, alignment_features(a, b), strict=True))


def test_a_token_without_a_match_shows_in_the_least() -> None:
    a, b = tokens((1, 0), (0, 1)), tokens((1, 0), (1, 0))
    found = aligned(a, b)
    assert (found["least_low"], found["least_high"]) == (0, 1)
    assert found["more_below_0.4"] == 1
    assert found == aligned(b, a)


def test_a_side_without_tokens_has_no_figures() -> None:
    assert not any(alignment_features(tokens(), tokens((1, 0))))
