"""From a configured deployment to what asks it: one upstream for each of its keys. Connects to nobody yet."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from router.configured.deployments import Deployment
from router.configured.secret import Secret
from router.errors import SettingsError
from router.upstream.base import Upstream
from router.upstream.http_upstream import Timeouts
from router.upstream.openai_compatible import OpenAICompatibleUpstream
from router.upstream.providers import LOCAL, Provider, is_local, provider_at


def connect(
    deployment: Deployment, *, name: str, timeouts: Timeouts, environ: Mapping[str, str]
) -> tuple[Upstream, ...]:
    """Make the upstreams of a deployment.

    Args:
        deployment: what the settings say of it.
        name: how people and errors call it.
        timeouts: the server's own, where the deployment has none.
        environ: where keys are looked for.

    Raises:
        SettingsError: it names no URL, a URL that cannot be used, or a key variable that is not set.
    """
    if deployment.url is None:
        raise SettingsError(f"deployments: '{name}' has no url.")
    require_usable(deployment.url, f"deployments: '{name}': url")
    provider = provider_at(deployment.url)
    return tuple(
        OpenAICompatibleUpstream(
            name=name,
            base_url=deployment.url,
            model=deployment.model or (provider.strong_model if provider else None),
            api_key=key,
            provider=provider_id(deployment.url, provider),
            headers={header: value.reveal() for header, value in deployment.headers.items()},
            timeouts=_timeouts(deployment, timeouts),
            key_setting=variable,
        )
        for variable, key in _keys(deployment, name, provider, environ)
    )


def provider_id(url: str, provider: Provider | None) -> str | None:
    """The price list's id for whoever listens at a URL."""
    if provider is not None:
        return provider.id
    return LOCAL if is_local(url) else None


def require_usable(url: str, setting: str) -> None:
    """Refuse URLs that could never work. The message leaves the URL out where it may hold a secret.

    Raises:
        SettingsError: naming the ``setting``.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError(f"{setting}: not a URL: {error}.") from error
    if parts.username or parts.password:
        raise SettingsError(f"{setting}: holds credentials; move the key to {setting.replace('_URL', '_API_KEY')}.")
    if parts.scheme not in {"http", "https"} or not host:
        raise SettingsError(f"{setting}: '{url}' must begin with http:// or https:// and name a host.")


def _keys(
    deployment: Deployment, name: str, provider: Provider | None, environ: Mapping[str, str]
) -> list[tuple[str, Secret | None]]:
    """The keys to use, each with the setting that holds it; one without a key where there is none."""
    keys: list[tuple[str, Secret | None]] = []
    if deployment.api_key is not None:
        keys.append((f"deployments: '{name}': api_key", deployment.api_key))
    for variable in deployment.api_key_env:
        if not environ.get(variable):
            raise SettingsError(f"deployments: '{name}': the variable {variable} is not set.")
        keys.append((variable, Secret(environ[variable])))
    if not keys and provider is not None and (found := provider.key(environ)) is not None:
        keys.append(found)
    return keys or [(f"deployments: '{name}': api_key", None)]


def _timeouts(deployment: Deployment, ours: Timeouts) -> Timeouts:
    return Timeouts(
        connect_s=deployment.connect_timeout_s or ours.connect_s,
        first_token_s=deployment.first_token_timeout_s or ours.first_token_s,
        total_s=deployment.total_timeout_s or ours.total_s,
    )
