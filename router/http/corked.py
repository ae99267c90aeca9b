"""A connection that sends what is written at one moment in one go.

Every send costs a system call, and the other side a wake-up: more than all else that a small answer takes. Headers and
body are written one after the other, and so are the events of a stream that came together.
"""

from __future__ import annotations

import asyncio
from typing import Any

MOST_HELD_BYTES = 64 * 1024
"""Bytes beyond which nothing is held: from here on the connection itself says when it is full."""


class Corked:
    """Stands before a transport and holds what is written until the event loop's next turn.

    Args:
        transport: an open one; everything but writing and closing is its own matter.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._held: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        """Send ``data`` after all that was written before it, by the next turn of the event loop."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)
        self._size += len(data)
        if self._size > MOST_HELD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send now what is held; where the other side is gone it is nobody's any more."""
        held, self._held, self._size = self._held, [], 0
        if held and not self._transport.is_closing():
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))

    def close(self) -> None:
        """Close once all is sent."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what is held is lost."""
        self._held = []
        self._transport.abort()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
