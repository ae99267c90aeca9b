"""The verifier: features, trees, pair encoder and rule joined, and conversations turn by turn."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.scoring.verifier.combination import Combination
from router.scoring.verifier.conversation import MAX_CHANGED, Turns
from router.scoring.verifier.evidence import ALWAYS, NEVER, Evidence, threshold_for
from router.scoring.verifier.features import NAMES
from router.scoring.verifier.gate import LONG, LONG_TURNS, REFUSED
from router.scoring.verifier.verifier import PairVerifier
from tests.scoring.verifier.parts import EVIDENCE, make_verifier, stumps

# Too long to be left to the rules (``gate``), and of the same words.
A, B = "turn it on and then open the port", "on turn it and then port the open"
OTHER = "What is the capital of France?"


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> PairVerifier:
    return PairVerifier.load(make_verifier(tmp_path_factory.mktemp("verifier") / "1"))


def score(verifier: PairVerifier, one: str, other: str) -> float:
    return verifier.score(verifier.prepare(one), verifier.prepare(other))


def test_the_trees_alone_judge_where_there_is_no_pair_encoder(verifier: PairVerifier) -> None:
    assert verifier.ready
    assert score(verifier, A, B) == 1.5
    assert score(verifier, A, OTHER) == -1.5


def test_equal_texts_are_certain(verifier: PairVerifier) -> None:
    assert score(verifier, OTHER, OTHER) == ALWAYS


def test_the_same_words_in_other_clothes_are_certain_whatever_the_trees_say(verifier: PairVerifier) -> None:
    assert score(verifier, OTHER, "hi, what's the capital of france") == ALWAYS


def test_the_threshold_comes_from_the_evidence(verifier: PairVerifier) -> None:
    assert verifier.threshold(0.01) == threshold_for(EVIDENCE, 0.01)
    assert verifier.threshold(0.05) < verifier.threshold(0.01) < ALWAYS


WORDS = st.lists(
    st.sampled_from("how do i turn it on off 7 8 Rome Oslo, from to not ? é 犬 \ud800".split()), max_size=9
)


@settings(deadline=None, max_examples=60)
@given(WORDS, WORDS)
def test_a_verdict_is_the_same_both_ways_round(verifier: PairVerifier, one: list[str], other: list[str]) -> None:
    first, second = " ".join(one), " ".join(other)
    assert score(verifier, first, second) == score(verifier, second, first)


def test_what_an_entry_keeps_of_a_text_is_small(verifier: PairVerifier) -> None:
    prepared = verifier.prepare("How do I get from Rome to Oslo by train on the 7 of May, please, my dear?")
    assert prepared.size < 500
    assert sys.getsizeof(Turns([prepared.text])) < 150


def test_threads_that_ask_at_once_get_what_one_gets_alone(verifier: PairVerifier) -> None:
    texts = [f"turn {number} on off {number % 3}" for number in range(12)]
    alone = [score(verifier, one, other) for one in texts for other in texts]
    found: list[list[float]] = []
    threads = [
        Thread(target=lambda: found.append([score(verifier, one, other) for one in texts for other in texts]))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone] * 3


def with_network(folder: Path, rule: Combination, **others: object) -> PairVerifier:
    return PairVerifier.load(make_verifier(folder / "1", rule=rule, network=True, **others))  # type: ignore[arg-type]


def test_logit_and_trees_are_summed_by_their_weights(tmp_path: Path) -> None:
    verifier = with_network(tmp_path, Combination(trees=2.0, encoder=0.5, bias=-1.0))
    # The network sums the second side's ids and END, 2: the same words on either.
    logit = sum(verifier.prepare(A).tokens.array()) + 2
    assert score(verifier, A, B) == score(verifier, B, A) == 2.0 * 1.5 + 0.5 * logit - 1.0


def test_both_ways_are_averaged_where_the_rule_says_so(tmp_path: Path) -> None:
    once = with_network(tmp_path, Combination(trees=0.0, encoder=1.0))
    twice = with_network(tmp_path / "twice", Combination(trees=0.0, encoder=1.0, ways=2))
    sides = [int(once.prepare(text).tokens.array().sum()) + 2 for text in (A, OTHER)]
    assert score(once, A, OTHER) in sides
    assert score(twice, A, OTHER) == sum(sides) / 2


def test_the_pair_encoder_is_spared_where_no_logit_could_help(tmp_path: Path) -> None:
    verifier = with_network(tmp_path, Combination(encoder=1.0, encoder_from=0.0, skipped_logit=-7.0))
    assert score(verifier, A, OTHER) == -1.5 - 7.0
    assert not verifier.ready, "it was not even loaded"
    assert score(verifier, A, B) > 0
    assert verifier.ready


def test_stacked_trees_see_the_logit_as_their_last_column(tmp_path: Path) -> None:
    trees = stumps((len(NAMES), 20.0, -3.0, 4.0))
    verifier = with_network(tmp_path, Combination(kind="stacked", trees=2.0, bias=1.0), stacked=trees)
    low, high = score(verifier, "turn", "port"), score(verifier, OTHER, f"{OTHER} {OTHER}")
    assert (low, high) == (2.0 * -3.0 + 1.0, 2.0 * 4.0 + 1.0)


# The trees say 1.5 of A and B, which have a logit far above 10.
CLAMPED = Combination(encoder=1.0, most_logit=2.0, most_logit_of_turn=6.0)


def test_a_logit_counts_for_no_more_than_the_rule_says(tmp_path: Path) -> None:
    verifier = with_network(tmp_path, CLAMPED)
    assert score(verifier, A, B) == 1.5 + 2.0
    assert verifier.conversation_score(Turns(A), Turns(B)) == 1.5 + 2.0
    assert verifier.conversation_score(conversation(A, "Done."), conversation(B, "Done.")) == 1.5 + 6.0


def test_the_pair_encoder_reads_nothing_that_it_could_not_lift_to_what_is_asked_for(tmp_path: Path) -> None:
    verifier = with_network(tmp_path, CLAMPED)
    assert verifier.conversation_score(Turns(A), Turns(B), at_least=3.6) < 3.6
    assert not verifier.ready, "it was not even loaded"
    assert verifier.conversation_score(Turns(A), Turns(B), at_least=3.5) == 3.5
    assert verifier.ready


def test_long_texts_are_left_to_the_rules(tmp_path: Path) -> None:
    verifier = with_network(tmp_path, CLAMPED)
    filler = "light " * (LONG // 2 // len("light "))
    cached, new = f"{filler} turn on", f"{filler} turn off"
    assert verifier.conversation_score(Turns(cached), Turns(new)) == REFUSED
    assert not verifier.ready, "nothing was read"


def test_turns_may_be_longer_than_questions_but_not_as_long_as_they_like(tmp_path: Path) -> None:
    verifier = with_network(tmp_path, CLAMPED)

    def scored(chars: int) -> float:
        filler = "light " * (chars // 2 // len("light "))
        cached, new = (conversation(f"{filler} turn {way}", "Done.") for way in ("on", "off"))
        return verifier.conversation_score(cached, new)

    assert scored(LONG) > REFUSED
    assert scored(LONG_TURNS) == REFUSED


def test_the_pair_encoder_reads_no_turn_where_another_is_lost_already(tmp_path: Path) -> None:
    verifier = with_network(tmp_path, CLAMPED)
    # The last turn could be lifted, the first could not.
    cached, new = conversation(A, "Done.", A), conversation(OTHER, "Done.", B)
    assert verifier.conversation_score(cached, new, at_least=5.0) < 5.0
    assert not verifier.ready
    assert verifier.conversation_score(cached, new) == -1.5 + 6.0


@settings(deadline=None, max_examples=40)
@given(WORDS, WORDS, st.floats(-8, 8))
def test_what_a_glance_refuses_the_pair_encoder_would_not_have_saved(
    clamped: PairVerifier, one: list[str], other: list[str], at_least: float
) -> None:
    cached, new = Turns(" ".join(one)), Turns(" ".join(other))
    whole = clamped.conversation_score(cached, new)
    found = clamped.conversation_score(cached, new, at_least=at_least)
    assert (found >= at_least) == (whole >= at_least)
    assert found == whole or found < at_least


@pytest.fixture(scope="module")
def clamped(tmp_path_factory: pytest.TempPathFactory) -> PairVerifier:
    return with_network(tmp_path_factory.mktemp("clamped"), CLAMPED)


def test_a_logit_is_not_clamped_where_trees_read_it() -> None:
    with pytest.raises(ValueError, match="in a sum alone"):
        Combination(kind="stacked", most_logit=3.0)


def test_a_manifest_that_knows_no_clamp_is_read_as_before(tmp_path: Path) -> None:
    folder = make_verifier(tmp_path / "1", rule=Combination(encoder=1.0), network=True)
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["combination"]["most_logit"], manifest["combination"]["most_logit_of_turn"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    verifier = PairVerifier.load(folder)
    assert verifier.conversation_score(Turns(A), Turns(B), at_least=20.0) > 20.0


def conversation(*texts: str) -> Turns:
    return Turns(texts)


def test_the_turn_that_is_least_alike_decides(verifier: PairVerifier) -> None:
    cached = conversation(A, "Done.", B)
    assert verifier.conversation_score(cached, conversation(B, "Done.", A)) == 1.5
    assert verifier.conversation_score(cached, conversation(OTHER, "Done.", A)) == -1.5
    assert verifier.conversation_score(cached, conversation(A, "Done.", B)) == ALWAYS


def test_conversations_of_other_lengths_or_with_too_many_changes_are_never_the_same(verifier: PairVerifier) -> None:
    assert verifier.conversation_score(conversation(A), conversation(A, "Done.", A)) == NEVER
    many, others = [[text] * (MAX_CHANGED + 1) for text in (A, B)]
    assert verifier.conversation_score(conversation(*many), conversation(*others)) == NEVER
    assert verifier.conversation_score(conversation(*many[1:]), conversation(*others[1:])) == 1.5


def test_a_turn_below_what_is_asked_for_ends_the_search(verifier: PairVerifier) -> None:
    cached, new = conversation(OTHER, A), conversation("Who?", "close the port")
    assert verifier.conversation_score(cached, new, at_least=0.0) < 0.0
    assert not cached._prepared.keys() & {0}, "the first turn was read although the last had decided"


def test_evidence_of_several_kinds_is_read_back(tmp_path: Path) -> None:
    kinds = {"questions": EVIDENCE, "conversations": Evidence(traps=1000, tail=[9.0] * 30)}
    verifier = PairVerifier.load(make_verifier(tmp_path / "1", evidence=kinds))
    assert verifier.manifest.evidence == kinds
    assert verifier.threshold(0.01) > 9.0
