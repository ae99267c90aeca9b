"""LiteLLM's names of providers, and who is meant by our provider table.

LiteLLM writes a model as ``provider/model``. Its names are among those that our table of providers knows; the variables
in which it looks for keys are those of its documentation (https://docs.litellm.ai/docs/providers, October 2026), and a
row is here where ours differ.
"""

from __future__ import annotations

from msgspec import Struct

from router.upstream.named import maker_of
from router.upstream.providers import Provider, provider_called


class Served(Struct, frozen=True, kw_only=True):
    """Who serves a model, as we say it.

    ``provider``: an id of our table; None for whoever speaks OpenAI's protocol at a URL. ``model``: the id to ask for.
    ``variable``: where LiteLLM looks for the key, where we would not. ``unspoken``: what to do instead where we do not
    speak the provider's own protocol.
    """

    provider: str | None
    model: str
    variable: str | None = None
    unspoken: str | None = None


_OPENAI_ALIKE = frozenset(
    "custom custom_openai docker_model_runner infinity litellm_proxy openai openai_like xinference".split()
)
"""Those who are told by ``api_base`` alone; ``openai`` without one is OpenAI."""

_VARIABLES = {
    "azure": "AZURE_API_KEY",
    "databricks": "DATABRICKS_API_KEY",
    "github": "GITHUB_API_KEY",
    "huggingface": "HUGGINGFACE_API_KEY",
    "meta": "LLAMA_API_KEY",
    "together": "TOGETHERAI_API_KEY",
}
"""Where LiteLLM looks for a provider's key."""

_LIBRARY = {
    "bedrock": "any-llm:bedrock",
    "bedrock_converse": "any-llm:bedrock",
    "sagemaker": "any-llm:sagemaker",
    "sagemaker_chat": "any-llm:sagemaker",
    "vertex_ai": "any-llm:vertexai",
    "vertex_ai_beta": "any-llm:vertexai",
    "watsonx": "any-llm:watsonx",
    "azure_ai": None,
    "replicate": None,
    "oci": None,
    "cloudflare": None,
    "snowflake": None,
}
"""Providers whose own protocol or credentials LiteLLM uses: any-llm's name for them, where it has one."""


def served(model: str, custom: str | None, *, has_base: bool) -> Served:
    """Who serves a model of LiteLLM's.

    Args:
        model: as ``litellm_params.model`` has it, with or without its provider.
        custom: ``custom_llm_provider``, which counts more.
        has_base: whether ``api_base`` says where it is.
    """
    first, _, rest = model.partition("/")
    name = custom or (first if rest else None)
    bare = rest if rest and (custom is None or custom == first) else model
    if name in _OPENAI_ALIKE:
        return _alike(bare, has_base=has_base, is_openai=name == "openai")
    if name in _LIBRARY:
        return _unspoken(name, bare)
    provider = provider_called(name) if name is not None else None
    if provider is not None:
        return Served(provider=provider.id, model=bare, variable=_variable(provider))
    if has_base:
        return Served(provider=None, model=model)
    maker = maker_of(model)
    made_by = provider_called(maker) if maker is not None else None
    if made_by is not None and not rest:
        return Served(provider=made_by.id, model=model, variable=_variable(made_by))
    return _unspoken(name or model, bare)


def _alike(model: str, *, has_base: bool, is_openai: bool) -> Served:
    if has_base:
        return Served(provider=None, model=model)
    if is_openai:
        return Served(provider="openai", model=model)
    return Served(provider=None, model=model, unspoken="says no api_base; write a deployment with its url")


def _unspoken(name: str, model: str) -> Served:
    library = _LIBRARY.get(name)
    what = "Underdog does not speak to it by itself"
    if library:
        what += f"; with the extra `all-providers`, a deployment with provider = '{library}' does"
    else:
        what += "; a deployment with its OpenAI-compatible url does, where it has one (docs/upstreams.md)"
    return Served(provider=None, model=model, unspoken=what)


def _variable(provider: Provider) -> str | None:
    theirs = _VARIABLES.get(provider.id)
    return None if theirs is None or theirs in provider.key_variables else theirs
