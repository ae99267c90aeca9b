"""Cuts connections whose other end has fallen silent in the middle of a statement.

A server that is frozen keeps its sockets open, and its kernel goes on to acknowledge packets: neither keepalive nor
PostgreSQL's own timeouts notice, and libpq waits for ever.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Protocol

_TURN_S = 0.25


class HasSocket(Protocol):
    """A connection with a file descriptor."""

    def fileno(self) -> int:
        """The socket."""
        ...


class Watchdog:
    """A thread that is there once something is watched."""

    def __init__(self) -> None:
        self._deadlines: dict[HasSocket, float] = {}
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False

    @contextlib.contextmanager
    def limit(self, connection: HasSocket, seconds: float | None) -> Iterator[None]:
        """Cut ``connection`` unless the block has ended within ``seconds``; None never does."""
        if seconds is None:
            yield
            return
        with self._wake:
            if not self._deadlines:
                self._wake.notify()
            self._deadlines[connection] = time.monotonic() + seconds
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._run, name="database-watchdog", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._wake:
                self._deadlines.pop(connection, None)

    def close(self) -> None:
        """End the thread. May be called twice."""
        with self._wake:
            self._closing = True
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._deadlines or self._closing)
                if self._closing:
                    return
                now = time.monotonic()
                for connection in [one for one, deadline in self._deadlines.items() if deadline < now]:
                    del self._deadlines[connection]
                    _cut(connection)
            time.sleep(_TURN_S)


def _cut(connection: HasSocket) -> None:
    with contextlib.suppress(Exception):  # closed meanwhile
        descriptor = os.dup(connection.fileno())
        with socket.socket(fileno=descriptor) as cut:
            cut.shutdown(socket.SHUT_RDWR)
