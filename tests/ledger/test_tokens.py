"""Token estimates, held to counts of OpenAI's o200k_base tokenizer."""

from __future__ import annotations

from typing import Any

import pytest

from router.ledger.tokens import PER_ATTACHMENT, PER_MESSAGE, estimate_tokens, estimate_usage
from router.types import ChatRequest, Message

PROSE = (
    "The committee met on Tuesday to discuss the new library, which has been under construction since last spring. "
    "Several members asked whether the opening could be moved forward, but the architect explained that the roof "
    "still needs two more weeks. Nobody was happy, although everyone agreed that a dry library is better than an "
    "early one."
)
CODE = "def squares(limit):\n    return [n ** 2 for n in range(limit) if n % 2 == 0]\n"
RUSSIAN = "Привет, расскажи мне о столице Франции и её истории."
CHINESE = "你好，请介绍一下你自己，并且告诉我今天的天气怎么样。"
JAPANESE = "こんにちは、東京の天気を教えてください。"


@pytest.mark.parametrize(
    ("text", "tokens", "tolerance"),
    [(PROSE, 62, 0.15), (CODE, 26, 0.15), (RUSSIAN, 15, 0.35), (CHINESE, 15, 0.35), (JAPANESE, 11, 0.35)],
    ids=["prose", "code", "Russian", "Chinese", "Japanese"],
)
def test_an_estimate_is_near_the_true_count(text: str, tokens: int, tolerance: float) -> None:
    assert abs(estimate_tokens(text) / tokens - 1) <= tolerance


def test_nothing_is_no_tokens_and_anything_is_at_least_one() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens(" ") == 1
    assert estimate_tokens("a") == 1


def test_more_text_is_never_fewer_tokens() -> None:
    counts = [estimate_tokens(PROSE[:end]) for end in range(len(PROSE) + 1)]
    assert counts == sorted(counts)


def test_a_lone_surrogate_does_not_break_the_estimate() -> None:
    assert estimate_tokens("broken \ud800 text") > 0


def test_usage_counts_all_messages_and_the_answer_and_says_that_it_is_estimated() -> None:
    request = ChatRequest(messages=[Message(role="system", content=PROSE), Message(role="user", content=CODE)])
    usage = estimate_usage(request, RUSSIAN)
    assert usage.prompt_tokens == 2 * PER_MESSAGE + estimate_tokens(PROSE) + estimate_tokens(CODE)
    assert usage.completion_tokens == estimate_tokens(RUSSIAN)
    assert usage.estimated


def test_usage_counts_text_parts_attachments_tool_calls_and_tools() -> None:
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": PROSE},
        {"type": "image_url", "image_url": {"url": "data:..."}},
    ]
    plain = estimate_usage(ChatRequest(messages=[Message(role="user", content=parts)]), "")
    assert plain.prompt_tokens == PER_MESSAGE + estimate_tokens(PROSE) + PER_ATTACHMENT
    assert plain.completion_tokens == 0

    call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"city": "Paris"}'}}
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
    called = ChatRequest(messages=[Message(role="assistant", tool_calls=[call])], tools=[tool])
    with_call = estimate_usage(ChatRequest(messages=called.messages), "")
    assert with_call.prompt_tokens > PER_MESSAGE + 10
    assert estimate_usage(called, "").prompt_tokens > with_call.prompt_tokens + 10
