"""What becomes of a cache's file that cannot be used.

One that is damaged, or a newer Underdog's, is set aside, once, and a new one begins. One that may be well, but cannot
be used just now, is tried again and again, ever more seldom, and the changes wait. Any other is given up until the next
start.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

from router.cache.disk.database import FileTrouble, set_aside, trouble_with

logger = logging.getLogger("underdog.cache")

RETRY_S = 1.0
LONGEST_RETRY_S = 60.0


class Recovery:
    """The troubles of one file, and how long to wait for their end. Says in the log what becomes of it.

    ``trouble``: what is wrong now, if anything is. ``given_up``: whether the file is left alone until the next start.
    ``retry_s``: seconds until one that is in trouble is tried again.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.trouble: FileTrouble | None = None
        self.given_up = False
        self.retry_s = RETRY_S
        self._path = path
        self._was_set_aside = False

    def begin(self, trouble: FileTrouble) -> Literal["opening", "unavailable"]:
        """The file is in trouble, and closed.

        Returns:
            the state that it is in by now: ``opening`` where a new one takes its place at once.
        """
        known = self.trouble is not None
        self.trouble = trouble
        if trouble.kind in ("damaged", "newer") and not self._was_set_aside:
            return self._begin_anew(trouble)
        if trouble.kind != "unusable":
            return self._give_up(trouble)
        self.retry_s = min(2 * self.retry_s, LONGEST_RETRY_S) if known else RETRY_S
        if not known:
            logger.warning("cache %s cannot be used (%s): answers are kept in memory until it can", self._path, trouble)
        return "unavailable"

    def end(self) -> None:
        """The file could be used: whatever trouble there was is over."""
        if self.trouble is not None:
            self.trouble = None
            logger.warning("cache %s can be used again", self._path)

    def _begin_anew(self, trouble: FileTrouble) -> Literal["opening", "unavailable"]:
        self._was_set_aside = True
        try:
            aside = set_aside(self._path, trouble.kind)
        except OSError as error:
            return self._give_up(trouble_with(error))
        logger.warning("cache %s: %s. It lies in %s now, and a new one begins", self._path, trouble, aside)
        self.trouble = None
        return "opening"

    def _give_up(self, trouble: FileTrouble) -> Literal["unavailable"]:
        self.given_up = True
        logger.warning("cache %s: %s. Answers are kept in memory only until the next start", self._path, trouble)
        return "unavailable"
