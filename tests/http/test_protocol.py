"""Connections of callers who take their time: a complete answer waits for whoever reads it, and for nobody else."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import uvicorn

from router.http.protocol import Protocol

BODY = b"x" * 20_000_000
ASK = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n"


async def answer(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/slow":
        await asyncio.sleep(0.8)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(BODY))]})
    await send({"type": "http.response.body", "body": BODY, "more_body": False})


@pytest_asyncio.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[uvicorn.Server]:
    monkeypatch.setattr("router.http.protocol.UNREAD_PATIENCE_S", 0.3)
    monkeypatch.setattr("router.http.protocol.HEAD_PATIENCE_S", 0.3)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(answer, http=Protocol, lifespan="off", log_level="critical"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield server
    server.should_exit = True
    await serving


async def connect(server: uvicorn.Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(*server.servers[0].sockets[0].getsockname(), limit=1024)


async def ask(server: uvicorn.Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await connect(server)
    writer.write(ASK)
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def test_who_takes_nothing_of_a_complete_answer_is_dropped(server: uvicorn.Server) -> None:
    _, writer = await ask(server)
    async with asyncio.timeout(10):
        while server.server_state.connections:
            await asyncio.sleep(0.02)
    writer.close()


async def test_who_reads_slowly_gets_the_whole_answer(server: uvicorn.Server) -> None:
    reader, writer = await ask(server)
    taken = 0
    while taken < len(BODY):
        taken += len(await reader.readexactly(min(1_000_000, len(BODY) - taken)))
        await asyncio.sleep(0.05)
    assert server.server_state.connections
    writer.close()


@pytest.mark.parametrize("said", [b"", b"GET / HT", ASK[:-2]])
async def test_who_does_not_come_to_the_end_of_the_headers_is_dropped(server: uvicorn.Server, said: bytes) -> None:
    reader, writer = await connect(server)
    writer.write(said)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


async def test_headers_that_begin_while_an_answer_is_under_way_do_not_cut_it_off(server: uvicorn.Server) -> None:
    reader, writer = await connect(server)
    writer.write(ASK.replace(b"/ ", b"/slow ") + ASK[:-2])
    async with asyncio.timeout(10):
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(len(BODY)) == BODY
        assert await reader.read() == b""
    writer.close()
