"""Where traces are sent: by the setting ``otlp_endpoint``, or by OpenTelemetry's own variables."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from router.configured.address import http_address
from router.errors import SettingsError
from router.settings import PREFIX, Settings
from router.upstream.providers import is_local

TRACES_PATH = "/v1/traces"
"""What is added to a base URL, as the specification of OTLP over HTTP has it."""

SETTING = "otlp_endpoint"
FOR_TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
FOR_ALL = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SPOKEN = "http/protobuf"


def endpoint_of(settings: Settings, environ: Mapping[str, str]) -> str | None:
    """The URL that spans are posted to; None where requests are not traced.

    Raises:
        SettingsError: it is no URL that can be posted to, or leads where ``privacy`` forbids.
    """
    named = _named(settings, environ)
    if named is None or _switched_off(environ):
        return None
    origin, url = named
    _require_spoken(environ)
    if http_address(url) is None:
        # Without the URL: it may hold a password.
        raise SettingsError(f"{origin}: must be a URL such as http://localhost:4318.")
    if settings.otlp_endpoint and _may_hold_a_key(settings.otlp_endpoint):
        # What stands in the file is shown by `underdog config show`.
        raise SettingsError(f"{origin}: holds credentials or a query; give a key in OTEL_EXPORTER_OTLP_HEADERS.")
    if settings.privacy == "local-only" and not is_local(url):
        raise SettingsError(
            f"{origin}: is not on this machine or its network, and `privacy` is local-only; "
            "send traces to a collector here, or set `privacy` to any."
        )
    return url


def _named(settings: Settings, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Who names an endpoint, and the URL in full."""
    if settings.otlp_endpoint:
        return f"{SETTING} ({PREFIX}{SETTING.upper()})", _below(settings.otlp_endpoint)
    if environ.get(FOR_TRACES):
        return FOR_TRACES, environ[FOR_TRACES]
    if environ.get(FOR_ALL):
        return FOR_ALL, _below(environ[FOR_ALL])
    return None


def _below(base: str) -> str:
    return base if base.endswith(TRACES_PATH) else base.rstrip("/") + TRACES_PATH


def _switched_off(environ: Mapping[str, str]) -> bool:
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return disabled or environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none"


def _require_spoken(environ: Mapping[str, str]) -> None:
    wanted = next(((name, environ[name]) for name in PROTOCOLS if environ.get(name)), None)
    if wanted is not None and wanted[1].strip().lower() != SPOKEN:
        raise SettingsError(f"{wanted[0]}: only {SPOKEN} is spoken; collectors listen for it on port 4318.")


def _may_hold_a_key(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.username or parts.password or parts.query)
