"""What every handler needs, injected as one: Litestar resolves each dependency anew for every request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Protocol

from msgspec import Struct

from router.accounts import Accounts
from router.gateway import Gateway
from router.hardware.pressure import MemoryWatch
from router.http.auth import Doorman
from router.http.turns import Turns
from router.replicas import Replicas
from router.settings import Settings, Sources


class SettingsFile(Struct, frozen=True, kw_only=True):
    """How the settings' file fares: whether what it says is in use, or was refused; the reason is in the log.

    ``line``: of what is wrong, where it has one. ``waits_for_restart``: settings that a running server cannot change.
    """

    state: Literal["in use", "refused"]
    line: int | None = None
    waits_for_restart: list[str] = []


class Reloads(Protocol):
    """Reads the settings again, from ``sources``, and puts them in use."""

    sources: Sources

    async def take_up(self) -> None:
        """Put in use what may change; what cannot be used changes nothing, and the log says why."""
        ...


@dataclass(slots=True)
class Services:
    """The parts behind the handlers, which live as long as the server.

    Not so settings and doorman: each request takes those that are there when it comes. ``file`` and
    ``reload``: None where no file is followed. ``changing``: held by who changes that file. ``dialling``: of who
    is told what thresholds give. ``started``: when they began.
    """

    gateway: Gateway
    settings: Settings
    doorman: Doorman
    accounts: Accounts
    replicas: Replicas
    memory: MemoryWatch = field(default_factory=MemoryWatch)
    file: SettingsFile | None = None
    reload: Reloads | None = None
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    dialling: Turns = field(default_factory=Turns)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
