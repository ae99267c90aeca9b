"""Conversations are recognised by what was asked before, and stay on the strong model where leaving costs more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.ledger.prices import ModelRef, Prices
from router.sticky import InMemory, Stickiness, trail
from router.sticky.memory import Stay
from router.sticky.stickiness import LEAST_TOKENS, MARGIN, WARM_S, worth_leaving
from router.types import Message, Usage

PRICES = Prices()
LOCAL = ModelRef("local", "small")
OPUS = ModelRef("anthropic", "claude-opus-4-5")  # cached tokens at a tenth of the price
GPT = ModelRef("openai", "gpt-4.1")  # at a quarter
MINI = ModelRef("openai", "gpt-4o-mini")
NOBODY = ModelRef(None, "nobody-knows-it")

TURNS = [
    Message(role="system", content="Be brief."),
    Message(role="user", content="Prove it."),
    Message(role="assistant", content="Which part?"),
    Message(role="user", content="All of it."),
    Message(role="assistant", tool_calls=[{"id": "1", "type": "function", "function": {"name": "look"}}]),
    Message(role="tool", tool_call_id="1", content="{}"),
    Message(role="assistant", content="Done."),
    Message(role="user", content="And now?"),
]


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def stickiness(clock: Clock | None = None) -> Stickiness:
    clock = clock or Clock()
    return Stickiness(InMemory(clock), clock, PRICES)


def stays(sticky: Stickiness, turns: list[Message] = TURNS, *, tenant: str = "t", **more: Any) -> bool:
    given_: dict[str, Any] = {"weak": LOCAL, "strong": OPUS, "between": lambda: 0.5, **more}
    return sticky.stays(trail(tenant, turns), turns, **given_)


def answered(sticky: Stickiness, turns: int = 6, *, tokens: int = 50_000, model: str = OPUS.model, **more: Any) -> None:
    usage = Usage(prompt_tokens=tokens, completion_tokens=100, cache_written_tokens=more.pop("written", tokens))
    sticky.answered(trail("t", TURNS[:turns]), **{"route": "strong", "model": model, "usage": usage, **more})


@pytest.mark.parametrize("turns", [2, 4, 6])
def test_a_request_that_goes_on_with_a_conversation_is_known_by_each_of_its_earlier_requests(turns: int) -> None:
    own = trail("t", TURNS[:turns]).own
    assert own in [key for key, _ in trail("t", TURNS).known]
    assert own not in [key for key, _ in trail("another tenant", TURNS).known]


@given(st.integers(1, 7), st.sampled_from(["content", "role", "name"]))
def test_another_word_in_an_earlier_turn_is_another_conversation(at: int, field: str) -> None:
    changed = list(TURNS)
    other = {"content": "other", "role": "developer", "name": "x"}[field]
    changed[at - 1] = Message(**{"role": TURNS[at - 1].role, "content": TURNS[at - 1].content, field: other})
    covering = {key for key, covered in trail("t", TURNS).known if covered >= at}
    assert covering.isdisjoint(key for key, _ in trail("t", changed).known)


def test_two_long_texts_that_differ_in_length_or_at_their_ends_are_told_apart() -> None:
    texts = ["x" * 20_000, "x" * 20_001, "y" + "x" * 19_999, "x" * 19_999 + "y"]
    assert len({trail("t", [Message(role="user", content=text)]).own for text in texts}) == 4


def test_a_request_without_an_answer_in_it_has_no_earlier_part() -> None:
    assert trail("t", TURNS[:2]).known == ()


def test_a_long_conversation_stays_where_the_strong_models_cache_is_cheap() -> None:
    sticky = stickiness()
    answered(sticky)
    assert stays(sticky)
    assert not stays(sticky, tenant="another")
    assert not stays(sticky, TURNS[:2])
    assert not stays(sticky, strong=ModelRef("anthropic", "claude-sonnet-4-5"))


def test_the_newest_answer_counts() -> None:
    sticky = stickiness()
    answered(sticky, 4)
    answered(sticky, 6, route="weak", model="small")
    assert not stays(sticky)


def test_a_conversation_whose_cache_has_gone_cold_is_free_to_move() -> None:
    clock = Clock()
    sticky = stickiness(clock)
    answered(sticky)
    clock.now += WARM_S + 1
    assert not stays(sticky)


def test_a_provider_that_was_not_asked_to_keep_the_prompt_holds_nothing() -> None:
    sticky = stickiness()
    answered(sticky, written=0)
    assert not stays(sticky)
    answered(sticky, written=0, model="gpt-5")
    assert stays(sticky, strong=ModelRef("openai", "gpt-5"))


def test_moving_pays_where_history_is_short_or_the_discount_small() -> None:
    assert worth_leaving(PRICES, LOCAL, OPUS, held=LEAST_TOKENS - 1, new=50) is True
    assert worth_leaving(PRICES, LOCAL, OPUS, held=3_000, new=50) is True
    assert worth_leaving(PRICES, LOCAL, OPUS, held=20_000, new=50) is False
    assert worth_leaving(PRICES, LOCAL, GPT, held=500_000, new=50) is True
    assert worth_leaving(PRICES, MINI, GPT, held=5_000, new=50) is True
    assert worth_leaving(PRICES, MINI, GPT, held=100_000, new=50) is False


def test_without_prices_a_conversation_stays_unless_its_win_rate_is_clearly_lower() -> None:
    sticky = stickiness()
    answered(sticky, model=NOBODY.model)
    assert worth_leaving(PRICES, LOCAL, NOBODY, held=20_000, new=50) is None
    assert stays(sticky, strong=NOBODY, between=lambda: MARGIN / 2)
    assert not stays(sticky, strong=NOBODY, between=lambda: 2 * MARGIN)


def test_where_nobody_is_billed_prices_do_not_tell() -> None:
    assert worth_leaving(PRICES, LOCAL, ModelRef("local", "large"), held=20_000, new=50) is None


def test_the_memory_forgets_by_age_and_beyond_its_size() -> None:
    clock = Clock()
    memory = InMemory(clock, kept_s=60, most=2)
    for number in range(3):
        memory.put(b"%d" % number, Stay("strong", "m", 1, clock()))
    assert memory.get(b"0") is None
    assert memory.get(b"2") is not None
    clock.now += 61
    assert memory.get(b"2") is None
