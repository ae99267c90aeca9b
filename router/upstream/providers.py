"""The provider table, looked things up in: by id, by key, by URL."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from router.errors import SettingsError
from router.upstream.provider import LOCAL, Provider
from router.upstream.provider_table import OTHER_NAMES, PROVIDERS

__all__ = [
    "LOCAL",
    "PROVIDERS",
    "Provider",
    "discover",
    "is_local",
    "known_provider",
    "provider_at",
    "provider_called",
    "split_model",
]

_NAME = re.compile(r"(?!0x)[a-z0-9_-]*[a-z_-][a-z0-9_-]*")
_BY_ID = {provider.id: provider for provider in PROVIDERS}


def provider_called(name: str) -> Provider | None:
    """The provider of an id or another name, in any case of letters."""
    name = name.lower()
    return _BY_ID.get(OTHER_NAMES.get(name, name))


def known_provider(name: str, setting: str) -> Provider:
    """The provider of a name that the settings give.

    Raises:
        SettingsError: naming the ``setting``, and what may have been meant.
    """
    provider = provider_called(name)
    if provider is None:
        nearest = difflib.get_close_matches(name.lower(), [*_BY_ID, *OTHER_NAMES], n=1)
        hint = f"did you mean '{nearest[0]}'?" if nearest else "docs/upstreams.md lists them; a url does without one."
        raise SettingsError(f"{setting}: unknown provider '{name}'; {hint}")
    return provider


def split_model(name: str) -> tuple[Provider, str] | None:
    """The provider and its model in a name like ``groq/llama-3.3-70b-versatile``; None where it names no provider."""
    first, _, model = name.partition("/")
    provider = provider_called(first) if model else None
    return None if provider is None else (provider, model)


def discover(environ: Mapping[str, str]) -> Provider | None:
    """The first provider with a strong model whose key the environment holds."""
    return next((provider for provider in PROVIDERS if provider.strong_model and provider.key(environ)), None)


def provider_at(base_url: str) -> Provider | None:
    """The provider that listens at the host of this URL, if we know it."""
    host = urlsplit(base_url).hostname
    return next((provider for provider in PROVIDERS if not provider.local and host and provider.host == host), None)


def is_local(base_url: str) -> bool:
    """Whether the URL points to this machine or a private network, judged by the name or address alone."""
    host = urlsplit(base_url).hostname or ""
    try:
        return is_local_address(host)
    except ValueError:
        # A name without a dot is a container or a machine of the local network; one of digits is an address, oddly put.
        return bool(_NAME.fullmatch(host)) or host.endswith((".localhost", ".local", ".internal", ".lan", ".home.arpa"))


def is_local_address(text: str) -> bool:
    """Whether an IP address is this machine's or one of a private network.

    Raises:
        ValueError: it is no address.
    """
    address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_private or address.is_link_local
