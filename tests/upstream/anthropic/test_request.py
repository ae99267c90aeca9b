"""Chat requests as messages requests: what is asked stays what is asked."""

from typing import Any

import pytest

from router.errors import InvalidRequest
from router.upstream.anthropic.models import claude
from router.upstream.anthropic.request import messages_request

HELLO = {"role": "user", "content": "Hello?"}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells it.", "parameters": {"type": "object", "properties": {}}},
}


def asked(*messages: dict[str, Any], model: str = "claude-sonnet-4-6", **fields: Any) -> dict[str, Any]:
    return messages_request({"messages": list(messages or (HELLO,))} | fields, claude(model))


def test_system_and_developer_messages_become_the_system_prompt_in_their_order() -> None:
    body = asked({"role": "system", "content": "Be brief."}, HELLO, {"role": "developer", "content": "And kind."})
    assert body["system"] == [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "And kind."}]
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Hello?"}]}]


def test_a_system_message_alone_is_what_is_asked() -> None:
    body = asked({"role": "system", "content": "Say hello."})
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Say hello."}]}]
    assert "system" not in body


def test_images_travel_as_data_or_as_their_address() -> None:
    images = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.jpg", "detail": "low"}},
    ]
    blocks = asked({"role": "user", "content": [{"type": "text", "text": "Which?"}, *images]})["messages"][0]["content"]
    assert blocks[1]["source"] == {"type": "base64", "media_type": "image/png", "data": "aGk="}
    assert blocks[2]["source"] == {"type": "url", "url": "https://example.com/cat.jpg"}


def test_what_openai_takes_for_granted_is_put_as_the_protocol_wants_it() -> None:
    jpg = {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,aGk="}}
    (block,) = asked({"role": "user", "content": [jpg]})["messages"][0]["content"]
    assert block["source"]["media_type"] == "image/jpeg"
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    blank = {"role": "assistant", "content": "\n\n", "tool_calls": [call]}
    assert [block["type"] for block in asked(HELLO, blank)["messages"][1]["content"]] == ["tool_use"]
    bare = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {}}}}}
    assert asked(tools=[bare])["tools"][0]["input_schema"] == {"type": "object", "properties": {"a": {}}}


def test_a_file_travels_as_a_document() -> None:
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}}
    (block,) = asked({"role": "user", "content": [file]})["messages"][0]["content"]
    source = {"type": "base64", "media_type": "application/pdf", "data": "aGk="}
    assert block == {"type": "document", "source": source, "title": "a.pdf"}


def test_a_part_that_the_protocol_does_not_have_is_refused_by_its_place() -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
    with pytest.raises(InvalidRequest) as caught:
        asked({"role": "user", "content": [{"type": "text", "text": "Listen."}, audio]})
    assert caught.value.param == "messages[0].content[1]"
    assert "input_audio" in caught.value.message


def test_tool_calls_and_their_results_belong_to_one_turn_each() -> None:
    def call(number: int) -> dict[str, Any]:
        return {"id": f"call:{number}", "type": "function", "function": {"name": "weather", "arguments": '{"a": 1}'}}

    body = asked(
        HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call(1), call(2)]},
        {"role": "tool", "tool_call_id": "call:1", "content": "Sun."},
        {"role": "tool", "tool_call_id": "call:2", "content": [{"type": "text", "text": "Rain."}]},
        {"role": "user", "content": "So?"},
    )
    said, heard = body["messages"][1:]
    assert [block["input"] for block in said["content"]] == [{"a": 1}, {"a": 1}]
    assert [block["type"] for block in heard["content"]] == ["tool_result", "tool_result", "text"]
    # Ids may only hold characters that the protocol allows; both sides are changed alike.
    assert [block["id"] for block in said["content"]] == [block["tool_use_id"] for block in heard["content"][:2]]
    assert said["content"][0]["id"] == "call_1"


def test_arguments_that_are_no_object_reach_the_model_as_the_text_that_they_are() -> None:
    function = {"name": "weather", "arguments": '{"city": '}
    said = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": function}]}
    (block,) = asked(HELLO, said)["messages"][1]["content"]
    assert block["input"] == {"arguments": '{"city": '}


def test_thoughts_come_back_before_the_words_that_followed_them() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    unsigned = {"type": "thinking", "thinking": "Another's."}
    said = {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm.", "thinking_blocks": [unsigned, thought]}
    assert asked(HELLO, said)["messages"][1]["content"] == [thought, {"type": "text", "text": "Yes."}]


def test_marks_for_the_prompt_cache_stay_where_they_were() -> None:
    mark = {"type": "ephemeral"}
    body = asked(
        {"role": "system", "content": [{"type": "text", "text": "Long.", "cache_control": mark}]},
        HELLO,
        {"role": "tool", "tool_call_id": "c", "content": "x", "cache_control": mark},
        tools=[WEATHER | {"cache_control": mark}],
    )
    assert body["system"][0]["cache_control"] == mark
    assert body["messages"][0]["content"][1]["cache_control"] == mark
    assert body["tools"][0]["cache_control"] == mark


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ("none", {"type": "none"}),
        ({"type": "function", "function": {"name": "weather"}}, {"type": "tool", "name": "weather"}),
    ],
)
def test_tool_choices_are_said_in_the_protocols_words(choice: object, expected: object) -> None:
    body = asked(tools=[WEATHER], tool_choice=choice)
    assert body["tool_choice"] == expected
    assert body["tools"] == [
        {"name": "weather", "description": "Tells it.", "input_schema": {"type": "object", "properties": {}}}
    ]


def test_allowed_tools_are_the_only_ones_offered() -> None:
    other = {"type": "function", "function": {"name": "clock"}}
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "clock"}}]}
    body = asked(tools=[WEATHER, other], tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert [tool["name"] for tool in body["tools"]] == ["clock"]
    assert body["tool_choice"] == {"type": "any"}


def test_one_call_at_a_time_can_be_asked_for() -> None:
    body = asked(tools=[WEATHER], parallel_tool_calls=False)
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_a_json_schema_becomes_the_format_of_the_output() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    body = asked(response_format=wanted)
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    with pytest.raises(InvalidRequest, match="JSON schema"):
        asked(response_format=wanted, model="claude-3-5-haiku-latest")


def test_json_mode_adds_no_words_of_ours() -> None:
    assert asked(response_format={"type": "json_object"}) == asked()


def test_stops_limits_and_the_user_are_carried_over() -> None:
    body = asked(stop=["END", " \n"], max_tokens=7, user="u-1", temperature=0.5, top_p=0.9, seed=1, logprobs=True)
    assert body["stop_sequences"] == ["END"]
    assert body["max_tokens"] == 7
    assert body["metadata"] == {"user_id": "u-1"}
    assert set(body) == {"messages", "stop_sequences", "max_tokens", "metadata", "temperature", "top_p"}
    assert asked(max_tokens=7, max_completion_tokens=9)["max_tokens"] == 9
    assert asked(max_tokens=7, max_completion_tokens=None)["max_tokens"] == 7


def test_an_effort_makes_the_model_think_unless_it_must_call_a_tool() -> None:
    assert asked(reasoning_effort="low")["output_config"] == {"effort": "low"}
    assert asked(reasoning_effort="low")["thinking"]["type"] == "adaptive"
    assert asked(reasoning_effort="none")["thinking"] == {"type": "disabled"}
    assert "thinking" not in asked(reasoning_effort="high", tools=[WEATHER], tool_choice="required")
    own = {"type": "enabled", "budget_tokens": 2000}
    assert asked(reasoning_effort="high", thinking=own)["thinking"] == own


def test_several_answers_at_once_are_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(n=2)
    assert caught.value.param == "n"
