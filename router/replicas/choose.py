"""From the settings to the parts."""

from __future__ import annotations

from router.replicas.alone import Alone, Replicas
from router.settings import Settings


def replicas_of(settings: Settings) -> Replicas:
    """One of several servers where ``redis_url`` is set. Connects to nobody yet.

    Raises:
        SettingsError: ``redis_url`` is no address of Redis.
    """
    if settings.redis_url is None:
        return Alone()
    # Here, so that a server that is alone never imports Redis's client.
    from router.replicas.several import OneOfSeveral

    return OneOfSeveral(settings, settings.redis_url.reveal())
