"""The cloud providers that we know: where they listen, which variable holds their key, what to ask them for."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from router.configured.secret import Secret

LOCAL = "local"
"""Provider of models on our own machines, which cost nothing per token."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider with an OpenAI-compatible endpoint.

    ``id`` is its id in the price list. ``strong_model`` is the id to ask for where the settings name none; the price
    list knows it.
    """

    id: str
    base_url: str
    key_variables: tuple[str, ...]
    strong_model: str

    @property
    def host(self) -> str:
        """The host name in ``base_url``."""
        return urlsplit(self.base_url).hostname or ""

    def key(self, environ: Mapping[str, str]) -> tuple[str, Secret] | None:
        """The first of its key variables that is set, with its value."""
        for variable in self.key_variables:
            if environ.get(variable):
                return variable, Secret(environ[variable])
        return None


PROVIDERS = (
    # gpt-4.1 because it takes what existing clients send: later ones refuse `max_tokens` and a temperature.
    Provider("openai", "https://api.openai.com/v1", ("OPENAI_API_KEY",), "gpt-4.1"),
    Provider("openrouter", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",), "anthropic/claude-opus-5.5"),
    Provider("anthropic", "https://api.anthropic.com/v1", ("ANTHROPIC_API_KEY",), "claude-opus-5-5"),
    Provider(
        "google",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        "gemini-2.5-pro",
    ),
    Provider("mistral", "https://api.mistral.ai/v1", ("MISTRAL_API_KEY",), "mistral-large-latest"),
    Provider("deepseek", "https://api.deepseek.com/v1", ("DEEPSEEK_API_KEY",), "deepseek-chat"),
    Provider("x-ai", "https://api.x.ai/v1", ("XAI_API_KEY",), "grok-4.7"),
    Provider("groq", "https://api.groq.com/openai/v1", ("GROQ_API_KEY",), "openai/gpt-oss-120b"),
    Provider("cerebras", "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",), "gpt-oss-120b"),
    Provider(
        "together", "https://api.together.xyz/v1", ("TOGETHER_API_KEY",), "meta-llama/Llama-3.3-70B-Instruct-Turbo"
    ),
    Provider(
        "fireworks",
        "https://api.fireworks.ai/inference/v1",
        ("FIREWORKS_API_KEY",),
        "accounts/fireworks/models/deepseek-v4-pro",
    ),
)
"""In the order in which keys found in the environment are taken."""


def discover(environ: Mapping[str, str]) -> Provider | None:
    """The first provider whose key the environment holds."""
    return next((provider for provider in PROVIDERS if provider.key(environ)), None)


def provider_at(base_url: str) -> Provider | None:
    """The provider that listens at the host of this URL, if we know it."""
    host = urlsplit(base_url).hostname
    return next((provider for provider in PROVIDERS if provider.host == host), None)


def is_local(base_url: str) -> bool:
    """Whether the URL points to this machine or a private network, judged by the name or address alone."""
    host = urlsplit(base_url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # A name without a dot is a container or a machine of the local network.
        return "." not in host or host.endswith((".localhost", ".local", ".internal", ".lan", ".home.arpa"))
    return address.is_loopback or address.is_private or address.is_link_local
