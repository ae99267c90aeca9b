"""How sharing goes."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class SharedStatus(Struct, frozen=True, kw_only=True):
    """Whether Redis is there, and the messages to and from other servers since the start.

    ``lag_s``: seconds that this server is behind the others; ``waiting``: messages that Redis does not have yet;
    ``dropped``: those that it never will; ``skipped``: those of others that could not be understood.
    """

    state: Literal["up", "away"]
    lag_s: float
    received: int
    skipped: int
    published: int
    dropped: int
    waiting: int
