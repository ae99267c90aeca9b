"""A Responses request becomes the chat request that asks the same, or is refused by the name of the field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from router.dialects import RESPONSES
from router.dialects.responses.sealed import PREFIX, seal
from router.errors import InvalidRequest

USER = {"role": "user", "content": "Hello."}


def chat(**sent: Any) -> dict[str, Any]:
    asked = RESPONSES.parse(json.dumps({"input": "Hello.", **sent}).encode(), headers={}, max_messages=100)
    assert [message.role for message in asked.request.messages] == [m["role"] for m in asked.body["messages"]]
    return dict(asked.body)


def messages(*items: Any, **sent: Any) -> Any:
    return chat(input=list(items), **sent)["messages"]


def refusal(**sent: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as refused:
        chat(**sent)
    assert refused.value.param is not None
    assert refused.value.param in refused.value.message
    return refused.value


def test_text_is_one_user_message_and_instructions_come_first() -> None:
    assert chat() == {"messages": [USER]}
    assert chat(instructions="Be kind.")["messages"] == [{"role": "system", "content": "Be kind."}, USER]


def test_what_chat_calls_otherwise_is_renamed() -> None:
    body = chat(
        max_output_tokens=5,
        reasoning={"effort": "low", "summary": "auto"},
        text={"verbosity": "high", "format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}},
        top_logprobs=2,
        stream=True,
    )
    assert body == {
        "messages": [USER],
        "max_completion_tokens": 5,
        "reasoning_effort": "low",
        "verbosity": "high",
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}},
        "logprobs": True,
        "top_logprobs": 2,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_what_chat_calls_the_same_and_what_nobody_knows_passes_as_it_is() -> None:
    same = {"model": "m", "temperature": 0.5, "top_p": 0.9, "user": "u", "safety_identifier": "s", "seed": 3, "new": {}}
    same |= {"prompt_cache_key": "k", "service_tier": "flex"}
    assert chat(**same) == {"messages": [USER], **same}


def test_what_only_a_store_or_built_in_tools_need_goes_no_further() -> None:
    gone = {"store": True, "metadata": {"a": "b"}, "truncation": "auto", "max_tool_calls": 3, "background": False}
    assert chat(**gone, include=["web_search_call.results"], previous_response_id=None) == {"messages": [USER]}


def test_logprobs_may_be_asked_for_in_include() -> None:
    assert chat(include=["message.output_text.logprobs"])["logprobs"] is True


@pytest.mark.parametrize("kind", ["text", "json_object"])
def test_plain_formats(kind: str) -> None:
    expected = None if kind == "text" else {"type": kind}
    assert chat(text={"format": {"type": kind}}).get("response_format") == expected


def test_parts_of_every_kind() -> None:
    parts = [
        {"type": "input_text", "text": "What is this?", "cache_control": {"type": "ephemeral"}},
        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
    ]
    assert messages({"type": "message", "role": "user", "content": parts})[0]["content"] == [
        {"type": "text", "text": "What is this?", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}},
    ]


def test_one_turn_of_the_assistant_is_one_message() -> None:
    turn = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "reasoning", "id": "rs_2", "summary": [{"type": "summary_text", "text": "And."}]},
        {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "x"},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "2"}]},
    ]
    assert messages(USER, *turn)[1:] == [
        {
            "role": "assistant",
            "content": "I look.",
            "reasoning_content": "Hm.And.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "tool", "tool_call_id": "c2", "content": "2"},
    ]


def test_text_on_both_sides_of_a_call_does_not_part_the_call_from_its_output() -> None:
    said, after = ({"role": "assistant", "content": text} for text in ("I look.", "Wait."))
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c1", "output": "1"}
    told = messages(USER, said, call, after, output)
    assert [message["role"] for message in told] == ["user", "assistant", "tool"]
    assert told[1]["content"] == "I look.\n\nWait."
    assert told[1]["tool_calls"][0]["id"] == "c1"


def test_two_answers_without_a_question_between_stay_two() -> None:
    told = messages(USER, {"role": "assistant", "content": "One."}, {"role": "assistant", "content": "Two."}, USER)
    assert [message["content"] for message in told] == ["Hello.", "One.", "Two.", "Hello."]


def test_a_refusal_stays_one() -> None:
    refused = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    assert messages(USER, refused, USER)[1] == {"role": "assistant", "content": None, "refusal": "No."}


def test_sealed_thinking_comes_back_word_for_word_and_that_of_others_is_left_out() -> None:
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]
    ours = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": seal(blocks)}
    answer = {"role": "assistant", "content": "Yes."}
    assert messages(USER, ours, answer, USER)[1] == {**answer, "thinking_blocks": blocks}
    for sealed in ("gAAAA", PREFIX + "!", PREFIX + "AAAA", 7):
        assert messages(USER, {**ours, "encrypted_content": sealed}, answer, USER)[1] == answer


def test_tools_and_the_choice_among_them() -> None:
    grammar = {"type": "grammar", "syntax": "regex", "definition": "a+"}
    body = chat(
        tools=[
            {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": None, "description": "d"},
            {"type": "custom", "name": "g", "format": grammar},
        ],
        tool_choice={"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
        parallel_tool_calls=False,
    )
    assert body["tools"] == [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}},
        {
            "type": "custom",
            "custom": {"name": "g", "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}}},
        },
    ]
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]}
    assert body["tool_choice"] == {"type": "allowed_tools", "allowed_tools": allowed}
    assert body["parallel_tool_calls"] is False


@pytest.mark.parametrize("choice", ["auto", "required", {"type": "function", "name": "f"}])
def test_other_choices(choice: Any) -> None:
    expected = choice if isinstance(choice, str) else {"type": "function", "function": {"name": "f"}}
    tools = [{"type": "function", "name": "f", "parameters": {}}]
    assert chat(tools=tools, tool_choice=choice)["tool_choice"] == expected
    assert "tool_choice" not in chat(tool_choice=choice, tools=[])


@pytest.mark.parametrize(
    "kind",
    ["web_search", "file_search", "code_interpreter", "computer_use_preview", "mcp", "image_generation", "local_shell"],
)
def test_tools_that_openai_runs_itself_are_refused_with_the_remedy(kind: str) -> None:
    error = refusal(tools=[{"type": "function", "name": "f", "parameters": {}}, {"type": kind}])
    assert error.param == "tools[1].type"
    assert "'function'" in error.message
    tools = [{"type": "function", "name": "f", "parameters": {}}]
    assert refusal(tools=tools, tool_choice={"type": kind}).param == "tool_choice.type"


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ({"input": None}, "input"),
        ({"input": ""}, "input"),
        ({"input": [{"type": "reasoning", "id": "r", "summary": []}]}, "input"),
        ({"input": [USER] * 101}, "input"),
        ({"input": ["x"]}, "input[0]"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": []}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [5]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_video"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}, None),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "http://x"}]}]}, None),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": 4}]}, "input[0].output"),
        ({"input": [{"type": "web_search_call", "id": "w"}]}, "input[0].type"),
        ({"input": [{"type": 5}]}, "input[0].type"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format.name"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "name": "f"}], "tool_choice": "perhaps"}, "tool_choice"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"n": 2}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"max_tokens": "many"}, "max_tokens"),
    ],
)
def test_what_is_wrong_is_refused_by_its_name(sent: dict[str, Any], param: str | None) -> None:
    error = refusal(**sent)
    assert param in (error.param, None)
