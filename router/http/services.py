"""What every handler needs, injected as one: Litestar resolves each dependency anew for every request."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from router.accounts import Accounts
from router.gateway import Gateway
from router.hardware.pressure import MemoryWatch
from router.http.auth import Doorman
from router.replicas import Replicas
from router.settings import Settings


class SettingsFile(Struct, frozen=True, kw_only=True):
    """How the settings' file fares: whether what it says is in use, or was refused; the reason is in the log.

    ``line``: of what is wrong, where it has one. ``waits_for_restart``: settings that a running server cannot change.
    """

    state: Literal["in use", "refused"]
    line: int | None = None
    waits_for_restart: list[str] = []


@dataclass(slots=True)
class Services:
    """The parts behind the handlers, which live as long as the server.

    Not so settings and doorman: each request takes those that are there when it comes. ``file``: None where no file is
    followed. ``started``: when they began.
    """

    gateway: Gateway
    settings: Settings
    doorman: Doorman
    accounts: Accounts
    replicas: Replicas
    memory: MemoryWatch = field(default_factory=MemoryWatch)
    file: SettingsFile | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
