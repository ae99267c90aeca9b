"""What `underdog init` finds to offer: models on local servers, and providers whose key is in the environment."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx
import msgspec
from msgspec import Struct

from router.errors import UNREADABLE_JSON
from router.upstream.providers import PROVIDERS, Provider

PATIENCE_S = 1.0
MOST_MODELS = 8
"""Models that one server is offered with; more would be no question that people read."""

_NOT_FOR_CHAT = ("embed", "bge-", "rerank", "whisper", "minilm")


class Offer(Struct, frozen=True, kw_only=True):
    """A model that can be used. ``variable`` holds its key, where it needs one."""

    provider: str
    model: str
    variable: str | None = None

    @property
    def label(self) -> str:
        """How people read it."""
        return f"{self.model} at {self.provider}" + (f" (key in {self.variable})" if self.variable else "")


class _Entry(Struct):
    id: str


class _List(Struct):
    data: list[_Entry] = []


def local_offers() -> list[Offer]:
    """Models of servers that listen on this machine where such servers usually do. Takes a second at most."""
    by_url: dict[str, Provider] = {}
    for provider in PROVIDERS:
        if provider.local:
            by_url.setdefault(provider.base_url, provider)
    # A client of its own for each: what is built from the environment's proxies and certificates is not needed here.
    with ThreadPoolExecutor(max_workers=len(by_url)) as pool:
        found = pool.map(_models, by_url)
    return [
        Offer(provider=provider.id, model=model)
        for provider, models in zip(by_url.values(), found, strict=True)
        for model in models[:MOST_MODELS]
    ]


def cloud_offers(environ: Mapping[str, str]) -> list[Offer]:
    """The strong model of each provider that has one and whose key is there."""
    offers = []
    for provider in PROVIDERS:
        found = provider.key(environ)
        if provider.strong_model and not provider.local and found is not None:
            offers.append(Offer(provider=provider.id, model=provider.strong_model, variable=found[0]))
    return offers


def _models(url: str) -> list[str]:
    try:
        answer = httpx.get(f"{url}/models", timeout=PATIENCE_S, trust_env=False)
        listed = msgspec.json.decode(answer.content, type=_List).data if answer.is_success else []
    except (httpx.HTTPError, *UNREADABLE_JSON):
        return []
    return [entry.id for entry in listed if not any(word in entry.id.lower() for word in _NOT_FOR_CHAT)]
