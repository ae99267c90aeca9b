"""An answer of any model, told in Anthropic's protocol: whole, or in events of whatever chunking."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import Message
from hypothesis import given
from hypothesis import strategies as st

from router.dialects import MESSAGES, Asked
from router.errors import InternalError, UpstreamBroken, UpstreamRefused
from tests.dialects.folding import check_order, events_of, folded

Json = dict[str, Any]

USAGE: Json = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "prompt_tokens_details": {"cached_tokens": 60, "cache_creation_tokens": 30},
    "completion_tokens_details": {"reasoning_tokens": 7},
}
TOLD_USAGE: Json = {
    "input_tokens": 10,
    "cache_read_input_tokens": 60,
    "cache_creation_input_tokens": 30,
    "output_tokens": 20,
    "output_tokens_details": {"thinking_tokens": 7},
}


def asked(**fields: Any) -> Asked:
    body = {"max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}], **fields}
    return MESSAGES.parse(json.dumps(body).encode(), headers={}, max_messages=100)


THINKING = {"thinking": {"type": "enabled", "budget_tokens": 2000}}


def completion(message: Json, finish_reason: str | None = "stop", **choice: Any) -> bytes:
    told = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason, **choice}
    return json.dumps({"id": "chatcmpl-1", "model": "m", "choices": [told], "usage": USAGE}).encode()


def chunk(delta: Json, finish_reason: str | None = None, **choice: Any) -> bytes:
    told = {"index": 0, "delta": delta, "finish_reason": finish_reason, **choice}
    return json.dumps({"id": "chatcmpl-1", "model": "m", "choices": [told]}).encode()


def usage_chunk() -> bytes:
    return json.dumps({"id": "chatcmpl-1", "model": "m", "choices": [], "usage": USAGE}).encode()


def whole(message: Json, finish_reason: str | None = "stop", *, to: Asked | None = None, **choice: Any) -> Json:
    told: Json = json.loads(MESSAGES.whole(completion(message, finish_reason, **choice), to or asked()))
    Message.model_validate(told)
    return told


def streamed(*chunks: bytes, to: Asked | None = None) -> list[Json]:
    stream = MESSAGES.stream(to or asked())
    return events_of(b"".join([*map(stream.feed, chunks), stream.end()]))


def call(name: str, arguments: str, call_id: str = "call_1") -> Json:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


# Whole answers.


def test_a_text_is_a_message_with_its_usage_as_anthropic_counts() -> None:
    assert whole({"content": "Hi."}) == {
        "id": "msg_chatcmpl-1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "Hi."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": TOLD_USAGE,
    }


@pytest.mark.parametrize(
    ("finish_reason", "choice", "told"),
    [
        ("stop", {}, ("end_turn", None)),
        ("length", {}, ("max_tokens", None)),
        ("content_filter", {}, ("refusal", None)),
        (None, {}, ("end_turn", None)),
        ("eos", {}, ("end_turn", None)),
        ("stop", {"stop_sequence": "END"}, ("stop_sequence", "END")),
        ("stop", {"stop_reason": "END"}, ("stop_sequence", "END")),  # as vLLM says it
        ("stop", {"stop_reason": 128001}, ("end_turn", None)),  # vLLM again: a token's number
        ("stop", {"stop_reason": "pause_turn"}, ("pause_turn", None)),
    ],
)
def test_why_an_answer_ended(finish_reason: str | None, choice: Json, told: tuple[str, str | None]) -> None:
    message = whole({"content": "Hi."}, finish_reason, to=asked(stop_sequences=["END"]), **choice)
    assert (message["stop_reason"], message["stop_sequence"]) == told


def test_tool_calls_are_blocks_with_their_input_read() -> None:
    message = whole({"content": None, "tool_calls": [call("f", '{"a": [1]}', "functions.f:0"), call("g", "")]})
    assert message["stop_reason"] == "tool_use"  # whatever the server called it
    assert message["content"] == [
        {"type": "tool_use", "id": "functions_f_0", "name": "f", "input": {"a": [1]}},
        {"type": "tool_use", "id": "call_1", "name": "g", "input": {}},
    ]


@pytest.mark.parametrize("arguments", ["{", "[1]", "7", "not JSON", "\ud800"])
def test_an_input_that_is_no_object_is_kept_as_the_text_it_is(arguments: str) -> None:
    answer = completion({"tool_calls": [call("f", "?")]}).replace(b'"?"', json.dumps(arguments).encode())
    if arguments == "\ud800":
        with pytest.raises(UpstreamBroken):
            MESSAGES.whole(answer, asked())
        return
    assert json.loads(MESSAGES.whole(answer, asked()))["content"][0]["input"] == {"INVALID_JSON": arguments}


def test_reasoning_is_shown_to_those_who_asked_for_thinking() -> None:
    for field in ("reasoning_content", "reasoning"):
        answer = {"content": "Hi.", field: "Hm."}
        thought = {"type": "thinking", "thinking": "Hm.", "signature": ""}
        assert whole(answer, to=asked(**THINKING))["content"] == [thought, {"type": "text", "text": "Hi."}]
        assert whole(answer)["content"] == [{"type": "text", "text": "Hi."}]
        disabled = asked(thinking={"type": "disabled"})
        assert whole(answer, to=disabled)["content"] == [{"type": "text", "text": "Hi."}]


def test_anthropics_own_thinking_comes_back_as_it_was_signed() -> None:
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "s"}, {"type": "redacted_thinking", "data": "x"}]
    answer = {"content": "Hi.", "reasoning_content": "Hm.", "thinking_blocks": blocks}
    assert whole(answer)["content"][:2] == blocks


def test_a_refusal_and_a_list_of_parts_are_texts() -> None:
    assert whole({"content": None, "refusal": "No."})["content"] == [{"type": "text", "text": "No."}]
    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "A"}, {"type": "text", "text": "B"}]
    assert whole({"content": parts})["content"] == [{"type": "text", "text": "AB"}]


@pytest.mark.parametrize("answer", [b"{}", b"[]", b'{"choices": []}', b'{"choices": [{"message": 7}]}', b"nonsense"])
def test_what_is_no_answer_is_an_upstreams_failure(answer: bytes) -> None:
    with pytest.raises(UpstreamBroken):
        MESSAGES.whole(answer, asked())


# Streams.


def test_the_events_of_a_text() -> None:
    events = streamed(chunk({"role": "assistant", "content": ""}), chunk({"content": "Hi."}), chunk({}, "length"))
    check_order(events)
    assert [event["type"] for event in events[2:-2]] == [
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
    ]
    assert events[-2]["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}


def test_each_piece_is_told_as_soon_as_it_is_there() -> None:
    stream = MESSAGES.stream(asked())
    assert events_of(stream.feed(chunk({"content": "A"})))[-1]["delta"] == {"type": "text_delta", "text": "A"}
    assert events_of(stream.feed(chunk({"content": "B"})))[-1]["delta"] == {"type": "text_delta", "text": "B"}
    begun = chunk({"tool_calls": [{"index": 0, **call("f", "")}]})
    assert events_of(stream.feed(begun))[-1]["type"] == "content_block_start"
    more = chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a'}}]})
    assert events_of(stream.feed(more))[-1]["delta"] == {"type": "input_json_delta", "partial_json": '{"a'}


def test_a_parallel_call_is_told_as_soon_as_the_one_before_it_is_whole() -> None:
    stream = MESSAGES.stream(asked())
    stream.feed(chunk({"tool_calls": [{"index": 0, **call("f", '{"a": "}')}]}))
    # The brace stands in a string: the first call is not at its end, so that the second must wait.
    assert stream.feed(chunk({"tool_calls": [{"index": 1, **call("g", "{")}]})) == b""
    events = events_of(stream.feed(chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"}'}}]})))
    assert [event["type"] for event in events] == [
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
    ]


def test_a_call_whose_name_comes_late_keeps_its_id() -> None:
    events = streamed(
        chunk({"tool_calls": [{"index": 0, "id": "call_9", "function": {"arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"name": "f"}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a": 1}'}}]}, "tool_calls"),
    )
    assert folded(events)["content"] == [{"type": "tool_use", "id": "call_9", "name": "f", "input": {"a": 1}}]


def test_arguments_that_a_server_did_not_write_out_are_kept() -> None:
    function: Json = {"name": "f", "arguments": {"a": 1}}
    events = streamed(chunk({"tool_calls": [{"index": 0, "id": "c", "function": function}]}, "tool_calls"))
    assert folded(events)["content"] == [{"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}]


def test_a_stream_without_a_finish_reason_is_not_whole() -> None:
    with pytest.raises(UpstreamBroken, match="no end"):
        streamed(chunk({"content": "Hi"}))


def test_blank_pieces_after_a_call_are_nothing_and_others_an_error() -> None:
    begun = [chunk({"tool_calls": [{"index": n, **call("f", "{}")}]}) for n in (0, 1)]
    late = {"index": 0, "function": {"arguments": " "}}
    check_order(streamed(*begun, chunk({"tool_calls": [late]}, "tool_calls")))
    late["function"] = {"arguments": "{}"}
    with pytest.raises(UpstreamBroken, match="goes on after its end"):
        streamed(*begun, chunk({"tool_calls": [late]}))


def test_a_call_without_a_name_is_an_upstreams_failure() -> None:
    with pytest.raises(UpstreamBroken, match="no name"):
        streamed(chunk({"tool_calls": [{"index": 0, "id": "x", "function": {"arguments": "{}"}}]}, "tool_calls"))


def test_signatures_follow_the_text_that_they_sign() -> None:
    first, second = ({"type": "thinking", "thinking": text, "signature": text.lower()} for text in ("A", "B"))
    hidden = {"type": "redacted_thinking", "data": "x"}
    events = streamed(
        chunk({"reasoning_content": "A"}),
        chunk({"thinking_blocks": [first]}),  # whole, though its text has been told
        chunk({"thinking_blocks": [hidden]}),
        chunk({"reasoning_content": "B"}),
        chunk({"thinking_blocks": [{**second, "thinking": ""}]}),  # the signature alone
        chunk({"content": "Hi."}, "stop"),
        to=asked(**THINKING),
    )
    check_order(events)
    assert folded(events)["content"] == [first, hidden, second, {"type": "text", "text": "Hi."}]


def test_a_replayed_answer_is_told_with_its_thinking_once() -> None:
    blocks = [{"type": "thinking", "thinking": text, "signature": text.lower()} for text in ("A", "B")]
    opening = {"role": "assistant", "reasoning_content": "AB", "thinking_blocks": blocks, "content": "Hi."}
    events = streamed(chunk(opening), chunk({}, "stop"), to=asked(**THINKING))
    assert folded(events)["content"] == [*blocks, {"type": "text", "text": "Hi."}]


def test_a_choice_that_has_no_index_is_the_first() -> None:
    assert folded(streamed(chunk({"content": "Hi."}, "stop", index=None)))["content"] == [
        {"type": "text", "text": "Hi."}
    ]


def test_other_choices_are_left_out() -> None:
    events = streamed(chunk({"content": "A"}), chunk({"content": "B"}, index=1), chunk({}, "stop"))
    assert folded(events)["content"] == [{"type": "text", "text": "A"}]


@pytest.mark.parametrize(
    "payload", [b"{", b"[]", b'{"choices": [7]}', b'{"choices": [{"delta": {"tool_calls": [7]}}]}']
)
def test_what_is_no_chunk_is_an_upstreams_failure(payload: bytes) -> None:
    with pytest.raises(UpstreamBroken):
        streamed(payload)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, None, "invalid_request_error"),
        (401, None, "authentication_error"),
        (403, None, "permission_error"),
        (404, None, "not_found_error"),
        (413, None, "request_too_large"),
        (422, None, "invalid_request_error"),
        (429, None, "rate_limit_error"),
        (500, None, "api_error"),
        (503, None, "api_error"),
        (504, None, "timeout_error"),
        (529, None, "overloaded_error"),
        (503, {"type": "overloaded_error", "message": "later"}, "overloaded_error"),
        (400, {"type": "unheard_of", "message": "no"}, "invalid_request_error"),
    ],
)
def test_errors_are_of_anthropics_types(status: int, body: Json | None, kind: str) -> None:
    error = UpstreamRefused("No.", upstream="weak", status=status, body=body)
    told = json.loads(MESSAGES.error(error, "req_1"))
    assert told == {"type": "error", "error": {"type": kind, "message": "No."}, "request_id": "req_1"}
    (event,) = events_of(MESSAGES.stream(asked()).error(error, "req_1"))
    assert event == told


def test_a_fault_of_ours_is_an_api_error() -> None:
    assert json.loads(MESSAGES.error(InternalError("Oh."), "req_1"))["error"]["type"] == "api_error"


# Any answer, cut anyhow.

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
inputs = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), json_values, max_size=3)


@st.composite
def answers(draw: st.DrawFn) -> Json:
    """The message of a ``chat.completion``."""
    message: Json = {}
    if draw(st.booleans()):
        message["reasoning_content"] = draw(texts)
    message["content"] = draw(st.none() | texts)
    calls = draw(st.lists(inputs, max_size=4))
    if calls:
        message["tool_calls"] = [
            call(f"tool_{number}", json.dumps(given), f"call_{number}") for number, given in enumerate(calls)
        ]
    return message


def cut(draw: st.DrawFn, text: str) -> list[str]:
    """A text in pieces, some of them empty."""
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@st.composite
def chunkings(draw: st.DrawFn, message: Json) -> list[Json]:
    """Deltas that tell a message: text in pieces, then its calls, whose pieces come in any order among the calls."""
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    for field in ("reasoning_content", "content"):
        deltas += [{field: piece} for piece in cut(draw, message.get(field) or "")]
    queues = []
    for index, whole_call in enumerate(message.get("tool_calls", ())):
        first, *rest = cut(draw, whole_call["function"]["arguments"])
        function = {"name": whole_call["function"]["name"], "arguments": first}
        opening = {**whole_call, "index": index, "function": function}
        queues.append([opening, *({"index": index, "function": {"arguments": piece}} for piece in rest)])
    while any(queues):
        queue = draw(st.sampled_from([queue for queue in queues if queue]))
        count = draw(st.integers(1, len(queue)))
        deltas.append({"tool_calls": queue[:count]})
        del queue[:count]
    return deltas


@given(st.data())
def test_any_chunking_folds_to_the_whole_answer(data: st.DataObject) -> None:
    message = data.draw(answers())
    deltas = data.draw(chunkings(message))
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    to = asked(**(THINKING if data.draw(st.booleans()) else {}))
    events = streamed(*map(chunk, deltas), chunk({}, finish), usage_chunk(), to=to)
    check_order(events)
    expected = whole(message, finish, to=to)
    # Calls are told in the order in which they began.
    began = list(dict.fromkeys(piece["index"] for delta in deltas for piece in delta.get("tool_calls", ())))
    calls = [block for block in expected["content"] if block["type"] == "tool_use"]
    expected["content"] = [block for block in expected["content"] if block["type"] != "tool_use"]
    expected["content"] += [calls[index] for index in began]
    del expected["stop_sequence"]
    assert folded(events) == expected


@given(st.lists(answers(), min_size=1, max_size=4))
def test_answers_that_come_back_as_history_are_what_the_model_said(said: list[Json]) -> None:
    turns: list[Json] = []
    for message in said:
        told = whole(message, to=asked(**THINKING))["content"]
        turns.append({"role": "user", "content": "Go on."})
        turns.append({"role": "assistant", "content": told or "."})
    history = asked(messages=[*turns, {"role": "user", "content": "Go on."}]).body["messages"]
    for message, back in zip(said, history[1::2], strict=True):
        assert back["role"] == "assistant"
        if message["content"] or message.get("tool_calls"):
            assert (back["content"] or None) == message["content"]
        assert [comparable(call) for call in back.get("tool_calls", ())] == [
            comparable(call) for call in message.get("tool_calls", ())
        ]


def comparable(call: Json) -> Json:
    return {**call, "function": {**call["function"], "arguments": json.loads(call["function"]["arguments"])}}
