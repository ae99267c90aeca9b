"""From settings to the two upstreams: a configured URL first, else the embedded LLM or a provider found by its key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from router.configured.deployments import Deployment
from router.configured.secret import Secret
from router.errors import SettingsError
from router.settings import PREFIX, Settings
from router.types import Route
from router.upstream.base import Upstream
from router.upstream.connect import connect, provider_id, require_usable
from router.upstream.embedded.upstream import EmbeddedUpstream
from router.upstream.http_upstream import Timeouts
from router.upstream.openai_compatible import OpenAICompatibleUpstream
from router.upstream.pool import Pool, Resilience, Share, pool_of
from router.upstream.providers import PROVIDERS, Provider, discover, provider_at


@dataclass(frozen=True, slots=True)
class Upstreams:
    """What answers each route. None where nothing is configured for it."""

    weak: Upstream | None
    strong: Upstream | None

    def on(self, route: Route) -> Upstream | None:
        """What answers a route."""
        return {"weak": self.weak, "strong": self.strong}.get(route)

    def find(self, name: str) -> tuple[Route, Upstream] | None:
        """A route and what answers it, by the route's name or its model's id."""
        routes: tuple[tuple[Route, Upstream | None], ...] = (("weak", self.weak), ("strong", self.strong))
        for route, upstream in routes:
            if upstream is not None and name in {route, upstream.model}:
                return route, upstream
        return None

    @property
    def configured(self) -> list[Upstream]:
        """All that there are."""
        return [upstream for upstream in (self.weak, self.strong) if upstream is not None]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the settings say about one route."""

    route: Route
    url: str | None
    model: str | None
    key: Secret | None

    def variable(self, field: str) -> str:
        """The environment variable of one of the route's settings, which is how messages name it."""
        return f"{PREFIX}{self.route}_{field}".upper()


def build_upstreams(settings: Settings, environ: Mapping[str, str]) -> Upstreams:
    """Choose and configure the upstreams. Connects to nobody and starts nothing; that is ``Upstream.start``.

    Args:
        settings: see the ``weak_*``, ``strong_*``, ``embedded_*`` and ``*_timeout_s`` fields.
        environ: where provider keys are looked for, such as ``OPENAI_API_KEY``.

    Raises:
        SettingsError: where settings contradict each other or a URL cannot be used.
    """
    weak = _Asked("weak", settings.weak_url, settings.weak_model, settings.weak_api_key)
    strong = _Asked("strong", settings.strong_url, settings.strong_model, settings.strong_api_key)
    return Upstreams(
        weak=_deployed("weak", settings, environ) or _alone(_weak(weak, settings, environ), settings),
        strong=_deployed("strong", settings, environ) or _alone(_strong(strong, settings, environ), settings),
    )


def _deployed(route: Route, settings: Settings, environ: Mapping[str, str]) -> Pool | None:
    """The pool of a route that has deployments."""
    shares = [
        share_of(deployment, name=deployment.name or f"{route}-{number}", settings=settings, environ=environ)
        for number, deployment in enumerate((each for each in settings.deployments if each.route == route), start=1)
    ]
    return pool_of(route, shares, resilience_of(settings)) if shares else None


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


def _weak(asked: _Asked, settings: Settings, environ: Mapping[str, str]) -> Upstream:
    if asked.url is not None:
        return _configured(asked, asked.url, settings, environ)
    _refuse_leftovers(asked, "the weak model is the embedded LLM")
    return EmbeddedUpstream(
        name="weak",
        home=settings.home_path,
        threads=settings.embedded_threads,
        context=settings.embedded_context,
        timeouts=_timeouts(settings),
    )


def _strong(asked: _Asked, settings: Settings, environ: Mapping[str, str]) -> Upstream | None:
    if asked.url is not None:
        return _configured(asked, asked.url, settings, environ)
    provider = discover(environ)
    if provider is None:
        variables = ", ".join(provider.key_variables[0] for provider in PROVIDERS[:3])
        _refuse_leftovers(asked, f"there is no provider key either ({variables}, ...)")
        return None
    if asked.key is not None:
        _refuse_leftovers(asked, f"the key of the provider '{provider.id}' was found in the environment")
    return _at_provider(asked, provider, settings, environ)


def _at_provider(
    asked: _Asked, provider: Provider, settings: Settings, environ: Mapping[str, str]
) -> OpenAICompatibleUpstream:
    variable, key = provider.key(environ) or (provider.key_variables[0], None)
    return OpenAICompatibleUpstream(
        name=asked.route,
        base_url=provider.base_url,
        model=asked.model or provider.strong_model,
        api_key=key,
        provider=provider.id,
        timeouts=_timeouts(settings),
        key_setting=variable,
    )


def _configured(asked: _Asked, url: str, settings: Settings, environ: Mapping[str, str]) -> OpenAICompatibleUpstream:
    require_usable(url, asked.variable("url"))
    provider = provider_at(url)
    found = provider.key(environ) if provider and asked.key is None else None
    variable, key = found or (asked.variable("api_key"), asked.key)
    return OpenAICompatibleUpstream(
        name=asked.route,
        base_url=url,
        model=asked.model or (provider.strong_model if provider else None),
        api_key=key,
        provider=provider_id(url, provider),
        timeouts=_timeouts(settings),
        key_setting=variable,
    )


def _timeouts(settings: Settings) -> Timeouts:
    return Timeouts(
        connect_s=settings.connect_timeout_s,
        first_token_s=settings.first_token_timeout_s,
        total_s=settings.total_timeout_s,
    )


def _refuse_leftovers(asked: _Asked, because: str) -> None:
    """A key or a model id without a URL would be ignored in silence."""
    for field, value in (("model", asked.model), ("api_key", asked.key)):
        if value is not None:
            message = f"{asked.variable(field)} is set without {asked.variable('url')}, and {because}; set the URL too."
            raise SettingsError(message)
