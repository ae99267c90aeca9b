"""Asking a running server which artifact it serves, over its own ``/health``."""

from __future__ import annotations

import time
from dataclasses import dataclass

import httpx
import msgspec
from msgspec import Struct

from router.errors import UNREADABLE_JSON, ArtifactError

ANSWER_TIMEOUT_S = 2.0
PATIENCE_S = 15.0
"""A server looks twice a second, and loads and verifies in well under one; a busy machine may take its time."""

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - addresses that are called, not listened on


class ServedArtifact(Struct, frozen=True):
    """What ``/health`` says of the artifact."""

    artifact: str
    artifact_sha256: str
    artifact_pinned: bool


class Silence(Struct, frozen=True):
    """Something answers there, but does not say which artifact it serves."""

    why: str


@dataclass(frozen=True, slots=True)
class RunningServer:
    """The server at one address, if there is one."""

    url: str

    @classmethod
    def at(cls, host: str, port: int) -> RunningServer:
        """The server that listens on ``host`` and ``port``."""
        host = _EVERYWHERE.get(host, host)
        return cls(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")

    def health(self) -> ServedArtifact | Silence | None:
        """What it serves; None where nothing answers."""
        try:
            answer = httpx.get(f"{self.url}/health", timeout=ANSWER_TIMEOUT_S, trust_env=False)
            return msgspec.json.decode(answer.content, type=ServedArtifact)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return None
        except httpx.TimeoutException:
            return Silence(f"it took longer than {ANSWER_TIMEOUT_S:g} seconds")
        except (httpx.HTTPError, *UNREADABLE_JSON):
            return Silence("an older Underdog, or another program")

    def wait_for(self, artifact: str, digest: str) -> None:
        """Wait until it serves this very artifact.

        Raises:
            ArtifactError: it does not, after some seconds.
        """
        until = time.monotonic() + PATIENCE_S
        while not isinstance(health := self.health(), ServedArtifact) or health.artifact_sha256 != digest:
            if time.monotonic() > until:
                now = health.artifact if isinstance(health, ServedArtifact) else "nothing that it names"
                raise ArtifactError(
                    f"The choice is written down, but the server on {self.url} serves {now} after {PATIENCE_S:.0f} "
                    f"seconds, not {artifact}: see its log, or whether it has another home folder (--home)."
                )
            time.sleep(0.2)
