"""From settings to the upstream that is configured for embeddings."""

from __future__ import annotations

from collections.abc import Mapping

from router.configured.deployments import Deployment
from router.errors import SettingsError
from router.settings import Settings
from router.upstream.base import Upstream
from router.upstream.build import resilience_of, share_of
from router.upstream.connect import require_usable
from router.upstream.http_upstream import sendable
from router.upstream.locality import require_local
from router.upstream.pool import pool_of

NAME = "embeddings"


def embeddings_upstream(settings: Settings, environ: Mapping[str, str]) -> Upstream | None:
    """Configure what ``embeddings_url`` names; None where it names nothing. Connects to nobody yet.

    Raises:
        SettingsError: the URL cannot be used, or there is a key without one.
    """
    if settings.embeddings_url is None:
        if settings.embeddings_api_key is not None:
            raise SettingsError("UNDERDOG_EMBEDDINGS_API_KEY is set without UNDERDOG_EMBEDDINGS_URL; set the URL too.")
        return None
    # Here, where they have the names by which the operator knows them.
    require_usable(settings.embeddings_url, "UNDERDOG_EMBEDDINGS_URL")
    sendable(settings.embeddings_api_key, "UNDERDOG_EMBEDDINGS_API_KEY")
    deployment = Deployment(
        route="named",
        url=settings.embeddings_url,
        model=settings.embeddings_model or NAME,  # a request always says which: none needs to be looked up
        api_key=settings.embeddings_api_key,
    )
    share = share_of(deployment, name=NAME, settings=settings, environ=environ)
    pool = pool_of(NAME, [share], resilience_of(settings))
    if settings.privacy == "local-only":
        require_local([pool])
    return pool
