"""What a request needs of a model, found in its fields; and whether a prompt fits, by an estimate that has an error."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.catalogue import Abilities
from router.needs import ROOM, Needs, shortfall
from router.types import ChatRequest

TOOL = {"type": "function", "function": {"name": "look", "parameters": {}}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
AUDIO = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
FILE = {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}


def needs(*contents: Any, **fields: Any) -> Needs:
    messages = [{"role": "user", "content": content} for content in contents or ("hi",)]
    body = {"messages": messages, **fields}
    return Needs(msgspec.convert(body, ChatRequest), body)


@pytest.mark.parametrize(
    ("asked", "ability", "field"),
    [
        (needs(tools=[TOOL]), "tools", "tools"),
        (needs(functions=[{"name": "look"}]), "tools", "functions"),
        (needs("hi", [IMAGE]), "images", "messages[1].content"),
        (needs([{"type": "input_image", "image_url": "x"}]), "images", "messages[0].content"),
        (needs([AUDIO]), "audio", "messages[0].content"),
        (needs(modalities=["text", "audio"]), "audio", "modalities"),
        (needs(audio={"voice": "alloy", "format": "wav"}), "audio", "audio"),
        (needs([FILE]), "files", "messages[0].content"),
        (needs([{"type": "document", "source": {}}]), "files", "messages[0].content"),
        (needs(response_format={"type": "json_object"}), "json_mode", "response_format"),
        (needs(response_format={"type": "json_schema", "json_schema": {}}), "json_schema", "response_format"),
    ],
)
def test_a_field_that_asks_for_an_ability_is_found(asked: Needs, ability: Any, field: str) -> None:
    assert asked.abilities == {ability: field}
    lacks = shortfall(asked, Abilities(**{ability: False}))
    assert lacks is not None
    assert (lacks.reason, lacks.field, lacks.what) == ("capability", field, ability.replace("_", " "))
    assert shortfall(asked, Abilities()) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 3},
        {"logprobs": True, "top_logprobs": 5},
        {"seed": 1},
        {"stop": ["x"]},
        {"tools": []},
        {"response_format": {"type": "text"}},
        {"response_format": "json"},
        {"modalities": ["text"]},
        {"modalities": "audio"},
        {"reasoning_effort": "high"},
    ],
)
def test_sampling_and_what_is_empty_needs_nothing(fields: dict[str, Any]) -> None:
    assert needs(**fields).abilities == {}


def test_a_conversation_that_used_tools_needs_them_still() -> None:
    body: dict[str, Any] = {
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "look"}}]},
            {"role": "tool", "tool_call_id": "1", "content": "{}"},
        ]
    }
    assert Needs(msgspec.convert(body, ChatRequest), body).abilities == {"tools": "messages[1]"}


def test_a_prompt_that_may_be_too_long_is_told_from_one_that_is() -> None:
    words = needs("word " * 1_000)  # 1,000 tokens and a few by any tokenizer
    assert words.prompt.low < 1_000 < words.prompt.high
    fits, perhaps, never = (shortfall(words, Abilities(context=context)) for context in (2_000, 1_200, 500))
    assert fits is None
    assert perhaps is not None
    assert never is not None
    assert (perhaps.reason, perhaps.certain) == ("context", False)
    assert (never.reason, never.certain) == ("context", True)


def test_the_answer_that_is_asked_for_needs_room_too() -> None:
    window = Abilities(context=4_096)
    assert shortfall(needs("word " * 1_000), window) is None
    for field in ("max_tokens", "max_completion_tokens"):
        lacks = shortfall(needs("word " * 1_000, **{field: 3_500}), window)
        assert lacks is not None
        assert not lacks.certain


def test_an_answer_longer_than_a_model_gives_is_an_ability_that_it_lacks() -> None:
    lacks = shortfall(needs(max_tokens=10_000), Abilities(max_output=4_096))
    assert lacks is not None
    assert (lacks.reason, lacks.field, lacks.takes) == ("capability", "max_tokens", "4096 at most")
    assert shortfall(needs(max_tokens=-1), Abilities(max_output=4_096)) is None


@given(st.text(max_size=400), st.integers(1, 4_000))
def test_a_prompt_with_fewer_bytes_than_the_window_has_tokens_always_fits(text: str, spare: int) -> None:
    asked = needs(text or "x")
    assert shortfall(asked, Abilities(context=asked.bytes + ROOM + spare)) is None
    assert asked.prompt.low <= asked.prompt.likely <= asked.prompt.high


def test_base64_counts_as_what_it_may_be() -> None:
    assert needs("QUJD" * 5_000).prompt.high >= 15_000


def test_a_long_text_is_estimated_by_slices_of_it() -> None:
    sentence = "The quick brown fox jumps over the lazy dog, again and again. "
    whole, sampled = needs(sentence * 200).prompt.likely, needs(sentence * 4_000).prompt.likely
    assert sampled == pytest.approx(20 * whole, rel=0.05)
