"""What votes and grades teach: the difficulty of a prompt, and whether the strong model was strictly better."""

from __future__ import annotations

import math

import pytest

from training.bradley_terry import fit_strengths
from training.labels import balance, battle_outcome, battle_target, label_battles, label_graded, tiers_of
from training.records import Battle, Graded, Labelled

STRENGTHS = {"strong": 2.0, "equal": 1.9, "weak": -2.0}


def vote(winner, prompt="p", model_a="strong", model_b="weak", degree=1.0, source="arena"):
    return Battle(prompt=prompt, model_a=model_a, model_b=model_b, winner=winner, source=source, degree=degree)


def grades(prompt="p", source="table", task="", **scores):
    return Graded(prompt=prompt, source=source, scores=scores, task=task)


def test_a_tie_counts_as_the_weak_model_sufficing():
    assert battle_target(vote("tie"), STRENGTHS) == 0.0
    assert battle_outcome(vote("tie"), STRENGTHS) == 0.0


def test_both_bad_teaches_that_a_prompt_is_hard_and_stays_out_of_calibration():
    assert battle_target(vote("both_bad"), STRENGTHS) == 1.0
    assert battle_outcome(vote("both_bad"), STRENGTHS) is None


@pytest.mark.parametrize("names", [("strong", "weak"), ("weak", "strong")])
def test_models_called_weak_and_strong_are_the_tiers_however_close_their_votes_are(names):
    model_a, model_b = names
    votes = [vote("model_a" if n % 2 else "model_b", prompt=str(n), model_a=model_a, model_b=model_b) for n in range(6)]
    strong_won = [(number % 2 == 1) == (model_a == "strong") for number in range(6)]
    assert [label.strong_wins for label in label_battles(votes)] == [float(won) for won in strong_won]
    assert all((label.target > 0.5) == won for label, won in zip(label_battles(votes), strong_won, strict=True))


def test_a_win_of_the_stronger_model_teaches_more_the_weaker_the_other_was():
    far, near = vote("model_a"), vote("model_a", model_b="equal")
    assert 0.5 < battle_target(near, STRENGTHS) < 0.6
    assert battle_target(far, STRENGTHS) > 0.95
    assert battle_outcome(far, STRENGTHS) == 1.0


def test_a_win_of_the_weaker_model_teaches_that_a_prompt_is_easy():
    assert battle_target(vote("model_b"), STRENGTHS) == pytest.approx(1.0 - battle_target(vote("model_a"), STRENGTHS))
    assert battle_outcome(vote("model_b"), STRENGTHS) == 0.0


def test_it_does_not_matter_which_model_is_called_a():
    turned = vote("model_b", model_a="weak", model_b="strong")
    assert battle_target(turned, STRENGTHS) == battle_target(vote("model_a"), STRENGTHS)
    assert battle_outcome(turned, STRENGTHS) == 1.0


def test_a_vote_between_equals_stays_out_of_calibration():
    assert battle_outcome(vote("model_a", model_b="equal"), STRENGTHS) is None


def test_a_half_hearted_win_teaches_less():
    assert 0.5 < battle_target(vote("model_a", degree=0.2), STRENGTHS) < battle_target(vote("model_a"), STRENGTHS)


def test_strengths_recover_the_odds_that_the_votes_show():
    votes = [vote("model_a")] * 750 + [vote("model_b")] * 250
    strengths = fit_strengths(votes, ridge=1e-6)
    assert strengths["strong"] - strengths["weak"] == pytest.approx(math.log(3), abs=1e-4)
    assert sum(strengths.values()) == pytest.approx(0.0)


def test_a_tie_is_half_a_win_for_both():
    wins_and_losses = [vote("model_a")] * 30 + [vote("model_b")] * 30
    ties = [vote("tie")] * 60
    assert fit_strengths(ties)["strong"] == pytest.approx(fit_strengths(wins_and_losses)["strong"], abs=1e-9)


def test_a_model_that_never_lost_has_a_finite_strength_and_one_win_makes_no_clear_gap():
    many = fit_strengths([vote("model_a")] * 5000)
    assert 1.0 < many["strong"] < 20.0
    once = vote("model_a", model_a="one", model_b="other")
    assert battle_outcome(once, fit_strengths([once])) is None


def test_no_votes_give_no_strengths():
    assert fit_strengths([]) == {}
    assert label_battles([]) == []


def test_votes_on_the_same_prompt_become_one_label_with_their_mean():
    history = [vote("model_a", prompt=f"other {number}") for number in range(40)]
    labels = label_battles([*history, vote("model_a", prompt="same"), vote("tie", prompt="same")])
    (same,) = [label for label in labels if label.prompt == "same"]
    assert same.strong_wins == 0.5
    (other, *_) = labels
    assert same.target == pytest.approx(other.target / 2)
    assert (other.family, other.strong_wins) == ("chat", 1.0)


def test_the_target_of_a_graded_prompt_is_the_share_that_the_weak_tier_got_wrong():
    table = [grades(f"p{n}", a=0, b=n % 2, c=1, d=1) for n in range(4)]
    assert tiers_of(table).weak == {"a", "b"}
    assert tiers_of(table).strong in ({"c"}, {"d"})
    assert [label.target for label in label_graded(table)] == [1.0, 0.5, 1.0, 0.5]


def test_the_strong_tier_wins_where_it_is_right_and_the_weak_one_wrong_and_two_wrong_answers_say_nothing():
    table = [
        grades("both", w=1, s=1),
        grades("strong", w=0, s=1),
        grades("none", w=0, s=0),
        grades("weak", w=0.4, s=0.9),
    ]
    assert [label.strong_wins for label in label_graded(table)] == [0.0, 1.0, None, 1.0]


def test_pairs_of_models_that_are_both_wrong_are_left_out_of_the_share_of_wins():
    weak = {"w1": 0, "w2": 0, "w3": 0, "w4": 0}
    usual = [grades(f"usual {n}", **weak, m1=n % 2, m2=n % 2, s1=1, s2=1) for n in range(20)]
    asked = grades("asked", w1=1, w2=0, w3=0, w4=0, m1=0, m2=0, s1=1, s2=0)
    label = label_graded([*usual, asked])[-1]
    assert label.strong_wins == pytest.approx(3 / 5)  # s1 beats three and draws with w1, which beats s2


def test_a_pair_table_says_itself_which_model_is_weak():
    table = [grades(f"p{n}", weak=1, strong=0) for n in range(3)]
    assert (tiers_of(table).weak, tiers_of(table).strong) == ({"weak"}, {"strong"})


def test_models_that_answered_different_prompts_compare_by_what_others_did_there():
    easy = [grades(f"easy {n}", common=1, lucky=1) for n in range(5)]
    hard = [grades(f"hard {n}", common=0, able=1) for n in range(5)]
    assert tiers_of(easy + hard).strong == {"able"}


def test_suites_of_one_table_are_sources_of_their_own():
    table = [grades("p1", task="crux", a=0, b=1), grades("p2", task="zebra", a=0, b=1)]
    assert [label.source for label in label_graded(table)] == ["table:crux", "table:zebra"]


def test_prompts_that_no_weak_model_answered_are_left_out():
    table = [grades("both", a=0, b=1), grades("strong only", b=1)]
    assert [label.prompt for label in label_graded(table)] == ["both"]


def test_weights_balance_sources_by_the_square_root_and_families_one_to_one():
    def rows(source, family, count):
        row = Labelled(prompt="p", source=source, family=family, target=0, strong_wins=None, weight=1, group="g")
        return [row] * count

    weighted = balance([*rows("votes", "chat", 10), *rows("big", "exam", 400), *rows("small", "exam", 100)])
    total = {
        source: sum(row.weight for row in weighted if row.source == source) for source in ("votes", "big", "small")
    }
    assert sum(total.values()) == pytest.approx(510)
    assert total["votes"] == pytest.approx(255)
    assert total["big"] == pytest.approx(2 * total["small"])


def test_one_family_alone_is_balanced_too():
    (label,) = balance(label_graded([grades("p", a=0, b=1)]))
    assert label.weight == pytest.approx(1.0)
    assert balance([]) == []


def test_the_share_of_both_bad_is_known_only_of_a_source_that_tells_it_from_ties():
    told = [vote("both_bad"), vote("tie"), vote("model_a", prompt="q")]
    untold = [vote("tie", source="other")]
    shares = {(row.source, row.prompt): row.both_bad for row in label_battles(told + untold)}
    assert shares == {("arena", "p"): 0.5, ("arena", "q"): 0.0, ("other", "p"): None}


def test_the_arena_votes_put_known_models_in_their_known_order(shared_data):
    from training.corpus import read_source

    battles = read_source(str(shared_data / "arena" / "votes_2023.jsonl.gz")).battles
    strengths = fit_strengths(battles)
    assert strengths["gpt-4"] > strengths["gpt-3.5-turbo"] > strengths["vicuna-7b"] > strengths["dolly-v2-12b"]
