"""What a chat request must look like, and how a wrong one is told so."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from router.dialects import CHAT
from router.dialects.chat_request import parse_chat_request
from router.errors import InvalidRequest

USER = {"role": "user", "content": "Hello"}


def parse(body: Any, max_messages: int = 100) -> Any:
    encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return parse_chat_request(encoded, max_messages=max_messages)


def test_unknown_fields_stay_in_the_raw_body() -> None:
    typed, raw = parse({"messages": [USER], "reasoning": {"effort": "low"}})
    assert typed.messages[0].content == "Hello"
    assert raw["reasoning"] == {"effort": "low"}


def test_an_event_of_several_lines_is_told_in_one() -> None:
    asked = CHAT.parse(msgspec.json.encode({"messages": [USER]}), headers={}, max_messages=1)
    assert CHAT.stream(asked).feed(b'{"a":\n1}') == b'data: {"a": 1}\n\n'


def test_a_body_without_a_model_is_routed_automatically() -> None:
    assert parse({"messages": [USER]})[0].model == "auto"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"messages": [}', b"[" * 100_000])
def test_malformed_json_is_said_to_be_malformed(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(body)
    assert caught.value.code == "invalid_json"


@pytest.mark.parametrize("body", [[], "text", 1, None])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    with pytest.raises(InvalidRequest, match="JSON object"):
        parse(body)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "robot", "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [USER, {"role": "user", "content": ""}]}, "messages[1].content"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [USER], "model": 3}, "model"),
        ({"messages": [USER], "stream": "yes"}, "stream"),
        ({"messages": [USER], "temperature": "hot"}, "temperature"),
        ({"messages": [USER], "n": 0}, "n"),
        ({"messages": [{"role": "user", "content": [None]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": []}]}]}, "messages[0].content[0].type"),
        ({"messages": [USER, {"role": "user", "content": [{"type": "text"}]}]}, "messages[1].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}, "messages[0].content[0].text"),
    ],
)
def test_a_wrong_field_is_named(body: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(body)
    assert caught.value.param == param
    assert param in caught.value.message


def test_an_unknown_role_is_told_with_those_that_there_are() -> None:
    with pytest.raises(
        InvalidRequest, match=r"'messages\[0\]\.role': invalid enum value 'robot'; .* one of system, .*user"
    ):
        parse({"messages": [{"role": "robot", "content": "hi"}]})


def test_too_many_messages_are_refused_with_the_limit() -> None:
    with pytest.raises(InvalidRequest, match="at most 2"):
        parse({"messages": [USER] * 3}, max_messages=2)


def test_an_assistant_turn_that_only_calls_tools_needs_no_content() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    typed, _ = parse({"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [call]}]})
    assert typed.messages[1].tool_calls == [call]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "it is empty"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"messages": "\xed\xa0\x80"}', "not UTF-8"),
        (rb'{"messages": [{"role": "user", "content": "cut emoji \ud83d"}]}', "surrogate pair"),
        (rb'{"messages": [], "x": "\udc15"}', "surrogate pair"),
    ],
)
def test_the_reason_for_malformed_json_is_one_that_helps(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason) as caught:
        parse(body)
    assert caught.value.code == "invalid_json"


def test_a_wrong_value_is_not_quoted_at_length() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse({"messages": [{"role": "r" * 10_000, "content": "hi"}]})
    assert len(caught.value.message) < 500
