"""One step of a request's bookkeeping: whatever goes wrong in it, no answer is lost over that."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from router.errors import LedgerError

T = TypeVar("T")

logger = logging.getLogger("underdog.requests")


def attempt(request_id: str, step: str, do: Callable[[], T]) -> T | None:
    """What ``do`` gives, or None where it fails, which is logged.

    Args:
        request_id: whose bookkeeping it is.
        step: what is done, for the log.
        do: does it.
    """
    try:
        return do()
    except Exception as error:  # noqa: BLE001 - see above
        # A foreign error goes by its type alone: its message may quote a prompt.
        reason = error if isinstance(error, LedgerError) else type(error).__name__
        logger.error("request %s: %s failed: %s", request_id, step, reason)
        return None
