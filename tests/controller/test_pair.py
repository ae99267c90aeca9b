"""From two models in LiteLLM's notation to the settings of a server."""

from __future__ import annotations

from typing import Any

import pytest

from router.configured.deployments import Deployment
from router.configured.secret import Secret
from router.controller.pair import Side, settings_for
from router.errors import SettingsError
from router.settings import Settings
from router.upstream.build import build_upstreams
from router.upstream.pool import Pool

KEYS = {"OPENAI_API_KEY": "sk-openai", "TOGETHER_API_KEY": "sk-together", "ANTHROPIC_API_KEY": "sk-anthropic"}


def placed(*sides: Side, base: Settings | None = None, environ: dict[str, str] | None = None) -> dict[str, Any]:
    """Where each side would be asked for which model."""
    given = {side.route: side for side in sides}
    pair = (given.get("strong", Side("strong", None)), given.get("weak", Side("weak", None)))
    environ = KEYS if environ is None else environ
    upstreams = build_upstreams(settings_for(base or Settings(), pair, environ), environ)
    found = {}
    for upstream in (upstreams.strong, upstreams.weak):
        if isinstance(upstream, Pool):
            address = upstream.members[0].upstream.address
            for path in ("/chat/completions", "/messages"):
                address = address.removesuffix(path)
            found[upstream.name] = (address, upstream.model)
    return found


@pytest.mark.parametrize(
    ("model", "where"),
    [
        ("gpt-4-1106-preview", ("https://api.openai.com/v1", "gpt-4-1106-preview")),
        ("openai/gpt-4.1", ("https://api.openai.com/v1", "gpt-4.1")),
        ("claude-haiku-4-5", ("https://api.anthropic.com/v1", "claude-haiku-4-5")),
        (
            "together_ai/mistralai/Mixtral-8x7B-Instruct-v0.1",
            ("https://api.together.xyz/v1", "mistralai/Mixtral-8x7B-Instruct-v0.1"),
        ),
        ("ollama_chat/llama3", ("http://localhost:11434/v1", "llama3")),
    ],
)
def test_a_models_provider_is_known_by_its_name(model: str, where: tuple[str, str]) -> None:
    assert placed(Side("strong", model))["strong"] == where


@pytest.mark.parametrize(
    ("model", "api_base", "where"),
    [
        ("openai/llama", "http://box:8000/v1", ("http://box:8000/v1", "llama")),
        ("llama", "http://box:8000/v1", ("http://box:8000/v1", "llama")),
        ("meta-llama/Llama-3.1-8B", "http://box:8000/v1", ("http://box:8000/v1", "meta-llama/Llama-3.1-8B")),
        ("hosted_vllm/llama", "http://box:8000/v1", ("http://box:8000/v1", "llama")),
        ("ollama_chat/llama3", "http://box:11434", ("http://box:11434/v1", "llama3")),
        ("ollama_chat/llama3", "http://box:11434/v1/", ("http://box:11434/v1", "llama3")),
    ],
)
def test_an_address_of_ones_own_is_asked_for_the_name_without_its_provider(
    model: str, api_base: str, where: tuple[str, str]
) -> None:
    assert placed(Side("weak", model, api_base), environ={})["weak"] == where


def test_a_side_that_is_not_given_stays_as_the_settings_have_it() -> None:
    base = Settings(
        weak_url="http://box:1/v1",
        weak_model="small",
        strong_url="http://box:2/v1",
        strong_api_key=Secret("k"),
        deployments=(Deployment(route="named", model="third", url="http://box:3/v1"),),
        master_key=Secret("nobody-is-at-a-door"),
    )
    settings = settings_for(base, (Side("strong", "gpt-4.1"), Side("weak", None)), KEYS)
    assert (settings.weak_url, settings.weak_model) == ("http://box:1/v1", "small")
    assert (settings.strong_url, settings.strong_api_key) == (None, None)
    assert [deployment.route for deployment in settings.deployments] == ["named", "strong"]
    assert not settings.closed


@pytest.mark.parametrize(
    ("side", "said"),
    [
        (Side("strong", "gpt-4.1"), "set OPENAI_API_KEY, or give strong_api_key"),
        (Side("weak", "anyscale/mistralai/Mixtral-8x7B"), "of which provider .* name its endpoint with weak_api_base"),
        (Side("weak", "mystery"), "of which provider is 'mystery'"),
        (Side("weak", None, "http://box:8000/v1"), "weak_model: api_base or api_key is given and no model"),
    ],
)
def test_what_cannot_be_placed_is_said_with_the_remedy(side: Side, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        placed(side, environ={})
