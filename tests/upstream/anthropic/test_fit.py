"""One request, models of several generations: what one demands another refuses."""

from typing import Any

import pytest

from router.upstream.anthropic.fit import fit
from router.upstream.anthropic.models import Claude, claude

HELLO = [{"role": "user", "content": "Hello?"}]
HAIKU_4_5, OPUS_4_6, OPUS_4_7, OPUS_5, OPUS_5_5 = map(
    claude, ("claude-haiku-4-5", "claude-opus-4-6", "claude-opus-4-7", "claude-opus-5", "claude-opus-5-5")
)


def fitted(model: Claude, **fields: Any) -> dict[str, Any]:
    body = {"messages": HELLO} | fields
    kept = dict(body)
    made = fit(body, model)
    assert body == kept
    return made


@pytest.mark.parametrize(
    ("name", "max_tokens"),
    [
        ("claude-3-haiku-20240307", 4096),
        ("claude-3-5-haiku-latest", 8192),
        ("claude-opus-4-20250514", 32_000),
        ("claude-haiku-4-5-20251001", 64_000),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 64_000),
        ("claude-opus-5-5", 128_000),
        ("somebody-elses-model", 4096),
    ],
)
def test_an_answer_may_be_as_long_as_the_model_can_where_the_caller_sets_no_limit(name: str, max_tokens: int) -> None:
    assert fitted(claude(name))["max_tokens"] == max_tokens


def test_a_limit_beyond_the_models_is_lowered_to_it() -> None:
    assert fitted(HAIKU_4_5, max_tokens=100_000)["max_tokens"] == 64_000
    assert fitted(HAIKU_4_5, max_tokens=10)["max_tokens"] == 10


def test_a_budget_becomes_an_effort_where_budgets_are_refused() -> None:
    made = fitted(OPUS_5_5, thinking={"type": "enabled", "budget_tokens": 2048, "display": "omitted"})
    assert made["thinking"] == {"type": "adaptive", "display": "omitted"}
    assert made["output_config"] == {"effort": "low"}
    asked = {"type": "enabled", "budget_tokens": 2048}
    assert fitted(OPUS_4_6, thinking=asked)["thinking"] == asked


def test_an_effort_becomes_a_budget_where_the_model_knows_no_effort() -> None:
    made = fitted(HAIKU_4_5, thinking={"type": "adaptive"}, output_config={"effort": "medium"})
    assert made["thinking"] == {"type": "enabled", "budget_tokens": 8192}
    assert "output_config" not in made


def test_a_budget_leaves_room_for_the_answer_or_goes() -> None:
    asked = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}
    assert fitted(HAIKU_4_5, max_tokens=4000, **asked)["thinking"]["budget_tokens"] == 2000
    assert "thinking" not in fitted(HAIKU_4_5, max_tokens=500, **asked)


@pytest.mark.parametrize("thinking", [{"type": "adaptive"}, {"type": "enabled", "budget_tokens": 2048}])
def test_a_model_does_not_think_after_a_call_whose_thoughts_are_lost(thinking: dict[str, Any]) -> None:
    call = {"type": "tool_use", "id": "c", "name": "weather", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "c", "content": "Sun."}
    messages = [*HELLO, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    assert "thinking" not in fitted(HAIKU_4_5, messages=messages, thinking=thinking)
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    messages[1] = {"role": "assistant", "content": [thought, call]}
    assert "thinking" in fitted(HAIKU_4_5, messages=messages, thinking=thinking)


@pytest.mark.parametrize(("model", "kept"), [(HAIKU_4_5, True), (OPUS_4_7, False), (OPUS_5, True), (OPUS_5_5, False)])
def test_thinking_is_switched_off_by_name_only_where_that_is_understood(model: Claude, kept: bool) -> None:
    assert ("thinking" in fitted(model, thinking={"type": "disabled"})) is kept


def test_efforts_and_sampling_that_a_model_refuses_are_left_out() -> None:
    asked = {"temperature": 1.5, "top_p": 0.5, "top_k": 9}
    assert not set(asked) & set(fitted(OPUS_4_7, **asked))
    assert fitted(claude("claude-sonnet-4-0"), **asked)["temperature"] == 1.0
    assert "top_p" not in fitted(HAIKU_4_5, **asked)
    assert fitted(OPUS_4_6, output_config={"effort": "xhigh"})["output_config"] == {"effort": "high"}
    assert fitted(OPUS_4_7, output_config={"effort": "xhigh"})["output_config"] == {"effort": "xhigh"}


def test_a_model_that_thinks_samples_as_it_likes() -> None:
    made = fitted(HAIKU_4_5, thinking={"type": "enabled", "budget_tokens": 1024}, temperature=0.2, top_p=0.5)
    assert not {"temperature", "top_p"} & set(made)


def test_a_model_that_cannot_think_is_not_asked_to() -> None:
    assert "thinking" not in fitted(claude("claude-3-5-haiku-latest"), thinking={"type": "adaptive"})


def test_what_is_cleared_of_thinking_goes_with_it() -> None:
    tools, thoughts = {"type": "clear_tool_uses_20250919"}, {"type": "clear_thinking_20251015", "keep": "all"}
    asked: dict[str, Any] = {"thinking": {"type": "adaptive"}, "context_management": {"edits": [thoughts, tools]}}
    assert fitted(OPUS_4_6, **asked)["context_management"] == asked["context_management"]
    assert fitted(claude("claude-3-5-haiku-latest"), **asked)["context_management"] == {"edits": [tools]}
    asked["context_management"] = {"edits": [thoughts]}
    assert "context_management" not in fitted(claude("claude-3-5-haiku-latest"), **asked)
