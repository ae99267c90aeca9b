"""A real Redis, or Valkey, on a loopback port."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.services.process import ServerProcess

PROGRAMS = ("redis-server", "valkey-server")
DATABASES = 16


class RedisServer(ServerProcess):
    """Redis as it comes, with nothing on disk unless asked for.

    Args:
        folder: scratch folder for its log and its files.
        program: ``redis-server`` or ``valkey-server``, with its path.
        keep: write every change to disk, so that it is there again after `stop`, and mostly after `kill`.
        arguments: more of its own.
    """

    def __init__(self, folder: Path, *, program: str, keep: bool = False, arguments: Sequence[str] = ()) -> None:
        super().__init__(folder / "redis.log")
        self._folder = folder
        self._program = program
        self._keep = keep
        self._arguments = arguments

    @property
    def url(self) -> str:
        """Its first database."""
        return self.url_of(0)

    def url_of(self, database: int) -> str:
        """One of its `DATABASES` databases."""
        return f"redis://127.0.0.1:{self.port}/{database}"

    def command(self) -> Sequence[str]:
        kept = "yes" if self._keep else "no"
        where = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._folder)]
        return [self._program, *where, "--save", "", "--appendonly", kept, *self._arguments]

    async def answers(self) -> bool:
        try:
            return await self.ask("PING") == "+PONG"
        except OSError:
            return False

    async def ask(self, *commands: str) -> str:
        """Send commands without arguments that need quoting, on a connection of their own.

        Returns:
            The first line of the last reply.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            line = b""
            for command in commands:
                writer.write(f"{command}\r\n".encode())
                line = await reader.readline()
            return line.decode().rstrip()
        finally:
            writer.close()

    async def emptied(self, database: int) -> str:
        """The URL of a database with nothing in it."""
        assert await self.ask(f"SELECT {database}", "FLUSHDB") == "+OK"
        return self.url_of(database)


def redis_program() -> str:
    """Where Redis or Valkey is; a test that asks for it is skipped where neither is."""
    for name in PROGRAMS:
        if found := shutil.which(name, path="/usr/local/bin:/usr/bin:/bin") or shutil.which(name):
            return found
    pytest.skip("neither redis-server nor valkey-server is installed: apt-get install redis-server")


@asynccontextmanager
async def a_redis(folder: Path, *arguments: str, keep: bool = False) -> AsyncIterator[RedisServer]:
    """A Redis for one test, which may stop, kill and freeze it; ended with the block."""
    server = RedisServer(folder, program=redis_program(), keep=keep, arguments=arguments)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()
