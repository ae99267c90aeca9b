"""What every handler needs, injected as one: Litestar resolves each dependency anew for every request."""

from __future__ import annotations

from dataclasses import dataclass, field

from router.accounts import Accounts
from router.gateway import Gateway
from router.hardware.pressure import MemoryWatch
from router.http.auth import Doorman
from router.replicas import Replicas
from router.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The parts behind the handlers; they live as long as the server."""

    gateway: Gateway
    settings: Settings
    doorman: Doorman
    accounts: Accounts
    replicas: Replicas
    memory: MemoryWatch = field(default_factory=MemoryWatch)
