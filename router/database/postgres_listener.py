"""Hears of what other servers change, by PostgreSQL's LISTEN and NOTIFY."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import psycopg

_RETRY_S = 1.0
_LOOK_UP_S = 1.0
_QUIET_TURNS = 15

_log = logging.getLogger("underdog.database")


class Listener:
    """A thread with a connection of its own. ``heard`` grows with each change, and with each connection made.

    With each connection: what changed while there was none was not heard.

    Args:
        connect: makes a connection; raises ``psycopg.Error``.
        channel: what is listened to; a name of our own.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection[tuple[Any, ...]]], channel: str) -> None:
        self.heard = 0
        self._connect = connect
        self._channel = channel
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="database-listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; takes a second at most where the server answers."""
        self._closing.set()
        self._thread.join(timeout=2 * _LOOK_UP_S)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                with self._connect() as connection:
                    self._listen(connection)
            except psycopg.Error as error:
                _log.info("changes are not heard of just now (%s); trying again", type(error).__name__)
                self._closing.wait(_RETRY_S)

    def _listen(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        connection.execute(f"LISTEN {self._channel}")  # a name of our own
        self.heard += 1
        quiet = 0
        while not self._closing.is_set():
            heard = sum(1 for _ in connection.notifies(timeout=_LOOK_UP_S, stop_after=1))
            self.heard += heard
            quiet = 0 if heard else quiet + 1
            if quiet >= _QUIET_TURNS:
                # A connection that a firewall has forgotten is as quiet as one on which nothing happens.
                connection.execute("SELECT 1")
                quiet = 0
