"""A request that was translated into chat has the words that its provider knows."""

from __future__ import annotations

from typing import Any

import pytest

from router.types import Native
from router.upstream.translated import fit_translated

TRANSLATED = Native(dialect="responses", body={})
ANSWER: dict[str, Any] = {"role": "assistant", "content": "Hi."}
BODY = {"messages": [{"role": "user", "content": "Hi?"}, {**ANSWER, "reasoning_content": "Hm.", "thinking_blocks": []}]}


def test_what_a_caller_said_in_chat_passes_as_it_is() -> None:
    assert fit_translated(BODY, None, "openai") is BODY


def test_thoughts_that_claude_signed_go_to_no_provider_that_would_refuse_them() -> None:
    thought = {
        "reasoning_content": "Hm.",
        "thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}],
    }
    others = {"role": "assistant", "content": "Ho.", "reasoning_content": "Mine."}
    body = {"messages": [{**ANSWER, **thought}, others]}
    assert fit_translated(body, None, "openai") == {"messages": [ANSWER, others]}
    assert fit_translated(body, None, "deepseek") is body


@pytest.mark.parametrize(("provider", "left"), [("openai", {}), (None, {"reasoning_content": "Hm."})])
def test_thoughts_go_back_to_providers_that_take_them(provider: str | None, left: dict[str, str]) -> None:
    assert fit_translated(BODY, TRANSLATED, provider)["messages"][1] == {**ANSWER, **left}


@pytest.mark.parametrize("given", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize(
    ("provider", "name"), [("openai", "max_completion_tokens"), ("mistral", "max_tokens"), ("local", "max_tokens")]
)
def test_the_limit_has_the_name_that_its_provider_knows(given: str, provider: str, name: str) -> None:
    assert fit_translated({given: 5, "messages": []}, TRANSLATED, provider) == {name: 5, "messages": []}


def test_a_request_that_fits_is_not_copied() -> None:
    plain = {"messages": [ANSWER], "max_tokens": 5}
    assert fit_translated(plain, TRANSLATED, "mistral") is plain


@pytest.mark.parametrize(
    ("provider", "left"),
    [("openai", {"user", "verbosity"}), ("groq", {"user"}), ("mistral", set()), (None, {"user", "verbosity"})],
)
def test_hints_go_to_no_provider_that_would_refuse_them(provider: str | None, left: set[str]) -> None:
    body: dict[str, Any] = {"messages": [ANSWER], "user": "u", "verbosity": "low"}
    assert set(fit_translated(body, TRANSLATED, provider)) == left | {"messages"}
    assert fit_translated(body, None, provider) is body


@pytest.mark.parametrize("native", [None, TRANSLATED])
def test_ids_of_calls_that_other_models_made_are_short_where_they_must_be(native: Native | None) -> None:
    ids = ("toolu_01A09q90qw90lq917835lq9", "call_2", "abcDEF123")
    calls = [{"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}} for call_id in ids]
    results = [{"role": "tool", "tool_call_id": call_id, "content": "1"} for call_id in ids]
    body = {"messages": [{"role": "assistant", "content": None, "tool_calls": calls}, *results]}
    (turn, *told) = fit_translated(body, native, "mistral")["messages"]
    short = [call["id"] for call in turn["tool_calls"]]
    assert short == [result["tool_call_id"] for result in told]
    assert len(set(short)) == 3
    assert short[2] == ids[2]
    assert all(len(call_id) == 9 and call_id.isalnum() for call_id in short)
    assert fit_translated(body, native, "openai") == body


def test_images_that_tools_gave_follow_the_results() -> None:
    text, image = {"type": "text", "text": "Here."}, {"type": "image_url", "image_url": {"url": "data:,"}}
    user = {"role": "user", "content": "And?"}
    results = [
        {"role": "tool", "tool_call_id": f"c{n}", "content": said} for n, said in enumerate(([text, image], "1"))
    ]
    given = {"role": "user", "content": [{"type": "text", "text": "The tool call c0 also returned:"}, image]}
    for after in ([], [user]):
        told = fit_translated({"messages": [ANSWER, *results, *after]}, TRANSLATED, None)["messages"]
        assert told == [ANSWER, {**results[0], "content": "Here."}, results[1], given, *after]
