from __future__ import annotations

import pytest

from router.commands.elsewhere.litellm_providers import _VARIABLES, served
from router.upstream.providers import provider_called


def test_every_name_leads_to_a_provider_of_the_table() -> None:
    assert {name for name in _VARIABLES if (found := provider_called(name)) is None or found.id != name} == set()


@pytest.mark.parametrize(
    ("model", "custom", "has_base", "provider", "asked", "variable"),
    [
        ("gpt-4.1", None, False, "openai", "gpt-4.1", None),
        ("claude-opus-5-5", None, False, "anthropic", "claude-opus-5-5", None),
        ("openai/gpt-4.1", None, False, "openai", "gpt-4.1", None),
        ("openai/mine", None, True, None, "mine", None),
        ("hosted_vllm/org/model", None, True, "vllm", "org/model", None),
        ("ollama_chat/llama3.2:1b", None, False, "ollama", "llama3.2:1b", None),
        ("together_ai/org/model", None, False, "together", "org/model", "TOGETHERAI_API_KEY"),
        ("azure/deployment", None, True, "azure", "deployment", "AZURE_API_KEY"),
        ("gemini/gemini-2.5-pro", None, False, "google", "gemini-2.5-pro", None),
        ("openrouter/anthropic/claude", None, False, "openrouter", "anthropic/claude", None),
        ("org/model", "groq", False, "groq", "org/model", None),
        ("groq/org/model", "groq", False, "groq", "org/model", None),
        ("org/model", None, True, None, "org/model", None),
    ],
)
def test_a_model_of_litellms_is_asked_where_it_was(
    model: str, custom: str | None, has_base: bool, provider: str | None, asked: str, variable: str | None
) -> None:
    by = served(model, custom, has_base=has_base)
    assert (by.provider, by.model, by.variable, by.unspoken) == (provider, asked, variable, None)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("bedrock/anthropic.claude", "any-llm:bedrock"),
        ("vertex_ai/gemini-2.5-pro", "any-llm:vertexai"),
        ("replicate/org/model", "OpenAI-compatible url"),
        ("nobody/model", "OpenAI-compatible url"),
        ("custom_openai/model", "says no api_base"),
    ],
)
def test_what_we_do_not_speak_to_is_told_with_the_way_round(model: str, said: str) -> None:
    assert said in (served(model, None, has_base=False).unspoken or "")
