"""From settings to all upstreams: deployments first, then a configured URL, the embedded LLM, a provider by its key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from router.configured.deployments import Deployment
from router.configured.secret import Secret
from router.errors import SettingsError
from router.naming import is_reserved
from router.settings import PREFIX, Settings
from router.types import Route, Tuning
from router.upstream.aliases import Aliases
from router.upstream.base import Upstream
from router.upstream.connect import Target, at_provider, at_url, connect, open_upstream, require_usable
from router.upstream.embedded.upstream import EmbeddedUpstream
from router.upstream.http_upstream import Timeouts
from router.upstream.locality import local_part, require_local
from router.upstream.named import NamedModels, OnDemand
from router.upstream.pool import Pool, Resilience, Share, pool_of
from router.upstream.providers import PROVIDERS, Provider, discover, split_model

BOTH_ROUTES: tuple[Route, ...] = ("weak", "strong")


def _places(upstream: Upstream) -> set[tuple[str, str]]:
    """Where an upstream asks, and for which model: ids that differ in case alone are one model's."""
    members = [member.upstream for member in upstream.members] if isinstance(upstream, Pool) else [upstream]
    return {(member.address, member.model.lower()) for member in members}


def _no_aliases() -> Aliases:
    return Aliases({}, has=lambda name: False)


@dataclass(frozen=True, slots=True)
class Upstreams:
    """What answers each route. None where nothing is configured for it.

    ``named``: models beside the two, which callers name; ``aliases``: short names for any of them.
    """

    weak: Upstream | None
    strong: Upstream | None
    named: NamedModels = field(default_factory=NamedModels)
    aliases: Aliases = field(default_factory=_no_aliases)

    def on(self, route: Route) -> Upstream | None:
        """What answers one of the two routes."""
        return {"weak": self.weak, "strong": self.strong}.get(route)

    def find(self, name: str) -> tuple[Route, Upstream] | None:
        """A route and what answers it, by the route's name or its model's id."""
        routes: tuple[tuple[Route, Upstream | None], ...] = (("weak", self.weak), ("strong", self.strong))
        for route, upstream in routes:
            if upstream is not None and name in {route, upstream.model}:
                return route, upstream
        found = self.named.find(name)
        return None if found is None else ("named", found)

    def answering(self, route: Route, model: str) -> Upstream | None:
        """What answers a decision for a route and a model."""
        if route != "named":
            return self.on(route)
        return self.named.find(model)

    def read(self, tuning: Tuning) -> Tuning:
        """A caller's tuning with the alias in it, if there is one, read as what it stands for.

        A route's own model is that route under any other name that it has, such as ``openai/gpt-4.1``: what rules say
        of the route holds for it. Not so where a deployment has that name.
        """
        tuning = self.aliases.read(tuning)
        name = tuning.pinned_model
        if name is None or name in self.named.configured:
            return tuning
        found = self.find(name)
        if found is None or found[0] != "named":
            return tuning
        for route in BOTH_ROUTES:
            if (upstream := self.on(route)) is not None and _places(found[1]) <= _places(upstream):
                return msgspec.structs.replace(tuning, pinned_model=None, pinned_route=route)
        return tuning

    def names(self, tuning: Tuning) -> frozenset[str]:
        """All names of what a tuning pins, as `read` gives it: the route's, the model's, and that with its provider."""
        name = tuning.pinned_route or tuning.pinned_model
        found = None if name is None else self.find(name)
        if name is None or found is None:
            return frozenset()
        route, upstream = found
        own = {name, upstream.model, f"{upstream.provider or route}/{upstream.model}"}
        return frozenset(own if route == "named" else own | {route})

    def only_local(self) -> Upstreams:
        """Those on this machine and its network; see `router.upstream.locality`. They stay these ones' to close."""
        local = Upstreams(weak=local_part(self.weak), strong=local_part(self.strong), named=self.named.only_local())
        return replace(local, aliases=self.aliases.among(lambda name: local.find(name) is not None))

    @property
    def configured(self) -> list[Upstream]:
        """All that there are from the start."""
        routes = [upstream for upstream in (self.weak, self.strong) if upstream is not None]
        return routes + list(self.named.configured.values())

    async def aclose(self) -> None:
        """Let go of all of them."""
        for upstream in self.configured:
            await upstream.aclose()
        await self.named.aclose()


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the settings say about one route."""

    route: Route
    url: str | None
    model: str | None
    key: Secret | None

    def variable(self, setting: str) -> str:
        """The environment variable of one of the route's settings, which is how messages name it."""
        return f"{PREFIX}{self.route}_{setting}".upper()


def build_upstreams(
    settings: Settings, environ: Mapping[str, str], *, embedded: EmbeddedUpstream | None = None
) -> Upstreams:
    """Choose and configure the upstreams. Connects to nobody and starts nothing; that is ``Upstream.start``.

    Args:
        settings: see the ``deployments``, ``weak_*``, ``strong_*``, ``named_*``, ``aliases``, ``embedded_*`` and
            ``*_timeout_s`` fields.
        environ: where provider keys are looked for, such as ``OPENAI_API_KEY``.
        embedded: an embedded LLM that runs already, to be used where it is of the kind that is wanted.

    Raises:
        SettingsError: where settings contradict each other or a URL cannot be used.
    """
    weak = _Asked("weak", settings.weak_url, settings.weak_model, settings.weak_api_key)
    strong = _Asked("strong", settings.strong_url, settings.strong_model, settings.strong_api_key)
    routes = Upstreams(
        weak=_deployed(weak, settings, environ) or _alone(_weak(weak, settings, environ, embedded), settings),
        strong=_deployed(strong, settings, environ) or _alone(_strong(strong, settings, environ), settings),
        named=NamedModels(_named(settings, environ), _on_demand(settings, environ)),
    )
    aliases = Aliases(settings.aliases, has=lambda name: routes.find(name) is not None)
    upstreams = replace(routes, aliases=aliases)
    if settings.privacy == "any":
        return upstreams
    require_local(upstreams.configured)
    return upstreams.only_local()


def _deployed(asked: _Asked, settings: Settings, environ: Mapping[str, str]) -> Pool | None:
    """The pool of a route that has deployments."""
    deployments = [deployment for deployment in settings.deployments if deployment.route == asked.route]
    if not deployments:
        return None
    for name, value in (("url", asked.url), ("model", asked.model), ("api_key", asked.key)):
        if value is not None:
            raise SettingsError(
                f"{asked.variable(name)} is set, and deployments serve the {asked.route} route; keep one."
            )
    shares = [
        share_of(deployment, name=deployment.name or f"{asked.route}-{number}", settings=settings, environ=environ)
        for number, deployment in enumerate(deployments, start=1)
    ]
    return pool_of(asked.route, shares, resilience_of(settings))


def _named(settings: Settings, environ: Mapping[str, str]) -> dict[str, Upstream]:
    """A pool for each model that deployments with the route ``named`` serve."""
    by_model: dict[str, list[Share]] = {}
    for deployment in settings.deployments:
        if deployment.route != "named":
            continue
        if deployment.model is None:
            raise SettingsError("deployments: one with the route 'named' names no model for callers to ask for.")
        if is_reserved(deployment.model):
            raise SettingsError(f"deployments: model: '{deployment.model}' means something already; nobody reaches it.")
        share = share_of(deployment, name=deployment.name or deployment.model, settings=settings, environ=environ)
        by_model.setdefault(deployment.model, []).append(share)
    return {model: pool_of(model, shares, resilience_of(settings)) for model, shares in by_model.items()}


def _on_demand(settings: Settings, environ: Mapping[str, str]) -> OnDemand | None:
    if not settings.named_models:
        return None
    return OnDemand(
        environ=environ,
        local=settings.named_local,
        timeouts=_timeouts(settings),
        dress=lambda upstream: pool_of(upstream.name, [Share((upstream,))], resilience_of(settings)),
    )


def _alone(upstream: Upstream | None, settings: Settings) -> Pool | None:
    """A pool of one: a single upstream is retried and left alone like any other."""
    if upstream is None:
        return None
    return pool_of(upstream.name, [Share((upstream,))], resilience_of(settings))


def share_of(deployment: Deployment, *, name: str, settings: Settings, environ: Mapping[str, str]) -> Share:
    """A deployment's part of a pool."""
    return Share(
        connect(deployment, name=name, timeouts=_timeouts(settings), environ=environ),
        weight=deployment.weight,
        max_concurrent=deployment.max_concurrent,
        hedge_after_s=deployment.hedge_after_s,
    )


def resilience_of(settings: Settings) -> Resilience:
    """How persistent pools are, by the settings."""
    return Resilience(
        retries=settings.retries,
        retry_budget=settings.retry_budget,
        breaker_failures=settings.breaker_failures,
        breaker_failure_rate=settings.breaker_failure_rate,
        breaker_open_s=settings.breaker_open_s,
        hedge_after_s=settings.hedge_after_s,
        total_s=settings.total_timeout_s,
    )


def _weak(asked: _Asked, settings: Settings, environ: Mapping[str, str], running: EmbeddedUpstream | None) -> Upstream:
    if asked.url is not None:
        return _configured(asked, asked.url, settings, environ)
    if (named := split_model(asked.model or "")) is not None:
        return _at_provider(asked, *named, settings, environ)
    _refuse_leftovers(asked, "the weak model is the embedded LLM")
    embedded = EmbeddedUpstream(
        name="weak",
        home=settings.home_path,
        threads=settings.embedded_threads,
        context=settings.embedded_context,
        timeouts=_timeouts(settings),
    )
    return running if running is not None and running.is_like(embedded) else embedded


def _strong(asked: _Asked, settings: Settings, environ: Mapping[str, str]) -> Upstream | None:
    if asked.url is not None:
        return _configured(asked, asked.url, settings, environ)
    provider, named = discover(environ), split_model(asked.model or "")
    if settings.privacy == "local-only":
        provider = None  # nobody is asked for the mere reason that a key is there
    # Of a provider that was found, many a model has a name that begins like this one: `openai/gpt-oss-120b` at Groq.
    if named is not None and (provider is None or named[0].local or named[0].key(environ) or asked.key is not None):
        return _at_provider(asked, *named, settings, environ)
    if provider is None:
        variables = ", ".join(provider.key_variables[0] for provider in PROVIDERS[:3])
        _refuse_leftovers(asked, f"there is no provider key either ({variables}, ...)")
        return None
    if asked.key is not None:
        _refuse_leftovers(asked, f"the key of the provider '{provider.id}' was found in the environment")
    return _at_provider(asked, provider, asked.model, settings, environ)


def _at_provider(
    asked: _Asked, provider: Provider, model: str | None, settings: Settings, environ: Mapping[str, str]
) -> Upstream:
    variable, key = asked.variable("api_key"), asked.key
    if key is None and (found := provider.key(environ)) is not None:
        variable, key = found
    if key is None and not provider.local:
        wanted = " or ".join(provider.key_variables)
        message = f"{asked.variable('model')} is of the provider '{provider.id}', whose key is not there; set {wanted}."
        raise SettingsError(message)
    return _opened(asked, at_provider(provider, model, environ), variable, key, settings)


def _configured(asked: _Asked, url: str, settings: Settings, environ: Mapping[str, str]) -> Upstream:
    require_usable(url, asked.variable("url"))
    target = at_url(url, asked.model)
    found = target.provider.key(environ) if target.provider and asked.key is None else None
    variable, key = found or (asked.variable("api_key"), asked.key)
    return _opened(asked, target, variable, key, settings)


def _opened(asked: _Asked, target: Target, variable: str, key: Secret | None, settings: Settings) -> Upstream:
    return open_upstream(target, name=asked.route, key=key, key_setting=variable, timeouts=_timeouts(settings))


def _timeouts(settings: Settings) -> Timeouts:
    return Timeouts(
        connect_s=settings.connect_timeout_s,
        first_token_s=settings.first_token_timeout_s,
        total_s=settings.total_timeout_s,
    )


def _refuse_leftovers(asked: _Asked, because: str) -> None:
    """A key or a model id without a URL would be ignored in silence."""
    for name, value in (("model", asked.model), ("api_key", asked.key)):
        if value is not None:
            message = f"{asked.variable(name)} is set without {asked.variable('url')}, and {because}; set the URL too."
            raise SettingsError(message)
