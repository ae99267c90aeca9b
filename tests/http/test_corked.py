"""Writes of one moment go out together, in order, and no more than a little is ever held."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest_asyncio
import uvloop

from router.http.corked import MOST_HELD_BYTES, Corked


class Wire(asyncio.Protocol):
    """One end of a connection: notes what it is told."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.received = bytearray()
        self.paused = False
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own class is no subclass of it

    def data_received(self, data: bytes) -> None:
        self.received += data

    def pause_writing(self) -> None:
        self.paused = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


@pytest_asyncio.fixture
async def ends() -> AsyncIterator[tuple[Wire, Wire]]:
    """Both ends of a connection: the one that writes, the one that reads."""
    loop = asyncio.get_running_loop()
    accepted: asyncio.Queue[Wire] = asyncio.Queue()

    class Accepting(Wire):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            accepted.put_nowait(self)

    server = await loop.create_server(Accepting, "127.0.0.1", 0)
    _, writes = await loop.create_connection(Wire, *server.sockets[0].getsockname())
    reads = await accepted.get()
    yield writes, reads
    writes.transport.abort()
    reads.transport.abort()
    server.close()


async def arrived(reads: Wire, size: int) -> bytes:
    async with asyncio.timeout(5):
        while len(reads.received) < size:
            await asyncio.sleep(0.001)
    return bytes(reads.received)


async def test_writes_of_one_moment_are_held_until_the_next_turn_and_stay_in_order(ends: tuple[Wire, Wire]) -> None:
    writes, reads = ends
    corked = Corked(writes.transport)
    for piece in (b"one ", b"two ", b"three"):
        corked.write(piece)
    assert not writes.transport.get_write_buffer_size()
    assert not reads.received
    assert await arrived(reads, 13) == b"one two three"
    corked.write(b" four")
    assert await arrived(reads, 18) == b"one two three four"


async def test_closing_sends_what_is_held(ends: tuple[Wire, Wire]) -> None:
    writes, reads = ends
    corked = Corked(writes.transport)
    corked.write(b"the last word")
    corked.close()
    await asyncio.wait_for(reads.lost.wait(), 5)
    assert reads.received == b"the last word"


async def test_aborting_sends_nothing_more(ends: tuple[Wire, Wire]) -> None:
    writes, reads = ends
    corked = Corked(writes.transport)
    corked.write(b"never mind")
    corked.abort()
    await asyncio.wait_for(reads.lost.wait(), 5)
    assert not reads.received


async def test_a_reader_who_takes_nothing_is_felt_at_once(ends: tuple[Wire, Wire]) -> None:
    writes, reads = ends
    reads.transport.pause_reading()
    corked = Corked(writes.transport)
    written = 0
    while not writes.paused:  # within one turn of the event loop
        corked.write(b"x" * MOST_HELD_BYTES)
        written += MOST_HELD_BYTES
        assert written < 100_000_000
    assert corked.get_write_buffer_size() > 0


def test_what_is_written_for_somebody_who_left_is_dropped() -> None:
    async def leave() -> None:
        loop = asyncio.get_running_loop()
        errors: list[object] = []
        loop.set_exception_handler(lambda _, context: errors.append(context))
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        transport, writes = await loop.create_connection(Wire, *server.sockets[0].getsockname())
        corked = Corked(transport)
        corked.write(b"held")
        transport.abort()
        await writes.lost.wait()
        await asyncio.sleep(0.01)
        corked.write(b"late")
        corked.flush()
        corked.close()
        server.close()
        assert errors == []

    uvloop.run(leave())  # the server's own loop, whose closed transports refuse to be written to
