"""The one connection to Redis that all shared state goes through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

Argument = bytes | str | int | float


class Link(Protocol):
    """Redis as shared state sees it: quick, or away at once. For one event loop.

    While Redis is away, every call raises ``SharedStateAway`` at once rather than wait; whoever asks goes on with what
    this process knows. Looking whether it is back happens in the background.
    """

    @property
    def up(self) -> bool:
        """Whether Redis answered last time."""
        ...

    def key(self, name: str) -> str:
        """The key of a name, for ``call``; ``run`` and ``later`` see to theirs themselves."""
        ...

    async def call(self, *command: Argument) -> Any:
        """One command and its reply, in bytes. Calls made in the same turn of the event loop share one round trip.

        The caller names keys by ``key``.

        Raises:
            SharedStateAway: there is no reply.
        """
        ...

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """A Lua script, which Redis runs as one step, and its reply. ``keys`` are names.

        Raises:
            SharedStateAway: there is no reply. Whether the script ran is not known then.
        """
        ...

    def later(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> None:
        """Run a script soon, without waiting for it: what is said at the same time shares one round trip.

        While Redis is away what is said is dropped: ``on_return`` is where to say it again.
        """
        ...

    def on_return(self, tell: Callable[[], None]) -> None:
        """Call ``tell`` each time Redis has come back, on the event loop."""
        ...

    async def start(self) -> None:
        """Begin to connect; does not wait for it."""
        ...

    async def aclose(self) -> None:
        """Say what waits, as far as that takes no more than a moment, and let go."""
        ...
