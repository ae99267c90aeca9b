"""A request in Anthropic's protocol becomes the chat request that asks for the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from multidict import CIMultiDict

from router.dialects import MESSAGES, Asked
from router.errors import InvalidRequest

Json = dict[str, Any]

USER: Json = {"role": "user", "content": "Hello"}
TEXT: Json = {"type": "text", "text": "Look:"}
TOOL: Json = {"name": "weather", "description": "Says it.", "input_schema": {"type": "object"}}
FUNCTION: Json = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object"}, "description": "Says it."},
}


def parsed(headers: Mapping[str, str] | None = None, **fields: Any) -> Asked:
    body = {"model": "auto", "max_tokens": 100, "messages": [USER], **fields}
    return MESSAGES.parse(json.dumps(body).encode(), headers=headers or {}, max_messages=10)


def chat(**fields: Any) -> Json:
    """What of the chat body is not the same for every request here."""
    body = dict(parsed(**fields).body)
    assert body.pop("model") == "auto"
    assert body.pop("max_tokens") == 100
    if body["messages"] == [USER]:
        del body["messages"]
    return body


def said(*messages: Json, **fields: Any) -> list[Json]:
    told: list[Json] = chat(messages=list(messages), **fields)["messages"]
    return told


def needs(**fields: Any) -> tuple[str, ...]:
    native = parsed(**fields).native
    assert native is not None
    return native.needs


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {}),
        ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
        ({"top_k": 5, "service_tier": "auto", "unheard_of": 1}, {}),
        ({"stop_sequences": ["A", "B"]}, {"stop": ["A", "B"]}),
        ({"stop_sequences": []}, {}),
        ({"metadata": {"user_id": "u-1"}}, {"user": "u-1"}),
        ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
        ({"stream": False}, {}),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, {"reasoning_effort": "low"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 8192}}, {"reasoning_effort": "medium"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 8193}}, {"reasoning_effort": "high"}),
        ({"thinking": {"type": "disabled"}}, {}),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, {"reasoning_effort": "high"}),
        ({"output_config": {"effort": "low"}}, {"reasoning_effort": "low"}),
        ({"tools": [TOOL]}, {"tools": [FUNCTION]}),
        ({"tools": [{**TOOL, "type": "custom", "cache_control": {"type": "ephemeral"}}]}, {"tools": [FUNCTION]}),
        ({"tools": [TOOL], "tool_choice": {"type": "auto"}}, {"tools": [FUNCTION], "tool_choice": "auto"}),
        ({"tools": [TOOL], "tool_choice": {"type": "any"}}, {"tools": [FUNCTION], "tool_choice": "required"}),
        ({"tools": [TOOL], "tool_choice": {"type": "none"}}, {"tools": [FUNCTION], "tool_choice": "none"}),
        (
            {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}},
            {
                "tools": [FUNCTION],
                "tool_choice": {"type": "function", "function": {"name": "weather"}},
                "parallel_tool_calls": False,
            },
        ),
        # Only Anthropic knows the tool: for others there is nothing to choose from.
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}], "tool_choice": {"type": "any"}}, {}),
    ],
)
def test_what_is_asked_for_is_said_in_the_terms_of_chat_completions(fields: Json, expected: Json) -> None:
    assert chat(**fields) == expected


@pytest.mark.parametrize("place", ["output_config", "output_format"])
def test_a_wanted_schema_is_a_response_format(place: str) -> None:
    wanted = {"type": "json_schema", "schema": {"type": "object"}}
    fields = {place: {"format": wanted} if place == "output_config" else wanted}
    schema = {"name": "answer", "schema": {"type": "object"}, "strict": True}
    assert chat(**fields) == {"response_format": {"type": "json_schema", "json_schema": schema}}


def test_the_system_prompt_comes_first() -> None:
    assert said(USER, system="Be brief.") == [{"role": "system", "content": "Be brief."}, USER]
    blocks = [{"type": "text", "text": "A", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "B"}]
    assert said(USER, system=blocks)[0] == {"role": "system", "content": "A\n\nB"}
    later = {"role": "system", "content": "From now on, be brief."}
    assert said(USER, later, USER) == [USER, later, USER]


def test_a_single_text_block_is_a_plain_text() -> None:
    assert said({"role": "user", "content": [TEXT]}) == [{"role": "user", "content": "Look:"}]


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
            [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}],
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
            [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}],
        ),
        (
            {
                "type": "document",
                "title": "Terms",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="},
            },
            [
                {"type": "text", "text": "Terms"},
                {"type": "file", "file": {"filename": "Terms", "file_data": "data:application/pdf;base64,AA=="}},
            ],
        ),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "All of it."}},
            [{"type": "text", "text": "All of it."}],
        ),
        (
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "Part."}]}},
            [{"type": "text", "text": "Part."}],
        ),
        (
            {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
            [{"type": "file", "file": {"filename": "document.pdf", "file_data": "https://example.com/a.pdf"}}],
        ),
        (
            {"type": "search_result", "title": "T", "source": "S", "content": [{"type": "text", "text": "C"}]},
            [{"type": "text", "text": "T\nS\nC"}],
        ),
    ],
)
def test_images_and_documents_are_parts(block: Json, parts: list[Json]) -> None:
    assert said({"role": "user", "content": [TEXT, block]}) == [{"role": "user", "content": [TEXT, *parts]}]


def test_tool_calls_and_their_results_are_messages_in_the_order_that_chat_completions_want() -> None:
    calls = [{"type": "tool_use", "id": f"toolu_{n}", "name": "weather", "input": {"city": n}} for n in ("A", "B")]
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
    results = [
        {"type": "tool_result", "tool_use_id": "toolu_A", "content": "18 degrees"},
        {"type": "text", "text": "And then?"},
        {"type": "tool_result", "tool_use_id": "toolu_B", "is_error": True, "content": [TEXT, image]},
        {"type": "tool_result", "tool_use_id": "toolu_C"},
    ]
    messages = said(
        USER,
        {"role": "assistant", "content": [TEXT, *calls]},
        {"role": "user", "content": results},
    )
    assert [(message["role"], message.get("tool_call_id")) for message in messages[1:]] == [
        ("assistant", None),
        ("tool", "toolu_A"),
        ("tool", "toolu_B"),
        ("tool", "toolu_C"),
        ("user", None),
    ]
    assert messages[1]["content"] == "Look:"
    assert [json.loads(call["function"]["arguments"]) for call in messages[1]["tool_calls"]] == [
        {"city": "A"},
        {"city": "B"},
    ]
    assert [message["content"] for message in messages[2:5]] == ["18 degrees", "Error: Look:", ""]
    # A tool's message holds text alone: what it showed follows.
    assert [part["type"] for part in messages[5]["content"]] == ["text", "text", "image_url"]


def test_thinking_and_cache_marks_stay_in_the_native_body() -> None:
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    hidden = {"type": "redacted_thinking", "data": "x"}
    turn = {"role": "assistant", "content": [thinking, hidden, {**TEXT, "cache_control": {"type": "ephemeral"}}]}
    asked = parsed(messages=[USER, turn, USER])
    assert asked.body["messages"][1] == {"role": "assistant", "content": "Look:"}
    assert asked.native is not None
    assert asked.native.body["messages"][1] == turn


def test_a_user_whose_name_openai_would_refuse_goes_by_its_digest() -> None:
    names = {name: parsed(metadata={"user_id": name * 65}).body["user"] for name in "ab"}
    assert names["a"] != names["b"]
    assert {len(name) for name in names.values()} == {64}


def test_blank_text_is_another_models_and_goes_to_nobody() -> None:
    call = {"type": "tool_use", "id": "c", "name": "f", "input": {}}
    asked = parsed(messages=[USER, {"role": "assistant", "content": [{"type": "text", "text": "\n\n"}, call]}, USER])
    assert asked.native is not None
    assert asked.native.body["messages"] == [USER, {"role": "assistant", "content": [call]}, USER]


def test_thinking_without_a_signature_is_another_models_and_goes_to_nobody() -> None:
    unsigned = {"type": "thinking", "thinking": "Hm.", "signature": ""}
    asked = parsed(
        messages=[
            USER,
            {"role": "assistant", "content": [unsigned, TEXT]},
            USER,
            {"role": "assistant", "content": [unsigned]},
            USER,
        ]
    )
    assert asked.native is not None
    assert asked.native.body["messages"] == [USER, {"role": "assistant", "content": [TEXT]}, USER, USER]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"tools": [TOOL]}, ()),
        ({"tools": [TOOL, {"type": "web_search_20250305", "name": "web_search"}]}, ("web_search",)),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, ("bash",)),
        ({"mcp_servers": [{"type": "url", "url": "https://example.com", "name": "m"}]}, ("mcp",)),
        ({"container": "c"}, ("container",)),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file"}}]}]},
            ("files",),
        ),
        (
            {"messages": [USER, {"role": "assistant", "content": [{"type": "web_search_tool_result"}]}, USER]},
            ("web_search",),
        ),
    ],
)
def test_what_only_anthropics_models_can_do_is_marked(fields: Json, expected: tuple[str, ...]) -> None:
    assert needs(**fields) == expected


def test_only_the_protocols_headers_are_kept() -> None:
    native = parsed(
        {"x-api-key": "secret", "authorization": "Bearer secret", "anthropic-beta": "b", "anthropic-version": "v"}
    ).native
    assert native is not None
    assert native.headers == {"anthropic-beta": "b", "anthropic-version": "v"}


def test_a_header_that_came_twice_is_kept_whole() -> None:
    native = parsed(CIMultiDict([("anthropic-beta", "a,b"), ("Anthropic-Beta", "c")])).native
    assert native is not None
    assert native.headers == {"anthropic-beta": "a,b, c"}


@pytest.mark.parametrize("name", ["anthropic-beta", "anthropic-version"])
@pytest.mark.parametrize("text", ["é", "\xff", "a\tb", "\x7f"])
def test_a_header_that_no_upstream_can_be_sent_is_refused(name: str, text: str) -> None:
    with pytest.raises(InvalidRequest, match=f"The header '{name}' may hold"):
        parsed({name: text})


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [USER] * 11}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "tape"}}]}]},
            "messages[0].content[0].source.type",
        ),
        (
            {"messages": [USER, {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b"}]}]},
            "messages[1].content[0].input",
        ),
        ({"system": [{"type": "image"}]}, "system[0].type"),
        ({"system": 7}, "system"),
        ({"tools": [{"name": "weather"}]}, "tools[0].input_schema"),
        ({"tools": [{"type": 7}]}, "tools[0].type"),
        ({"tools": [TOOL], "tool_choice": {"type": "some"}}, "tool_choice.type"),
    ],
)
def test_a_wrong_request_is_told_by_its_field(fields: Json, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parsed(**fields)
    assert caught.value.param == param
    assert f"'{param}'" in caught.value.message
