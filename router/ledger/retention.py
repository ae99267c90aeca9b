"""Lets go of requests that are older than the operator wants: their rows, ratings and prompts. Totals stay."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta

from router.database import Database
from router.errors import DatabaseError
from router.ledger.rows import micros

FIRST_S = 60.0
EVERY_S = 3600.0
"""Seconds from the start of a server to the first look, and from one look to the next."""

AT_ONCE = 500
"""Rows in one transaction: others may write in between."""

_PAUSE_S = 0.05

_OLDEST = "SELECT seq, request_id, at FROM requests WHERE seq > ? ORDER BY seq LIMIT ?"
_DELETE_WHAT_REFERS = (
    "DELETE FROM prompts WHERE request_id = ?",
    "DELETE FROM rated_pairs WHERE request_id = ?",
    "DELETE FROM feedback WHERE request_id = ?",
)
_DELETE = "DELETE FROM requests WHERE request_id = ?"

_log = logging.getLogger("underdog.ledger")


def prune(database: Database, before: datetime, *, pause_s: float = _PAUSE_S) -> int:
    """Delete the requests from before a moment, a few at a time.

    Rows are looked at in the order in which they were written, up to the first ``AT_ONCE`` of which none is old enough:
    a row that waited somewhere before it was written goes with those around it.

    Args:
        database: with the ledger, of the newest schema.
        before: aware.
        pause_s: seconds between transactions.

    Returns:
        How many there were.

    Raises:
        DatabaseError: the database cannot be used; what was deleted so far stays deleted.
    """
    horizon = micros(before)
    last, deleted = 0, 0
    while True:
        with database.reading() as connection:
            found = connection.execute(_OLDEST, (last, AT_ONCE)).fetchall()
        old = [(request_id,) for _, request_id, at in found if at < horizon]
        if not old:
            return deleted
        with database.writing() as connection:
            for delete in _DELETE_WHAT_REFERS:
                connection.executemany(delete, old)
            # Counted here: another server may be at it as well.
            deleted += connection.executemany(_DELETE, old).rowcount
        last = found[-1][0]
        time.sleep(pause_s)


class Pruner:
    """A thread that looks every hour.

    Args:
        database: see ``prune``.
        keep: how long requests are kept.
        first_s: seconds to the first look.
        every_s: seconds from one to the next.
    """

    def __init__(
        self, database: Database, keep: timedelta, *, first_s: float = FIRST_S, every_s: float = EVERY_S
    ) -> None:
        self._database = database
        self._keep = keep
        self._every_s = every_s
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(first_s,), name="ledger-pruner", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, after the few rows that it may be at."""
        self._closing.set()

    def _run(self, wait_s: float) -> None:
        while not self._closing.wait(wait_s):
            wait_s = self._every_s
            try:
                if gone := prune(self._database, datetime.now(UTC) - self._keep):
                    _log.info("%d requests are older than %s and are gone from the ledger", gone, self._keep)
            except DatabaseError as error:
                _log.warning("old requests are kept for now: %s", error)
