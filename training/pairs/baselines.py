"""What can be guessed without comparing: how far our way of writing traps gives them away."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from training.pairs.records import RequestPair

PENALTY = 1.0
WORD = r"\S+"


def second_alone(pair: RequestPair) -> str:
    """Only the second request."""
    return pair.b


def words_changed(pair: RequestPair) -> str:
    """The words that only one side has, marked by side, without those around them."""
    a, b = pair.a.lower().split(), pair.b.lower().split()
    gone, come = (f"gone_{word}" for word in a if word not in b), (f"come_{word}" for word in b if word not in a)
    return " ".join((*gone, *come))


def bag_scores(
    train: Sequence[RequestPair], test: Sequence[RequestPair], text_of: Callable[[RequestPair], str]
) -> NDArray[np.float64]:
    """Log odds float64 [N] of the test pairs by a logistic regression on words and pairs of words."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectoriser = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=WORD)
    rows = vectoriser.fit_transform([text_of(pair) for pair in train])
    model = LogisticRegression(C=PENALTY, max_iter=500).fit(rows, [pair.same_answer for pair in train])
    scores: NDArray[np.float64] = model.decision_function(vectoriser.transform([text_of(pair) for pair in test]))
    return scores
