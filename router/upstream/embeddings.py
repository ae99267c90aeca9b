"""From settings to the upstream that is configured for embeddings."""

from __future__ import annotations

from collections.abc import Mapping

from router.configured.deployments import Deployment
from router.errors import SettingsError
from router.settings import Settings
from router.upstream.base import Upstream
from router.upstream.connect import connect
from router.upstream.http_upstream import Timeouts


def embeddings_upstream(settings: Settings, environ: Mapping[str, str]) -> Upstream | None:
    """Configure what ``embeddings_url`` names; None where it names nothing. Connects to nobody yet.

    Raises:
        SettingsError: the URL cannot be used, or there is a key without one.
    """
    if settings.embeddings_url is None:
        if settings.embeddings_api_key is not None:
            raise SettingsError("UNDERDOG_EMBEDDINGS_API_KEY is set without UNDERDOG_EMBEDDINGS_URL; set the URL too.")
        return None
    # What is asked for is always named, so that no model needs to be looked up.
    deployment = Deployment(
        route="named",
        url=settings.embeddings_url,
        model=settings.embeddings_model or "embeddings",
        api_key=settings.embeddings_api_key,
    )
    timeouts = Timeouts(
        connect_s=settings.connect_timeout_s,
        first_token_s=settings.first_token_timeout_s,
        total_s=settings.total_timeout_s,
    )
    return connect(deployment, name="embeddings", timeouts=timeouts, environ=environ)[0]
