"""The reference of familiar prompts: limits from held-out prompts, and labels of one's own added to it."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from router.scoring.familiarity import UNFAMILIAR_ABOVE
from router.scoring.features import FEATURE_NAMES, features
from training import familiarity as module
from training.familiarity import FALSE_ALARMS, Fitted, Prompts, fit_familiarity, widen
from training.records import Family, Labelled
from training.reference import distribution, reference_of
from training.splits import group_of

WORDS = "the a small large red old boat train river bridge town find explain compare draw count why how many".split()
STRANGE = [f"{number:06x}9c0a77e1b2 0x{number:04x}ffae19 #{number}#;;{{}}" for number in range(60)]


def sentences(count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(5, 25))).capitalize() + "?" for _ in range(count)]


def prompts(texts: Sequence[str], *, source: str = "votes", family: Family = "chat") -> list[Labelled]:
    return [
        Labelled(
            prompt=text, source=source, family=family, target=0.5, strong_wins=None, weight=1.0, group=group_of(text)
        )
        for text in texts
    ]


def described(labelled: list[Labelled]) -> Prompts:
    raw = np.array([features(row.prompt, np.arange(len(row.prompt) // 4, dtype=np.int32)) for row in labelled])
    return Prompts.of(labelled, raw, np.clip(raw - 0.5, -6, 6))


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    exams = prompts(sentences(300, 2), source="exam", family="exam")
    return fit_familiarity(described([*prompts(sentences(600, 1)), *exams]))


def unfamiliar(fitted: Fitted, texts: Sequence[str]) -> float:
    found = described(prompts(texts))
    values = map(fitted.familiarity.unfamiliarity, found.texts, found.standard)
    return float(np.mean([value > UNFAMILIAR_ABOVE for value in values]))


def test_held_out_prompts_are_seldom_unfamiliar_and_strange_ones_are(fitted: Fitted) -> None:
    assert np.mean(fitted.held_out > UNFAMILIAR_ABOVE) <= 2 * FALSE_ALARMS
    assert unfamiliar(fitted, STRANGE) > 0.95


def test_labels_make_their_kind_familiar_and_nothing_else_less_so(fitted: Fitted) -> None:
    wider = widen(fitted.familiarity, described(prompts(STRANGE[:40])))
    assert unfamiliar(wider, STRANGE[40:]) <= 0.1
    assert unfamiliar(wider, sentences(300, 3)) <= 0.02
    assert wider.familiarity.limits.surprise >= fitted.familiarity.limits.surprise
    assert wider.familiarity.limits.shape >= fitted.familiarity.limits.shape


def test_labels_of_a_familiar_kind_leave_strange_prompts_unfamiliar(fitted: Fitted) -> None:
    wider = widen(fitted.familiarity, described(prompts(sentences(100, 4))))
    assert unfamiliar(wider, STRANGE) > 0.9


def test_one_odd_label_does_not_open_the_limits(fitted: Fitted) -> None:
    wider = widen(fitted.familiarity, described(prompts([*sentences(59, 6), STRANGE[0]])))
    plain = widen(fitted.familiarity, described(prompts(sentences(59, 6))))
    assert wider.familiarity.limits.surprise <= plain.familiarity.limits.surprise * 1.1
    assert wider.familiarity.limits.shape <= plain.familiarity.limits.shape * 1.1


def test_prompts_in_one_non_latin_script_alone_are_familiar_while_held_out() -> None:
    words = "море рыба окно стол дом лес река вода город ветер книга небо".split()
    draw = random.Random(8)
    texts = [" ".join(draw.choices(words, k=draw.randint(5, 20))) for _ in range(400)]
    russian = fit_familiarity(described(prompts(texts)))
    assert np.mean(russian.held_out > UNFAMILIAR_ABOVE) <= 2 * FALSE_ALARMS


def test_of_a_large_corpus_every_kth_prompt_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PROMPTS", 100)
    thinned = described(prompts(sentences(250, 5)))
    assert len(thinned.texts) == len(thinned.raw) == len(thinned.standard) == 84


def test_the_reference_has_bins_of_equal_weight(fitted: Fitted) -> None:
    win_rates = np.random.default_rng(0).random(900)
    found = reference_of(fitted, win_rates, np.ones(900))
    assert found.n == 900
    assert found.win_rate.shares == pytest.approx([0.1] * 10, abs=0.01)
    tokens = np.expm1(fitted.prompts.raw[:, FEATURE_NAMES.index("length.tokens")])
    assert found.tokens.edges[0] <= np.median(tokens) <= found.tokens.edges[-1]
    assert sum(found.tokens.shares) == pytest.approx(1.0, abs=1e-5)


def test_values_that_repeat_make_fewer_bins_whose_shares_are_right() -> None:
    found = distribution(np.array([1.0] * 80 + [2.0] * 20), np.ones(100))
    assert found.edges == [1.0, 2.0]
    assert found.shares == [0.0, 0.8, 0.2]


def test_weights_say_how_many_prompts_speak() -> None:
    weight = np.array([1.0] * 100 + [0.0] * 900)
    found = distribution(np.arange(1000.0), weight)
    assert found.edges[-1] < 100
