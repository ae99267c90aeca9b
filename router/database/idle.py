"""Connections that wait to be used again.

Not a pool with threads of its own: a database is used by two or three threads, a caller wants to hear at once why no
connection can be had, and nothing may run in the background of a command that asks one question.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

MOST_IDLE = 4


class Closable(Protocol):
    """What can be let go of."""

    def close(self) -> None:
        """Let go."""
        ...


T = TypeVar("T", bound=Closable)


class Idle(Generic[T]):
    """Hands out connections, one to each user at a time.

    Args:
        connect: makes one more.
    """

    def __init__(self, connect: Callable[[], T]) -> None:
        self._connect = connect
        self._idle: list[T] = []
        self._closed = False
        self._lock = threading.Lock()

    def take(self) -> tuple[T, bool]:
        """A connection, and whether it is new. Raises what ``connect`` does."""
        with self._lock:
            if self._idle:
                return self._idle.pop(), False
        return self._connect(), True

    def take_new(self) -> T:
        """A new one; all that waited are let go of, since they are not to be trusted."""
        self.drop()
        return self._connect()

    def give_back(self, connection: T) -> None:
        """It is no longer used, and well."""
        with self._lock:
            if not self._closed and len(self._idle) < MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def drop(self) -> None:
        """Let go of those that wait."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def close(self) -> None:
        """Let go of those that wait, and of those in use once they are given back."""
        self._closed = True
        self.drop()
