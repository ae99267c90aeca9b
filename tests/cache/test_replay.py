"""Between whole answers and streams, both ways, without loss."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.cache.fold import StreamFold, read_answer
from router.cache.replay import MAX_PIECES, pieces_of, replay
from router.types import Usage
from tests.cache.support import completion

USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}


def chunk(delta: dict[str, Any] | None = None, *, index: int = 0, finish: str | None = None, **rest: Any) -> bytes:
    choice = {"index": index, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    envelope = {"id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "m"}
    return msgspec.json.encode({**envelope, "choices": [choice], **rest})


def fold(*payloads: bytes) -> StreamFold:
    stream = StreamFold()
    for payload in payloads:
        stream.add(payload)
    return stream


def whole(stream: StreamFold) -> dict[str, Any]:
    folded = stream.body()
    assert folded is not None
    return msgspec.json.decode(folded)


LIVE = (
    chunk({"role": "assistant", "content": "", "refusal": None}, system_fingerprint="fp"),
    chunk({"content": "Pa"}),
    chunk({"content": "ris."}),
    chunk(finish="stop"),
    msgspec.json.encode(
        {"id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "m", "choices": [], "usage": USAGE}
    ),
)


def test_a_live_stream_folds_into_the_answer_it_told() -> None:
    assert whole(fold(*LIVE)) == {
        "id": "c1",
        "object": "chat.completion",
        "created": 5,
        "model": "m",
        "system_fingerprint": "fp",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Paris.", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
    }


def test_the_fold_knows_at_every_chunk_how_far_the_answer_is() -> None:
    stream = StreamFold()
    seen = []
    for payload in LIVE:
        stream.add(payload)
        seen.append((stream.started, stream.finished, stream.finish_reason, stream.text()))
    assert seen == [
        (False, False, None, ""),
        (True, False, None, "Pa"),
        (True, False, None, "Paris."),
        (True, True, "stop", "Paris."),
        (True, True, "stop", "Paris."),
    ]
    assert stream.usage == Usage(prompt_tokens=7, completion_tokens=2)


def test_tool_calls_come_together_from_their_pieces() -> None:
    stream = fold(
        chunk({"role": "assistant", "content": None}),
        chunk(
            {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]}
        ),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"x":'}}]}),
        chunk(
            {"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}}]}
        ),
        chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "", "arguments": "1}"}}]}),
        chunk(finish="tool_calls"),
    )
    message = whole(stream)["choices"][0]["message"]
    assert stream.started
    assert message["content"] is None
    assert message["tool_calls"] == [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]


def test_a_tool_call_in_very_many_pieces_comes_together() -> None:
    piece = chunk({"tool_calls": [{"index": 0, "function": {"arguments": "abc"}}]})
    call = whole(fold(*[piece] * 20_000))["choices"][0]["message"]["tool_calls"][0]
    assert call == {"function": {"arguments": "abc" * 20_000}}


def test_several_choices_are_kept_apart_and_in_order() -> None:
    stream = fold(chunk({"content": "b"}, index=1), chunk({"content": "a"}), chunk(finish="stop"))
    assert not stream.finished
    stream.add(chunk(index=1, finish="length"))
    assert stream.finished
    assert stream.finish_reason == "stop"
    assert [choice["message"]["content"] for choice in whole(stream)["choices"]] == ["a", "b"]
    assert [choice["finish_reason"] for choice in whole(stream)["choices"]] == ["stop", "length"]


def test_fields_that_nobody_told_us_about_are_kept() -> None:
    stream = fold(
        chunk({"role": "assistant", "reasoning_content": "Let me "}, service_tier="default"),
        chunk({"reasoning_content": "think.", "annotations": [{"url": "u", "index": 4}]}),
        chunk({"content": "Hi", "annotations": [{"url": "v"}]}, x_provider={"queue": 1}),
        chunk(finish="stop"),
    )
    message = whole(stream)["choices"][0]["message"]
    assert message["reasoning_content"] == "Let me think."
    assert message["annotations"] == [{"url": "u", "index": 4}, {"url": "v"}]
    assert (whole(stream)["service_tier"], whole(stream)["x_provider"]) == ("default", {"queue": 1})


def test_refusals_and_logprobs_are_gathered() -> None:
    def scored(text: str) -> bytes:
        part = {"index": 0, "delta": {"refusal": text}, "logprobs": {"content": None, "refusal": [{"token": text}]}}
        return msgspec.json.encode({"id": "c", "choices": [part]})

    choice = whole(fold(scored("I "), scored("can't."), chunk(finish="stop")))["choices"][0]
    assert choice["message"]["refusal"] == "I can't."
    assert choice["logprobs"] == {"content": None, "refusal": [{"token": "I "}, {"token": "can't."}]}


def test_reasoning_counts_as_a_first_token() -> None:
    assert fold(chunk({"reasoning_content": "Hm"})).started
    assert not fold(chunk({"role": "assistant", "content": ""})).started


def test_an_error_inside_the_stream_is_seen_and_nothing_is_cached() -> None:
    stream = fold(LIVE[0], LIVE[1], b'{"error": {"message": "overloaded"}}')
    assert stream.error == {"message": "overloaded"}
    assert not stream.finished
    assert stream.body() is None
    assert stream.text() == "Pa"


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"\xff", b'{"choices": [{"index": "x"}]}', b'{"choices": {}}'])
def test_a_chunk_that_cannot_be_read_raises_nothing_and_caches_nothing(payload: bytes) -> None:
    stream = fold(*LIVE, payload)
    assert stream.body() is None
    assert stream.finish_reason == "stop"
    assert stream.usage is not None


NESTED = b"[" * 50_000 + b"]" * 50_000
TOOL = chunk({"tool_calls": [{"index": 0, "function": {"arguments": "a"}}]})


@pytest.mark.parametrize(
    "payload",
    [
        b'{"choices": [{"index": 0, "delta": {"x": ' + NESTED + b"}}]}",
        TOOL.replace(b'"tool_calls":[{"index":0', b'"tool_calls":[{"index":"x"'),
        TOOL.replace(b'"tool_calls":[{"index":0', b'"tool_calls":[{"index":-3'),
        b'{"choices": [{"index": 0, "delta": {"content": "a"}}], "junk": "\xff"}',
        b'{"choices": [{"index": 0, "delta": {"content": "a"}}], "junk": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_chunk_that_does_not_fit_together_still_settles(payload: bytes) -> None:
    stream = fold(chunk({"content": "so far"}), payload)
    assert stream.body() is None
    assert stream.text().startswith("so far")


@pytest.mark.parametrize("count", [2**40 + 1, 10**30])
def test_a_token_count_beyond_belief_is_not_taken_for_usage(count: int) -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": count}
    assert fold(chunk(finish="stop", usage=usage)).usage is None
    assert read_answer(msgspec.json.encode(completion() | {"usage": usage})).usage is None
    details = {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": count}}
    assert fold(chunk(finish="stop", usage=details)).usage == Usage(prompt_tokens=3)


def test_facts_of_an_answer_nested_without_end_are_absent() -> None:
    assert read_answer(b'{"choices": ' + NESTED + b"}").text == ""


def test_a_stream_without_choices_is_no_answer() -> None:
    assert fold().body() is None
    assert fold(b"{}").body() is None
    assert not fold(b"{}").finished


def test_an_answer_beyond_the_bound_still_settles_but_has_no_body() -> None:
    stream = StreamFold(max_bytes=400)
    for payload in LIVE:
        stream.add(payload)
    assert stream.body() is None
    assert stream.finished
    assert stream.usage is not None


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (USAGE, Usage(prompt_tokens=7, completion_tokens=2)),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(prompt_tokens=9, completion_tokens=5, cached_tokens=4, reasoning_tokens=3),
        ),
        ({"prompt_tokens": "many", "completion_tokens": -1, "prompt_tokens_details": None}, Usage()),
        (None, None),
        ({}, None),
        ([], None),
    ],
)
def test_usage_is_read_from_a_whole_answer(usage: Any, expected: Usage | None) -> None:
    facts = read_answer(msgspec.json.encode({**completion("Paris."), "usage": usage}))
    assert (facts.usage, facts.finish_reason, facts.model, facts.text) == (expected, "stop", "m", "Paris.")


@pytest.mark.parametrize("raw", [b"", b"nonsense", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{}], "model": 3}'])
def test_facts_of_something_odd_are_absent(raw: bytes) -> None:
    facts = read_answer(raw)
    assert (facts.finish_reason, facts.usage, facts.model, facts.text) == (None, None, None, "")


def test_a_replay_is_framed_as_a_live_stream_is() -> None:
    body = msgspec.json.encode(completion("Paris is the capital of France, and has been for centuries."))
    events = [msgspec.json.decode(payload) for payload in replay(body, include_usage=False)]
    deltas = [event["choices"][0]["delta"] for event in events]
    assert {event["object"] for event in events} == {"chat.completion.chunk"}
    assert {(event["id"], event["created"], event["model"]) for event in events} == {("chatcmpl-1", 1, "m")}
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert len(deltas) > 3
    assert deltas[-1] == {}
    assert [event["choices"][0]["finish_reason"] for event in events] == [None] * (len(events) - 1) + ["stop"]
    assert not any("usage" in event for event in events)


def test_usage_comes_last_and_only_when_asked_for() -> None:
    body = msgspec.json.encode(completion())
    events = [msgspec.json.decode(payload) for payload in replay(body, include_usage=True)]
    assert events[-1]["choices"] == []
    assert events[-1]["usage"] == USAGE
    assert all(event["usage"] is None for event in events[:-1])


def test_a_replay_of_raw_json_needs_no_copy() -> None:
    raw = msgspec.Raw(msgspec.json.encode(completion()))
    assert list(replay(raw, include_usage=False)) == list(replay(bytes(raw), include_usage=False))


@given(st.text(max_size=400))
def test_pieces_join_into_the_text(text: str) -> None:
    assert "".join(pieces_of(text)) == text
    assert all(pieces_of(text))


def test_a_long_text_is_not_cut_into_endless_pieces() -> None:
    assert len(list(pieces_of("word " * 100_000))) <= MAX_PIECES


LABELS = st.text(st.characters(categories=("Ll",)), min_size=1, max_size=6)
TEXT = st.text(max_size=60)
CALLS = st.lists(
    st.builds(
        lambda name, arguments: {"id": name, "type": "function", "function": {"name": name, "arguments": arguments}},
        LABELS,
        TEXT,
    ),
    min_size=1,
    max_size=3,
)
MESSAGES = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.none() | TEXT},
    optional={
        "refusal": st.none() | TEXT,
        "tool_calls": CALLS,
        "reasoning_content": TEXT,
        "annotations": st.lists(st.dictionaries(LABELS, TEXT | st.integers(0, 9), max_size=2), max_size=2),
    },
)
LOGPROBS = st.none() | st.fixed_dictionaries({"content": st.lists(st.fixed_dictionaries({"token": TEXT}), max_size=3)})


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    choices = [
        {
            "index": index,
            "message": draw(MESSAGES),
            "logprobs": draw(LOGPROBS),
            "finish_reason": draw(st.sampled_from(["stop", "length", "tool_calls"])),
        }
        for index in range(draw(st.integers(1, 3)))
    ]
    extras = draw(st.dictionaries(LABELS.map("x_".__add__), TEXT | st.integers(0, 9), max_size=2))
    head = {"id": draw(LABELS), "object": "chat.completion", "created": 3, "model": draw(LABELS)}
    return {**head, **extras, "choices": choices, "usage": USAGE}


@given(bodies())
def test_folding_a_replay_gives_the_answer_back(body: dict[str, Any]) -> None:
    stream = fold(*replay(msgspec.json.encode(body), include_usage=True))
    assert whole(stream) == body
    assert stream.finished
    assert stream.usage == Usage(prompt_tokens=7, completion_tokens=2)


@given(bodies())
def test_without_usage_the_replay_loses_nothing_else(body: dict[str, Any]) -> None:
    stream = fold(*replay(msgspec.json.encode(body), include_usage=False))
    assert whole(stream) == {name: value for name, value in body.items() if name != "usage"}


@given(st.lists(st.tuples(st.integers(0, 2), TEXT), min_size=1, max_size=8))
def test_folding_twice_changes_nothing(parts: list[tuple[int, str]]) -> None:
    live = [chunk({"content": text}, index=index) for index, text in parts]
    ends = [chunk(index=index, finish="stop") for index in {index for index, _ in parts}]
    once = fold(*live, *ends).body()
    assert once is not None
    assert fold(*replay(once, include_usage=True)).body() == once
