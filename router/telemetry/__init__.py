"""Traces of requests, sent by OpenTelemetry's protocol (OTLP over HTTP) where an endpoint is set: nowhere by default.

Only `router.telemetry.otlp` imports OpenTelemetry, and nobody imports that before there is an endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping

from router.settings import Settings
from router.telemetry.endpoint import endpoint_of
from router.tracing import NoTracing, Tracing

__all__ = ["endpoint_of", "tracing_of"]


def tracing_of(settings: Settings, environ: Mapping[str, str]) -> Tracing:
    """What traces requests by these settings and this environment.

    Raises:
        SettingsError: see `endpoint_of`.
    """
    endpoint = endpoint_of(settings, environ)
    if endpoint is None:
        return NoTracing()
    from router.telemetry.otlp import OtlpTracing

    return OtlpTracing(endpoint)
