"""A server of another house that a test starts, stops, kills and freezes: what Redis and PostgreSQL have in common."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

START_LIMIT_S = 60
STOP_LIMIT_S = 60
POLL_S = 0.02

LOWEST_PORT = 10_000
"""Well-known services lie below."""

EPHEMERAL_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A free loopback port, below those that the system gives to outgoing connections.

    A server that was stopped finds its port free again, however many connections were opened meanwhile.
    """
    below = int(EPHEMERAL_PORTS.read_text().split()[0]) if EPHEMERAL_PORTS.exists() else 32_768
    for _ in range(1000):
        port = LOWEST_PORT + secrets.randbelow(max(below - LOWEST_PORT, 10_000))
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free loopback port was found in 1000 tries")


class ServerProcess:
    """A process that listens on a loopback port of its own, the same one after every start.

    Args:
        log: file that what it prints is appended to.
        user: who runs it, where it must be somebody else.
    """

    stop_signal = signal.SIGTERM
    """What asks it to end in good order."""

    def __init__(self, log: Path, *, user: str | None = None) -> None:
        self.port = free_port()
        self.log = log
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str]:
        """What starts it in the foreground."""
        raise NotImplementedError

    async def answers(self) -> bool:
        """Whether it does what it is for, and not merely listens."""
        raise NotImplementedError

    async def start(self) -> None:
        """Start it, and wait until it answers. After `kill`, what it had under way may be in the way for a moment."""
        async with asyncio.timeout(START_LIMIT_S):
            self._launch()
            while not await self.answers():
                if not self.running:
                    await asyncio.sleep(0.2)
                    self._launch()
                await asyncio.sleep(POLL_S)

    async def stop(self) -> None:
        """Let it end in good order; nothing where it does not run."""
        await self._end(self.stop_signal)

    async def kill(self) -> None:
        """End it as a power cut would."""
        await self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it hang: connections stay open, and nothing is answered until `thaw`."""
        # The parent first: it starts no further children then.
        os.kill(self.pid, signal.SIGSTOP)
        for child in self._children():
            os.kill(child, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was."""
        for pid in (*self._children(), self.pid):
            os.kill(pid, signal.SIGCONT)

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None, "it was never started"
        return self._process.pid

    def _launch(self) -> None:
        # Where the tests are killed, it goes as well.
        guard = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*guard, *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
            )

    async def _end(self, how: signal.Signals) -> None:
        if self._process is None or not self.running:
            return
        children = self._children()
        self._process.send_signal(how)
        # Those that are frozen could not hear of it.
        for pid in (*children, self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        async with asyncio.timeout(STOP_LIMIT_S):
            while self.running or any(map(_lives, children)):
                await asyncio.sleep(POLL_S)

    def _children(self) -> list[int]:
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in listed.read_text().split()] if listed.exists() else []


def _lives(pid: int) -> bool:
    """Whether there is such a process, other than one that ended and of which nobody has taken notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
