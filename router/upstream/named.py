"""Models that callers name beside the two of the routes: configured ones, and those of providers whose key is there."""

from __future__ import annotations

import functools
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import httpx

from router.errors import SettingsError
from router.upstream.base import Upstream
from router.upstream.connect import at_provider, open_upstream
from router.upstream.http_upstream import Timeouts
from router.upstream.locality import local_part
from router.upstream.providers import PROVIDERS, Provider, known_provider, provider_called, split_model
from router.upstream.transport import open_transport

MAX_ON_DEMAND = 256
"""Models kept at hand that callers named; the one that was not asked for the longest goes first."""

_MODEL_ID = re.compile(r"[!-~]{1,200}")
"""Ids that may be taken from a caller: they end up in URLs, headers and the ledger."""


class NamedModels:
    """Finds the upstream of a model that a caller names.

    Args:
        configured: upstreams of the deployments with the route ``named``, by the name that callers use.
        on_demand: opens others; None where callers may name configured ones only.
    """

    def __init__(self, configured: Mapping[str, Upstream] | None = None, on_demand: Opens | None = None) -> None:
        self.configured = dict(configured or {})
        self._on_demand = on_demand

    def find(self, name: str) -> Upstream | None:
        """The upstream of a model by its name, if callers may have it."""
        found = self.configured.get(name)
        return found if found is not None or self._on_demand is None else self._on_demand.find(name)

    def only_local(self) -> NamedModels:
        """Those on this machine and its network."""
        here = {name: part for name, upstream in self.configured.items() if (part := local_part(upstream)) is not None}
        return NamedModels(here, None if self._on_demand is None else LocalOnDemand(self._on_demand))

    def lacking(self, name: str) -> str | None:
        """What is missing for a model of a known provider to be found by its name; None where that is not known."""
        return None if self._on_demand is None else self._on_demand.lacking(name)

    def preload(self) -> None:
        """Import what names are looked up in, where callers may name any. That costs 0.1 s: call it in a thread."""
        if self._on_demand is not None:
            self._on_demand.preload()

    async def aclose(self) -> None:
        """Let go of the connections of models that were opened on demand; the configured ones are closed as such."""
        if self._on_demand is not None:
            await self._on_demand.aclose()


class Opens(Protocol):
    """Opens models that callers name."""

    def find(self, name: str) -> Upstream | None:
        """The upstream for a name; None where there is none for it."""
        ...

    def lacking(self, name: str) -> str | None:
        """What is missing for it, where that is known."""
        ...

    def preload(self) -> None:
        """Import what names are looked up in."""
        ...

    async def aclose(self) -> None:
        """Let go of all connections."""
        ...


class LocalOnDemand:
    """Implements `Opens` for what another one opens on this machine and its network."""

    def __init__(self, others: Opens) -> None:
        self._others = others

    def find(self, name: str) -> Upstream | None:
        """A local upstream for the name."""
        return local_part(self._others.find(name))

    def lacking(self, name: str) -> str | None:
        """Nothing that could be set: what is not local stays out of reach."""
        return None

    def preload(self) -> None:
        """The others' own."""

    async def aclose(self) -> None:
        """The others' own."""


class OnDemand:
    """Opens upstreams for ``provider/model`` names, and for bare ids whose maker the price list knows.

    Only for providers whose key is in the environment for this purpose, and for local servers that the operator lists.
    Models of one provider share their connections, so that naming many opens no more of them.

    Args:
        environ: where keys are looked for.
        local: ids of local servers whose models may be named.
        timeouts: patience with them.
        dress: what each upstream is wrapped in.

    Raises:
        SettingsError: ``local`` names what is no local server.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        local: Iterable[str],
        timeouts: Timeouts,
        dress: Callable[[Upstream], Upstream] = lambda upstream: upstream,
    ) -> None:
        self._environ = environ
        self._timeouts = timeouts
        self._dress = dress
        self._open = {provider.id for provider in map(_local_server, local)} | _with_keys(environ)
        self._kept: OrderedDict[tuple[str, str], Upstream] = OrderedDict()
        self._transports: dict[str, httpx.AsyncBaseTransport] = {}

    def find(self, name: str) -> Upstream | None:
        """The upstream for a name, made if need be; None where there is none for it."""
        if not self._open or not _MODEL_ID.fullmatch(name):
            return None
        named = split_model(name)
        if named is None or named[0].id not in self._open:
            named = self._made_by(name)
        return None if named is None else self._at_hand(*named)

    def lacking(self, name: str) -> str | None:
        """What is missing for the provider that a name begins with; None where it names none, or nothing is missing."""
        named = split_model(name)
        if named is None or named[0].id in self._open:
            return None
        provider = named[0]
        if provider.local:
            return f"named_local does not list '{provider.id}'"
        if provider.shared_key:
            return f"models of '{provider.id}' need a deployment with the route 'named'"
        return f"{' or '.join(provider.key_variables)} is not set"

    def preload(self) -> None:
        """Import the price list, by which the makers of bare ids are told, where any may be asked."""
        if self._open:
            maker_of("")

    async def aclose(self) -> None:
        """Let go of all connections."""
        self._kept.clear()
        for transport in self._transports.values():
            await transport.aclose()

    def _made_by(self, name: str) -> tuple[Provider, str] | None:
        maker = maker_of(name)
        provider = provider_called(maker) if maker in self._open else None
        return None if provider is None else (provider, name)

    def _at_hand(self, provider: Provider, model: str) -> Upstream | None:
        place = provider.id, model
        if place not in self._kept:
            upstream = self._opened(provider, model)
            if upstream is None:
                return None
            self._kept[place] = self._dress(upstream)
        self._kept.move_to_end(place)
        if len(self._kept) > MAX_ON_DEMAND:
            # Answers under way keep theirs until they are told.
            self._kept.popitem(last=False)
        return self._kept[place]

    def _opened(self, provider: Provider, model: str) -> Upstream | None:
        variable, key = provider.key(self._environ) or (f"the key of '{provider.id}'", None)
        try:
            target = at_provider(provider, model, self._environ)
            return open_upstream(
                target,
                name=provider.id,
                key=key,
                key_setting=variable,
                timeouts=self._timeouts,
                transport=self._transport(provider, target.url),
            )
        except SettingsError:  # a variable is missing or holds nonsense: the provider is not set up
            return None

    def _transport(self, provider: Provider, url: str) -> httpx.AsyncBaseTransport:
        if provider.id not in self._transports:
            self._transports[provider.id] = open_transport(url)
        return self._transports[provider.id]


def _with_keys(environ: Mapping[str, str]) -> set[str]:
    """The providers whose key is there, and for nothing but this."""
    clouds = (provider for provider in PROVIDERS if not provider.local and not provider.shared_key)
    return {provider.id for provider in clouds if provider.key(environ)}


def _local_server(name: str) -> Provider:
    provider = known_provider(name, "named_local")
    if not provider.local:
        remedy = "a provider's models can be named once its key is set"
        raise SettingsError(f"named_local: '{name}' is no local server; {remedy}.")
    return provider


@functools.lru_cache(maxsize=1024)
def maker_of(model: str) -> str | None:
    """The price list's id of whoever makes a model, where the model's name tells it and the list knows the model."""
    from genai_prices.data_snapshot import get_snapshot

    providers = get_snapshot().providers
    reference = model.lower()
    for provider in providers:
        # The list's own look-up keeps every name that it was ever asked for, and these come from callers.
        if provider.model_match is not None and provider.model_match.is_match(reference):
            return provider.id if provider.find_model(reference, all_providers=providers) else None
    return None
