"""What `underdog init` finds to offer: models on local servers, and providers whose key is in the environment."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

from router.upstream.nearby import NearbyServer, find_servers
from router.upstream.providers import PROVIDERS, Provider, provider_called

MOST_MODELS = 8
"""Models that one server is offered with; more would be no question that people read."""

_NOT_FOR_CHAT = ("embed", "bge-", "rerank", "whisper", "minilm")


class Offer(Struct, frozen=True, kw_only=True):
    """A model that can be used.

    ``provider``: None for a server that shows no sign of whose it is. ``url``: where it is, unless that is where the
    provider's servers usually are. ``variable`` holds its key, where it needs one.
    """

    provider: str | None = None
    model: str
    url: str | None = None
    variable: str | None = None

    @property
    def label(self) -> str:
        """How people read it."""
        where = f"{self.provider} ({self.url})" if self.provider and self.url else self.provider or self.url
        return f"{self.model} at {where}" + (f" (key in {self.variable})" if self.variable else "")


def local_offers(environ: Mapping[str, str], ports: Mapping[int, list[Provider]] | None = None) -> list[Offer]:
    """Models of servers that listen on this machine where such servers usually do, as `underdog doctor` finds them.

    Args:
        environ: where ``OLLAMA_HOST`` is looked for.
        ports: where to look instead of at the usual ones.
    """
    found = asyncio.run(find_servers(environ, ports=ports))
    return [_offer(server, model) for server in found for model in _chatting(server)[:MOST_MODELS]]


def cloud_offers(environ: Mapping[str, str]) -> list[Offer]:
    """The strong model of each provider that has one and whose key is there."""
    offers = []
    for provider in PROVIDERS:
        found = provider.key(environ)
        if provider.strong_model and not provider.local and found is not None:
            offers.append(Offer(provider=provider.id, model=provider.strong_model, variable=found[0]))
    return offers


def _chatting(server: NearbyServer) -> list[str]:
    return [model for model in server.models if not any(word in model.lower() for word in _NOT_FOR_CHAT)]


def _offer(server: NearbyServer, model: str) -> Offer:
    provider = provider_called(server.provider)
    if provider is None:
        return Offer(model=model, url=server.base_url)
    usual = urlsplit(provider.base_url).port == urlsplit(server.base_url).port
    return Offer(provider=provider.id, model=model, url=None if usual else server.base_url)
