"""Chat answers become responses: the same however the answer was cut into chunks, and valid by OpenAI's own types."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from router.dialects import RESPONSES, Asked
from router.dialects.responses.sealed import unseal
from router.errors import InternalError, UpstreamBroken, UpstreamRefused

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 4,
    "total_tokens": 13,
    "prompt_tokens_details": {"cached_tokens": 2, "cache_creation_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 3},
}


def ask(**sent: Any) -> Asked:
    return RESPONSES.parse(json.dumps({"input": "Hello.", **sent}).encode(), headers={}, max_messages=10)


def whole(message: dict[str, Any], finish_reason: str | None = "stop", *, asked: Asked | None = None) -> Any:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    body = {"id": "c", "model": "m", "choices": [choice], "usage": USAGE}
    answer = json.loads(RESPONSES.whole(json.dumps(body).encode(), asked or ask()))
    Response.model_validate(answer)
    return answer


def chunk(delta: dict[str, Any], finish_reason: str | None = None, **choice: Any) -> bytes:
    told = {"index": 0, "delta": delta, "finish_reason": finish_reason, **choice}
    return json.dumps({"id": "c", "model": "m", "choices": [told]}).encode()


def streamed(deltas: list[dict[str, Any]], finish_reason: str = "stop", *, asked: Asked | None = None) -> list[Any]:
    stream = RESPONSES.stream(asked or ask())
    told = [stream.feed(chunk(delta)) for delta in deltas]
    told.append(stream.feed(chunk({}, finish_reason)))
    told.append(stream.feed(json.dumps({"model": "m", "choices": [], "usage": USAGE}).encode()))
    told.append(stream.end())
    return events(b"".join(told))


def events(told: bytes) -> list[Any]:
    read = []
    for event in told.decode().split("\n\n")[:-1]:
        name, data = event.split("\n")
        read.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {read[-1]['type']}"
        EVENT.validate_python(read[-1])
    assert [event["sequence_number"] for event in read] == list(range(len(read)))
    return read


def without_names(value: Any) -> Any:
    """What is left of an answer when ids and times are taken out."""
    if isinstance(value, dict):
        return {
            k: without_names(v) for k, v in value.items() if k not in ("id", "item_id", "created_at", "completed_at")
        }
    return [without_names(entry) for entry in value] if isinstance(value, list) else value


def call(arguments: str = "{}", name: str = "f", call_id: str = "c1") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_text_usage_and_what_was_asked_for() -> None:
    tools = [{"type": "function", "name": "f"}]
    asked = ask(
        temperature=0.5, store=True, truncation="auto", instructions="Be kind.", metadata={"a": "b"}, tools=tools
    )
    answer = whole({"content": "Hi."}, asked=asked)
    message = answer["output"][0]
    assert (answer["object"], answer["status"], answer["model"]) == ("response", "completed", "m")
    assert message["content"] == [{"type": "output_text", "text": "Hi.", "annotations": [], "logprobs": []}]
    assert (answer["temperature"], answer["store"], answer["truncation"]) == (0.5, False, "disabled")
    assert (answer["instructions"], answer["metadata"]) == ("Be kind.", {"a": "b"})
    assert answer["tools"] == [{"type": "function", "name": "f", "parameters": None, "strict": False}]
    assert answer["usage"] == {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 13,
    }


def test_thought_text_and_calls_are_items_in_this_order() -> None:
    answer = whole(
        {"reasoning_content": "Hm.", "content": "I look.", "tool_calls": [call(), call(name="g")]}, "tool_calls"
    )
    assert [item["type"] for item in answer["output"]] == ["reasoning", "message", "function_call", "function_call"]
    assert answer["output"][0]["content"] == [{"type": "reasoning_text", "text": "Hm."}]
    assert answer["output"][2]["call_id"] == "c1"
    assert len({item["id"] for item in answer["output"]}) == 4


def test_a_thought_is_a_summary_where_one_was_asked_for() -> None:
    asked = ask(reasoning={"summary": "auto"})
    answer = whole({"reasoning_content": "Hm.", "content": "Hi."}, asked=asked)
    assert answer["output"][0]["summary"] == [{"type": "summary_text", "text": "Hm."}]
    kinds = [event["type"] for event in streamed([{"reasoning": "Hm."}, {"content": "Hi."}], asked=asked)]
    assert kinds[2:8] == [
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
    ]


def test_thinking_that_its_model_wants_back_is_sealed_for_those_who_ask() -> None:
    asked = ask(include=["reasoning.encrypted_content"])
    block = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    told = {"reasoning_content": "Hm.", "thinking_blocks": [block], "content": "Hi."}
    assert unseal(whole(told, asked=asked)["output"][0]["encrypted_content"]) == [block]
    assert "encrypted_content" not in whole(told)["output"][0]
    pieces = [{"reasoning_content": "H"}, {"reasoning_content": "m."}, {"thinking_blocks": [{**block, "thinking": ""}]}]
    final = streamed([*pieces, {"content": "Hi."}], asked=asked)[-1]["response"]
    assert unseal(final["output"][0]["encrypted_content"]) == [block]


def test_a_refusal_citations_and_custom_calls() -> None:
    citation = {"url": "http://a", "title": "A", "start_index": 0, "end_index": 2}
    annotations = [{"type": "url_citation", "url_citation": citation}]
    custom = {"id": "c1", "type": "custom", "custom": {"name": "g", "input": "x"}}
    answer = whole({"content": "Hi.", "annotations": annotations, "refusal": "No.", "tool_calls": [custom]})
    text, refusal = answer["output"][0]["content"]
    assert text["annotations"] == [{"type": "url_citation", **citation}]
    assert refusal == {"type": "refusal", "refusal": "No."}
    assert (answer["output"][1]["type"], answer["output"][1]["input"]) == ("custom_tool_call", "x")


def test_logprobs_stand_beside_the_text() -> None:
    logprobs = {"content": [{"token": "Hi.", "bytes": [72], "logprob": -0.1, "top_logprobs": []}]}
    stream = RESPONSES.stream(ask(top_logprobs=1))
    told = stream.feed(chunk({"content": "Hi."}, logprobs=logprobs)) + stream.feed(chunk({}, "stop")) + stream.end()
    read = events(told)
    assert [event["logprobs"] for event in read if event["type"] == "response.output_text.delta"] == [
        logprobs["content"]
    ]
    assert read[-1]["response"]["output"][0]["content"][0]["logprobs"] == logprobs["content"]


@pytest.mark.parametrize(("finish", "why"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_an_answer_that_was_cut_is_incomplete(finish: str, why: str) -> None:
    answer = whole({"content": "Hi"}, finish)
    final = streamed([{"content": "Hi"}], finish)[-1]
    assert (answer["status"], answer["incomplete_details"]) == ("incomplete", {"reason": why})
    assert answer["output"][0]["status"] == "incomplete"
    assert final["type"] == "response.incomplete"
    assert without_names(final["response"]) == without_names(answer)


def test_calls_that_are_told_at_once_or_without_an_index_are_kept_apart() -> None:
    opening = [{"index": 0, **call("")}, {"index": 1, **call("", "g", "c2")}]
    woven = [{"tool_calls": opening}]
    for piece in ('{"a"', ": 1}"):
        woven += [{"tool_calls": [{"index": i, "function": {"arguments": piece}}]} for i in (0, 1)]
    unnumbered = [{"tool_calls": [call("", name, call_id)]} for name, call_id in (("f", "c1"),)]
    unnumbered += [{"tool_calls": [{"function": {"arguments": '{"a": 1}'}}]}, {"tool_calls": [call("{}", "g", "c2")]}]
    for deltas, second in ((woven, '{"a": 1}'), (unnumbered, "{}")):
        final = streamed(deltas, "tool_calls")[-1]["response"]
        assert [(item["name"], item["arguments"]) for item in final["output"]] == [("f", '{"a": 1}'), ("g", second)]


def test_arguments_that_a_server_did_not_write_out_are_kept() -> None:
    calls = [None, {"id": "c1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]
    for told in (whole({"tool_calls": calls}), streamed([{"tool_calls": calls}], "tool_calls")[-1]["response"]):
        assert [(item["type"], item["arguments"]) for item in told["output"]] == [("function_call", '{"a":1}')]


def test_a_call_is_over_when_the_next_one_begins() -> None:
    deltas = [{"tool_calls": [{"index": 0, **call()}]}, {"tool_calls": [{"index": 1, **call(call_id="c2")}]}]
    kinds = [(event["type"], event.get("output_index")) for event in streamed(deltas, "tool_calls")]
    assert kinds.index(("response.output_item.done", 0)) < kinds.index(("response.output_item.added", 1))


def test_an_answer_without_a_word_is_an_empty_message() -> None:
    assert whole({"content": None})["output"][0]["content"][0]["text"] == ""
    assert streamed([])[-1]["response"]["output"][0]["content"][0]["text"] == ""


def test_a_stream_that_breaks_has_failed_and_its_error_comes_last() -> None:
    stream = RESPONSES.stream(ask())
    told = stream.feed(chunk({"content": "Hi"}))
    refused = UpstreamRefused("Slow down.", upstream="weak", status=429)
    read = events(told + stream.error(refused, "req_1"))
    assert [event["type"] for event in read[-2:]] == ["response.failed", "error"]
    assert read[-2]["response"]["error"] == {"code": "rate_limit_exceeded", "message": "Slow down."}
    assert read[-2]["response"]["output"][0]["status"] == "incomplete"
    assert read[-1]["error"]["message"] == read[-1]["message"] == "Slow down."
    assert [event["type"] for event in events(RESPONSES.stream(ask()).error(InternalError("x"), "req_1"))] == ["error"]


def test_a_stream_without_a_finish_reason_is_not_whole() -> None:
    stream = RESPONSES.stream(ask())
    stream.feed(chunk({"content": "Hi"}))
    with pytest.raises(UpstreamBroken):
        stream.end()


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": 5}]}'])
def test_what_is_no_chat_answer_cannot_be_told(answer: bytes) -> None:
    with pytest.raises(UpstreamBroken):
        RESPONSES.whole(answer, ask())


@pytest.mark.parametrize(
    "delta",
    [
        {"content": 5, "refusal": {}, "reasoning": 7, "tool_calls": "x", "annotations": [3], "thinking_blocks": {}},
        {"tool_calls": [5]},
    ],
)
def test_fields_that_are_not_what_they_should_be_say_nothing(delta: dict[str, Any]) -> None:
    assert streamed([delta, {"content": "Hi."}])[-1]["response"]["output"][0]["content"][0]["text"] == "Hi."


def test_a_call_without_a_name_or_after_its_end_cannot_be_told() -> None:
    for deltas in (
        [{"tool_calls": [{"index": 0, "id": "c"}]}],
        [
            {"tool_calls": [{"index": 0, **call()}]},
            {"tool_calls": [{"index": 1, **call()}]},
            {"tool_calls": [{"index": 0, **call("x")}]},
        ],
    ):
        with pytest.raises(UpstreamBroken):
            streamed(deltas)


TEXT = st.text(min_size=1, max_size=12)


@given(
    thought=st.lists(TEXT, max_size=3),
    content=st.lists(TEXT, max_size=4),
    refusal=st.lists(TEXT, max_size=2),
    calls=st.lists(st.lists(TEXT, min_size=1, max_size=3), max_size=3),
)
def test_the_response_does_not_depend_on_how_the_answer_was_cut(
    thought: list[str], content: list[str], refusal: list[str], calls: list[list[str]]
) -> None:
    named = ["".join(json.dumps(pieces)) for pieces in calls]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": piece} for piece in thought]
    deltas += [{"content": piece} for piece in content]
    deltas += [{"refusal": piece} for piece in refusal]
    for index, text in enumerate(named):
        deltas.append({"tool_calls": [{"index": index, **call("")}]})
        cut = len(text) // 2
        for piece in (text[:cut], text[cut:]):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    message = {
        "reasoning_content": "".join(thought) or None,
        "content": "".join(content) or None,
        "refusal": "".join(refusal) or None,
        "tool_calls": [call(text) for text in named] or None,
    }
    read = streamed(deltas)
    final = read[-1]["response"]
    assert without_names(final) == without_names(whole(message))
    done = [event["item"] for event in read if event["type"] == "response.output_item.done"]
    assert sorted(done, key=lambda item: item["id"][-2:]) == final["output"]
    told = "".join(event["delta"] for event in read if event["type"] == "response.output_text.delta")
    assert told == "".join(content)
