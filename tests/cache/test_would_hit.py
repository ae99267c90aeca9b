"""The verdict of the shipped setting, as anyone may ask for it."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.cache import would_hit
from router.cache.shipped import BackgroundVerifier, load_or_rules, load_verifier
from router.cache.verify import LearnedVerifier, WordingVerifier
from router.cache.would_hit import verdict
from router.errors import ArtifactError
from router.scoring.pair import SERVED_FROM
from router.scoring.verifier.evidence import ALWAYS
from tests.cache.support import rows
from tests.scoring.verifier.parts import make_verifier

QUESTION = "How do I turn off notifications on my phone?"
# Too long to be left to the rules, and of the same words.
ASKED, TURNED = "turn it on and then open the port", "on turn it and then port the open"
Messages = list[dict[str, Any]]


def user(content: Any, **others: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **others}


def talk(*turns: str) -> Messages:
    return [{"role": "assistant" if place % 2 else "user", "content": turn} for place, turn in enumerate(turns)]


def test_the_shipped_verifier_is_the_learned_one() -> None:
    verifier = load_verifier()
    assert isinstance(verifier, LearnedVerifier)
    assert verifier.name.startswith("verifier/")
    assert verifier.threshold < ALWAYS, "its evidence is too thin for the shipped budget"


def test_what_the_shipped_setting_serves_has_half_or_more() -> None:
    verifier = load_verifier()
    for pair in rows("rewordings.jsonl")[::4] + rows("traps.jsonl")[::20]:
        served = verifier.same(verifier.prepare([pair["a"]]), verifier.prepare([pair["b"]]))
        assert (would_hit(pair["a"], pair["b"]) >= SERVED_FROM) == served, pair


@pytest.mark.parametrize(
    "conversation",
    [
        QUESTION,
        "",
        "   ",
        "\ud800",
        "x" * 5000,
        talk("Hi", "Hello!", QUESTION),
        [user([{"type": "text", "text": "a"}])],
    ],
)
def test_equal_conversations_are_certain(conversation: Any) -> None:
    assert would_hit(conversation, conversation) == 1.0


def test_a_text_its_only_message_and_its_only_part_are_one_question() -> None:
    forms = [QUESTION, [user(QUESTION)], [user([{"type": "text", "text": QUESTION}])]]
    assert {would_hit(one, other) for one in forms for other in forms} == {1.0}


@pytest.mark.parametrize(
    "other",
    [
        [{"role": "assistant", "content": QUESTION}],
        [{"role": "system", "content": "Be brief."}, user(QUESTION)],
        [user(QUESTION, name="Ann")],
        [user([{"type": "text", "text": QUESTION}, {"type": "text", "text": QUESTION}])],
        [user([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}])],
        [user(QUESTION), {"role": "assistant", "content": "Like so."}, user(QUESTION)],
        QUESTION + " " * 5000,
        [],
    ],
)
def test_what_differs_in_more_than_wording_is_never_served(other: Any) -> None:
    assert would_hit(QUESTION, other) == would_hit(other, QUESTION) == 0.0


def test_another_system_prompt_is_another_conversation() -> None:
    one, other = ([{"role": "system", "content": text}, user(QUESTION)] for text in ("Be brief.", "Be funny."))
    assert would_hit(one, other) == 0.0


def test_what_the_cache_passes_by_is_not_served_for_a_rewording() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    before = [user([picture]), {"role": "assistant", "content": "A cat."}]
    assert would_hit([*before, user(QUESTION)], [*before, user(f"{QUESTION} ")]) == 0.0


@pytest.mark.parametrize("message", [{"role": "wizard", "content": "x"}, {"content": "x"}, "hi", None])
def test_a_message_that_is_none_is_refused(message: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        would_hit([message], "x")


def test_the_same_pair_gets_the_same_figure_from_every_thread() -> None:
    pairs = [(pair["a"], pair["b"]) for pair in rows("rewordings.jsonl")[:12]]
    alone = [would_hit(*pair) for pair in pairs]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda pair: would_hit(*pair), pairs * 4))
    assert found == alone * 4


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_have_a_figure_that_does_not_depend_on_their_order(one: str, other: str) -> None:
    found = would_hit(one, other)
    assert 0.0 <= found <= 1.0
    assert found == would_hit(other, one)
    assert would_hit(one, one) == 1.0


ROLES = st.sampled_from(["system", "user", "assistant"])
CONTENT = st.one_of(st.text(max_size=20), st.none(), st.lists(st.builds(dict, type=st.just("text"), text=st.text())))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.builds(lambda role, content: {"role": role, "content": content}, ROLES, CONTENT), max_size=3))
def test_every_valid_conversation_has_a_figure(messages: Messages) -> None:
    assert 0.0 <= would_hit(messages, "x") <= 1.0
    assert would_hit(messages, messages) == (1.0 if messages else 0.0)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return make_verifier(tmp_path / "1")


def test_any_verifier_can_be_asked(tiny: Path) -> None:
    verifier = load_verifier(tiny)
    assert verdict(verifier, ASKED, TURNED) > SERVED_FROM
    assert verdict(verifier, ASKED, "close the port") < SERVED_FROM
    assert verdict(verifier, talk(ASKED, "Done.", "off"), talk(TURNED, "Done.", "off")) > SERVED_FROM


def test_a_smaller_budget_serves_no_more(tiny: Path) -> None:
    strict, shipped = (load_verifier(tiny, max_wrong=budget) for budget in (0.0001, 0.01))
    assert verdict(strict, ASKED, TURNED) < SERVED_FROM <= verdict(shipped, ASKED, TURNED)


def test_without_a_verifier_the_rules_judge_and_one_warning_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        verifier = load_or_rules(partial(load_verifier, tmp_path / "none"))
    assert isinstance(verifier, WordingVerifier)
    (record,) = caplog.records
    assert "none" in record.getMessage()
    with pytest.raises(ArtifactError, match="none"):
        load_verifier(tmp_path / "none")


def test_the_rules_judge_until_the_verifier_is_loaded(tiny: Path) -> None:
    verifier = BackgroundVerifier(partial(load_verifier, tiny))
    cached, new = verifier.prepare(ASKED), verifier.prepare(TURNED)
    assert verifier.name == "wording rules"
    assert not verifier.same(cached, new)
    verifier.start()
    assert verifier.wait().name == verifier.name == "tiny/1"
    assert verifier.same(cached, new)
    assert verifier.probability(cached, new) >= SERVED_FROM
    assert verifier.score(cached, new) >= verifier.threshold


def test_the_thread_that_loads_is_no_daemon_even_where_a_daemon_starts_it() -> None:
    asked = threading.Event()
    daemons: list[bool] = []

    def load() -> WordingVerifier:
        daemons.append(threading.current_thread().daemon)
        asked.set()
        return WordingVerifier()

    threading.Thread(target=lambda: BackgroundVerifier(load).start(), daemon=True).start()
    assert asked.wait(10)
    assert daemons == [False]
