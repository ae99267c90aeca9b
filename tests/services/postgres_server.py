"""A real PostgreSQL on a loopback port."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from tests.services.process import ServerProcess

INSTALLED = Path("/usr/lib/postgresql")
"""Debian keeps every major version in a folder of its own, none of them on the path."""

UNPRIVILEGED = "postgres"
"""Who runs it where the tests run as root: it refuses root."""

HASTY = ("fsync=off", "full_page_writes=off")
"""Quick, and of no use after a power cut; what was committed outlives `kill`, since the system has it by then."""


class PostgresServer(ServerProcess):
    """PostgreSQL with one superuser, ``underdog``, who has a password.

    Args:
        folder: where its log goes.
        data: an empty folder that belongs to who runs it.
        programs: the folder with ``postgres`` and ``initdb``.
        durable: wait for the disk, as it does by default.
    """

    # "Fast": connections are cut and nothing is lost. SIGTERM would wait for clients to leave.
    stop_signal = signal.SIGINT

    def __init__(self, folder: Path, data: Path, *, programs: Path, durable: bool = False) -> None:
        super().__init__(folder / "postgres.log", user=UNPRIVILEGED if os.geteuid() == 0 else None)
        self.password = secrets.token_hex(8)
        self._data = data
        self._programs = programs
        self._durable = durable

    @property
    def url(self) -> str:
        """Its first database."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """One of its databases."""
        return f"postgresql://underdog:{self.password}@127.0.0.1:{self.port}/{database}"

    def command(self) -> Sequence[str]:
        options = ["unix_socket_directories=", "shared_buffers=32MB", *(() if self._durable else HASTY)]
        where = ["-D", str(self._data), "-h", "127.0.0.1", "-p", str(self.port)]
        return [str(self._programs / "postgres"), *where, *(part for option in options for part in ("-c", option))]

    async def start(self) -> None:
        if not (self._data / "PG_VERSION").exists():
            await asyncio.to_thread(self._initialise)
        await super().start()

    async def answers(self) -> bool:
        return await self._run("pg_isready", "-q", "-t", "5", "-h", "127.0.0.1", "-p", str(self.port)) == 0

    async def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one statement, without a driver."""
        quiet = ("-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", os.devnull)
        assert await self._run("psql", *quiet, "-d", self.url_of(database), "-c", statement) == 0, statement

    async def new_database(self) -> str:
        """The URL of a database with nothing in it."""
        name = f"test_{secrets.token_hex(6)}"
        await self.execute(f"CREATE DATABASE {name} STRATEGY = file_copy")
        return self.url_of(name)

    async def drop(self, url: str) -> None:
        """Remove such a database, whoever is connected to it."""
        await self.execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    async def _run(self, program: str, *arguments: str) -> int:
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                str(self._programs / program),
                *arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()

    def _initialise(self) -> None:
        read, write = os.pipe()
        os.write(write, f"{self.password}\n".encode())
        os.close(write)
        rights = ["--username=underdog", "--auth=scram-sha-256", f"--pwfile=/dev/fd/{read}"]
        small = ["--no-sync", "--wal-segsize=4", "--encoding=UTF8", "--locale=C"]
        command = [str(self._programs / "initdb"), "-D", str(self._data), *rights, *small]
        os.fchmod(read, 0o644)
        with self.log.open("ab") as log:
            subprocess.run(
                command,
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[read],
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
            )
        os.close(read)


def postgres_programs() -> Path:
    """The folder of the newest PostgreSQL; a test that asks for it is skipped where there is none."""
    found = [folder for folder in INSTALLED.glob("*/bin") if (folder / "initdb").exists()]
    if found:
        return max(found, key=lambda folder: float(folder.parent.name))
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    pytest.skip("PostgreSQL is not installed: apt-get install postgresql")


@contextmanager
def scratch_data() -> Iterator[Path]:
    """An empty folder that the unprivileged user may enter, as pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="underdog-postgres-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, UNPRIVILEGED, UNPRIVILEGED)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def a_postgres(folder: Path, *, durable: bool = False) -> AsyncIterator[PostgresServer]:
    """A PostgreSQL for one test, which may stop, kill and freeze it; ended with the block.

    Args:
        folder: where its log goes; its data lies in a scratch folder of its own.
        durable: wait for the disk, as it does by default: slower, and needed by no test that kills it.
    """
    programs = postgres_programs()
    with scratch_data() as data:
        server = PostgresServer(folder, data, programs=programs, durable=durable)
        try:
            await server.start()
            yield server
        finally:
            await server.kill()
