"""How much of a logit counts, chosen on pairs that were made up for it."""

from __future__ import annotations

import numpy as np

from router.scoring.verifier.combination import Combination
from training.pairs.choose import BUDGETS, CLAMPS, WEIGHTS, Ingredients, chosen_rule
from training.pairs.records import RequestPair
from training.pairs.turns import Units

PAIRS = 400


def ingredients(*, informed: float) -> Ingredients:
    """Trees that know a little of the label, and logits that know ``informed`` times as much."""
    draws = np.random.default_rng(0)
    pairs = [
        RequestPair(f"user: a {number}", f"user: b {number}", number % 2 == 0, source, f"{source}-{number}")
        for source in ("questions", "conversations")
        for number in range(PAIRS)
    ]
    label = np.array([1.0 if pair.same_answer else -1.0 for pair in pairs])
    log_odds = label + draws.normal(size=len(pairs))
    logits = informed * label + draws.normal(size=len(pairs))
    return Ingredients(pairs, Units.of_pairs(pairs), log_odds, logits)


def test_a_network_that_knows_more_weighs_more() -> None:
    (timid, _), (bold, tried) = (chosen_rule(ingredients(informed=informed)) for informed in (0.0, 3.0))
    assert timid.encoder == min(WEIGHTS)
    assert bold.encoder > timid.encoder
    assert [each.weight for each in tried] == list(WEIGHTS)
    assert all(len(shares) == len(BUDGETS) for each in tried for shares in each.served.values())
    assert max(each.mean for each in tried) == next(each.mean for each in tried if each.weight == bold.encoder)


def test_clamps_lose_hardly_any_of_what_is_served() -> None:
    found = ingredients(informed=3.0)
    rule, _ = chosen_rule(found)
    assert rule.most_logit in CLAMPS
    assert rule.most_logit_of_turn in CLAMPS
    free = Combination(encoder=rule.encoder)
    scores = {name: found.scores(each) for name, each in {"free": free, "clamped": rule}.items()}
    assert (scores["clamped"] <= scores["free"]).all()
    assert (scores["clamped"] < scores["free"]).any()


def test_what_the_rules_decide_no_weight_overrules() -> None:
    found = ingredients(informed=3.0)
    found.log_odds[:2] = np.inf, -20.0
    scores = found.scores(Combination(encoder=1.0, most_logit=5.0, most_logit_of_turn=5.0))
    assert scores[0] == np.inf
    assert scores[1] <= -15.0
