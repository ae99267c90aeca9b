"""A running server follows the pointer: another artifact is loaded beside the old one and takes over whole."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from router.artifacts.in_use import InUse, load_pointed
from router.artifacts.pointer import Pointer
from router.errors import ArtifactError
from router.settings import Settings
from router.stamps import Stamp

logger = logging.getLogger("underdog.artifacts")

EVERY_S = 0.5
"""Seconds between looks, which cost one `stat` each."""


async def follow(pointer: Pointer, settings: Settings, seen: Stamp | None, put_in_use: Callable[[InUse], None]) -> None:
    """Look at the pointer every ``EVERY_S``, until cancelled; what cannot be used changes nothing.

    Args:
        pointer: what to follow.
        settings: the server's, for its own threshold.
        seen: the pointer's stamp from before the present artifact was loaded.
        put_in_use: called on the event loop with each new artifact, loaded and verified.
    """
    while True:
        await asyncio.sleep(EVERY_S)
        stamp = await asyncio.to_thread(pointer.stamp)
        if stamp == seen:
            continue
        seen = stamp
        try:
            put_in_use(await asyncio.to_thread(load_pointed, pointer, settings))
        except ArtifactError as error:
            logger.error("the artifact in use stays: %s", error)
        except Exception as error:  # noqa: BLE001 - a folder of strangers' files must not end the watch
            logger.error(
                "the artifact in use stays: loading another failed with %s; run `underdog artifacts use` again",
                type(error).__name__,
            )
