"""From what the settings say of an endpoint to what asks it. Connects to nobody yet."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from router.configured.deployments import Deployment
from router.configured.secret import Secret
from router.errors import SettingsError
from router.upstream.anthropic import AnthropicUpstream
from router.upstream.any_llm import PREFIX as ANY_LLM
from router.upstream.any_llm import AnyLLMUpstream
from router.upstream.base import Upstream
from router.upstream.http_upstream import Timeouts, sendable
from router.upstream.openai_compatible import OpenAICompatibleUpstream
from router.upstream.provider import MODEL_PLACEHOLDER, Protocol
from router.upstream.providers import LOCAL, Provider, is_local, known_provider, provider_at, split_model

logger = logging.getLogger("underdog.settings")
_BLANK = re.compile(r"\s")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110's token."""

_FRAMING = frozenset(
    {"connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that say where a request ends, whom it is for and what becomes of its connection; two would be read in two
ways."""


@dataclass(frozen=True, slots=True)
class Target:
    """One model at one endpoint.

    ``prices``: what tells its price, see `router.upstream.base.Upstream.provider`. ``provider``: whose endpoint it is,
    if we know them. ``model``: None takes what the endpoint itself names.
    """

    url: str
    model: str | None
    prices: str | None
    provider: Provider | None = None
    protocol: Protocol = "openai"
    key_header: str = "authorization"


def at_provider(provider: Provider, model: str | None, environ: Mapping[str, str]) -> Target:
    """A provider's model; without one, its strong one.

    Raises:
        SettingsError: its URL needs a variable that is not set, or is none with what the variables hold.
    """
    model = model or provider.strong_model
    url = provider.url(environ, model)
    if provider.variables:
        require_usable(url, f"the URL of the provider '{provider.id}' (from {', '.join(provider.variables)})")
    return Target(
        url=url,
        model=model,
        prices=provider.price_id,
        provider=provider,
        protocol=provider.protocol,
        key_header=provider.key_header,
    )


def at_url(url: str, model: str | None) -> Target:
    """The model behind a URL, with what we know of whoever listens there."""
    provider = provider_at(url)
    if provider is None:
        return Target(url=url, model=model, prices=LOCAL if is_local(url) else None)
    return Target(
        url=url,
        model=model or provider.strong_model,
        prices=provider.price_id,
        provider=provider,
        protocol=provider.protocol,
        key_header=provider.key_header,
    )


def open_upstream(
    target: Target,
    *,
    name: str,
    key: Secret | None,
    key_setting: str,
    timeouts: Timeouts,
    headers: Mapping[str, str] | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Upstream:
    """What asks a target.

    Args:
        target: the model and where it is.
        name: how people and errors call it.
        key: None where it needs none.
        key_setting: the setting that holds the key.
        timeouts: patience with it.
        headers: sent with every request.
        transport: connections to use; None opens own ones.

    Raises:
        SettingsError: the key cannot be sent, or no model is named where the protocol needs one.
    """
    if target.protocol == "openai":
        return OpenAICompatibleUpstream(
            name=name,
            base_url=target.url,
            model=target.model,
            api_key=key,
            provider=target.prices,
            headers=headers,
            timeouts=timeouts,
            key_setting=key_setting,
            key_header=target.key_header,
            transport=transport,
        )
    if target.model is None:
        raise SettingsError(f"'{name}' names no model; Anthropic's protocol needs one.")
    return AnthropicUpstream(
        name=name,
        base_url=target.url,
        model=target.model,
        api_key=key,
        provider=target.prices,
        headers=headers,
        timeouts=timeouts,
        key_setting=key_setting,
        key_header=target.key_header,
        transport=transport,
    )


def connect(
    deployment: Deployment, *, name: str, timeouts: Timeouts, environ: Mapping[str, str]
) -> tuple[Upstream, ...]:
    """Make the upstreams of a deployment, one for each of its keys.

    Args:
        deployment: what the settings say of it.
        name: how people and errors call it.
        timeouts: the server's own, where the deployment has none.
        environ: where keys and the variables in a provider's URL are looked for.

    Raises:
        SettingsError: it does not say where it is, or says something that cannot work; a variable is not set.
    """
    setting = f"deployments: '{name}'"
    timeouts = _timeouts(deployment, timeouts)
    headers = {header: _sendable(header, value, setting) for header, value in deployment.headers.items()}
    if deployment.protocol == "any-llm" or (deployment.provider or "").startswith(ANY_LLM):
        return _through_library(deployment, name, setting, timeouts, headers, environ)
    target = _target(deployment, setting, environ)
    return tuple(
        open_upstream(target, name=name, key=key, key_setting=variable, timeouts=timeouts, headers=headers)
        for variable, key in _keys(deployment, setting, target.provider, environ)
    )


def _target(deployment: Deployment, setting: str, environ: Mapping[str, str]) -> Target:
    provider = known_provider(deployment.provider, f"{setting}: provider") if deployment.provider else None
    model = deployment.model
    if provider is None and deployment.url is None and model is not None and (named := split_model(model)):
        provider, model = named
    if provider is None and deployment.url is None:
        raise SettingsError(f"{setting} says neither its provider nor its url.")
    if deployment.url is not None:
        require_usable(deployment.url, f"{setting}: url")
    try:
        target = _found(provider, deployment.url, model, environ)
    except SettingsError as error:
        raise SettingsError(f"{setting}: {error}") from error
    if deployment.protocol is None or deployment.protocol == target.protocol:
        return target
    spoken: Protocol = "anthropic" if deployment.protocol == "anthropic" else "openai"
    return dataclasses.replace(
        target, protocol=spoken, key_header="x-api-key" if spoken == "anthropic" else "authorization"
    )


def _found(provider: Provider | None, url: str | None, model: str | None, environ: Mapping[str, str]) -> Target:
    if provider is None:
        return at_url(url or "", model)
    if url is not None:  # the provider's, at another address: behind a proxy, or on another machine
        return dataclasses.replace(at_provider(dataclasses.replace(provider, base_url=url), model, {}), url=url)
    if MODEL_PLACEHOLDER in provider.base_url and not model:
        raise SettingsError(f"the provider '{provider.id}' needs a model.")
    return at_provider(provider, model, environ)


def _through_library(
    deployment: Deployment,
    name: str,
    setting: str,
    timeouts: Timeouts,
    headers: Mapping[str, str],
    environ: Mapping[str, str],
) -> tuple[Upstream, ...]:
    provider = (deployment.provider or "").removeprefix(ANY_LLM)
    if not provider or deployment.model is None:
        raise SettingsError(f"{setting}: any-llm needs a provider ('any-llm:NAME') and a model.")
    if deployment.url is not None:
        require_usable(deployment.url, f"{setting}: url")
    return tuple(
        AnyLLMUpstream(
            name=name,
            provider=provider,
            model=deployment.model,
            api_key=key,
            base_url=deployment.url,
            headers=headers,
            timeouts=timeouts,
            key_setting=variable,
        )
        for variable, key in _keys(deployment, setting, None, environ)
    )


def require_usable(url: str, setting: str) -> None:
    """Refuse URLs that could never work, and warn of one that most likely will not.

    The message leaves the URL out where it may hold a secret.

    Raises:
        SettingsError: naming the ``setting``.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        # By neither error's own words: they quote the password where it holds a slash.
        remedy = "write http://HOST:PORT/v1, the port up to 65535, and no credentials"
        raise SettingsError(f"{setting}: not a URL; {remedy}.") from None
    if parts.username or parts.password:
        place = setting.replace("_URL", "_API_KEY") if setting.endswith("_URL") else "`api_key_env` or `api_key`"
        raise SettingsError(f"{setting}: holds credentials; move the key to {place}.")
    if host and _BLANK.search(host):
        raise SettingsError(f"{setting}: its host holds a blank.")
    if parts.scheme not in {"http", "https"} or not host:
        shown = url.partition("?")[0]  # a query may hold a key
        raise SettingsError(f"{setting}: '{shown}' must begin with http:// or https:// and name a host.")
    if parts.path in {"", "/"} and provider_at(url) is None:
        # Not refused: some servers do answer there. Where they do not, their 404 says little to whoever gets it.
        logger.warning("%s: the URL has no path; most servers answer below /v1.", setting)


def _keys(
    deployment: Deployment, setting: str, provider: Provider | None, environ: Mapping[str, str]
) -> list[tuple[str, Secret | None]]:
    """The keys to use, each with the setting that holds it; one without a key where there need be none."""
    keys: list[tuple[str, Secret | None]] = []
    if deployment.api_key is not None:
        keys.append((f"{setting}: api_key", deployment.api_key))
    for variable in deployment.api_key_env:
        if not environ.get(variable):
            raise SettingsError(f"{setting}: the variable {variable} is not set.")
        keys.append((variable, Secret(environ[variable])))
    if keys or provider is None:
        return keys or [(f"{setting}: api_key", None)]
    if (found := provider.key(environ)) is not None:
        return [found]
    if deployment.url is None and not provider.local:
        wanted = " or ".join(provider.key_variables)
        raise SettingsError(f"{setting}: the provider '{provider.id}' needs a key; set {wanted}, or `api_key_env`.")
    return [(f"{setting}: api_key", None)]


def _sendable(header: str, value: Secret, setting: str) -> str:
    """The value of a header that is sent with every request."""
    if not _HEADER_NAME.fullmatch(header):
        raise SettingsError(f"{setting}: headers: '{header[:60]}' is no name of a header.")
    if header.lower() in _FRAMING:
        raise SettingsError(f"{setting}: headers: '{header}' is the connection's own; leave it out.")
    return sendable(value, f"{setting}: headers: '{header}'")


def _timeouts(deployment: Deployment, ours: Timeouts) -> Timeouts:
    return Timeouts(
        connect_s=deployment.connect_timeout_s or ours.connect_s,
        first_token_s=deployment.first_token_timeout_s or ours.first_token_s,
        total_s=deployment.total_timeout_s or ours.total_s,
    )
