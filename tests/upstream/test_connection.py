"""Connections to an upstream over real sockets: framings, reuse, bounds, and what happens when either side leaves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
import pytest_asyncio

from router.upstream.connection import HELD_BYTES, MAX_HEAD_BYTES, ConnectionLost
from router.upstream.connection_pool import PooledTransport
from router.upstream.transport import pieces

OK = b"HTTP/1.1 200 OK\r\n"


class Wire:
    """A server that gives the same bytes to whoever asks, and counts its callers."""

    def __init__(self, *answers: bytes, closes: bool = False) -> None:
        self.answers = answers
        self.closes = closes
        self.connections = 0
        self.asked: list[bytes] = []
        self.gone = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self.asked.append(await reader.readuntil(b"\r\n\r\n"))
                for answer in self.answers:
                    writer.write(answer)
                    await writer.drain()
                if self.closes:
                    break
        self.gone.set()
        writer.close()


Start = Callable[[Wire], Awaitable[Wire]]


@pytest_asyncio.fixture
async def start() -> AsyncIterator[Start]:
    async with contextlib.AsyncExitStack() as stack:

        async def started(wire: Wire) -> Wire:
            server = await stack.enter_async_context(await asyncio.start_server(wire.serve, "127.0.0.1", 0))
            wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            return wire

        yield started


@pytest_asyncio.fixture
async def transport() -> AsyncIterator[PooledTransport]:
    pool = PooledTransport(certificates=httpx.create_ssl_context(), keepalive_s=5)
    yield pool
    await pool.aclose()


async def get(transport: PooledTransport, wire: Wire) -> tuple[int, bytes]:
    response = await transport.handle_async_request(httpx.Request("GET", wire.url))
    body = b"".join([piece async for piece in pieces(response)])
    await response.aclose()
    return response.status_code, body


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"content-length: 5\r\n\r\nhello",
        OK + b"transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;note=x\r\nllo\r\n0\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-checksum: 1\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + OK + b"content-length: 5\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nhello",
    ],
)
async def test_every_framing_gives_the_body_and_the_connection_back(
    start: Start, transport: PooledTransport, answer: bytes
) -> None:
    wire = await start(Wire(answer))
    for _ in range(3):
        assert await get(transport, wire) == (200, b"hello")
    assert wire.connections == 1


async def test_the_framing_may_be_cut_anywhere(start: Start, transport: PooledTransport) -> None:
    answer = OK + b"transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nx: 1\r\n\r\n"

    class Slow(Wire):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            for place in range(len(answer)):
                writer.write(answer[place : place + 1])
                await writer.drain()
                await asyncio.sleep(0)

    assert await get(transport, await start(Slow())) == (200, b"hello")


async def test_headers_of_interim_responses_are_not_those_of_the_real_one(
    start: Start, transport: PooledTransport
) -> None:
    wire = await start(
        Wire(b"HTTP/1.1 103 Early Hints\r\nx-a: 1\r\n\r\n" + OK + b"x-b: 2\r\ncontent-length: 0\r\n\r\n")
    )
    response = await transport.handle_async_request(httpx.Request("GET", wire.url))
    assert "x-a" not in response.headers
    assert response.headers["x-b"] == "2"


async def test_a_body_without_a_length_ends_with_the_connection(start: Start, transport: PooledTransport) -> None:
    wire = await start(Wire(OK + b"\r\nhello", closes=True))
    assert await get(transport, wire) == (200, b"hello")
    assert await get(transport, wire) == (200, b"hello")
    assert wire.connections == 2


@pytest.mark.parametrize("head", [b"content-length: 9\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n9\r\n"])
async def test_a_body_that_is_cut_short_is_no_body(start: Start, transport: PooledTransport, head: bytes) -> None:
    with pytest.raises(ConnectionLost) as caught:
        await get(transport, await start(Wire(OK + head + b"hello", closes=True)))
    assert caught.value.answered


async def test_a_connection_that_the_upstream_means_to_close_is_not_used_again(
    start: Start, transport: PooledTransport
) -> None:
    wire = await start(Wire(OK + b"connection: close\r\ncontent-length: 2\r\n\r\nok"))
    assert await get(transport, wire) == (200, b"ok")
    assert await get(transport, wire) == (200, b"ok")
    assert wire.connections == 2


@pytest.mark.parametrize("more", [OK + b"content-length: 4\r\n\r\nevil", b"\x00\x01 no HTTP"])
async def test_what_comes_after_a_response_answers_nobody(
    start: Start, transport: PooledTransport, more: bytes
) -> None:
    wire = await start(Wire(OK + b"content-length: 2\r\n\r\nok" + more))
    assert await get(transport, wire) == (200, b"ok")
    assert await get(transport, wire) == (200, b"ok")
    assert wire.connections == 2


@pytest.mark.parametrize("header", [b"", b"connection: close\r\n"])
async def test_an_answer_before_all_was_asked_is_taken_and_the_rest_kept_for_nobody(
    start: Start, transport: PooledTransport, header: bytes
) -> None:
    class Hasty(Wire):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(b"HTTP/1.1 413 Content Too Large\r\n" + header + b"content-length: 2\r\n\r\nno")
            await answered.wait()
            writer.transport.resume_reading()  # type: ignore[attr-defined]
            with contextlib.suppress(ConnectionError):
                while piece := await reader.read(2**20):
                    self.asked.append(piece)
            self.gone.set()
            writer.close()

    answered = asyncio.Event()
    wire = await start(Hasty())
    request = httpx.Request("POST", wire.url, stream=httpx.ByteStream(b"x" * 30_000_000))
    response = await transport.handle_async_request(request)
    assert (response.status_code, b"".join([piece async for piece in pieces(response)])) == (413, b"no")
    answered.set()
    await asyncio.wait_for(wire.gone.wait(), 5)
    assert sum(map(len, wire.asked)) < 30_000_000


async def test_a_response_that_comes_unasked_is_not_taken_for_the_next_one(
    start: Start, transport: PooledTransport
) -> None:
    class Late(Wire):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK + b"content-length: 2\r\n\r\nok")
            await asyncio.sleep(0.05)
            writer.write(OK + b"content-length: 4\r\n\r\nevil")
            await reader.read()
            self.gone.set()

    wire = await start(Late())
    assert await get(transport, wire) == (200, b"ok")
    await asyncio.wait_for(wire.gone.wait(), 5)
    assert await get(transport, wire) == (200, b"ok")
    assert wire.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"x: " + b"y" * 2 * MAX_HEAD_BYTES,
        OK + b"x: y\r\n" * MAX_HEAD_BYTES,
        b"HTTP/1.1 200 " + b"K" * 2 * MAX_HEAD_BYTES,
        OK + b"transfer-encoding: chunked\r\n\r\n2;" + b"x" * 2 * MAX_HEAD_BYTES,
        OK + b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n" + b"x: y\r\n" * MAX_HEAD_BYTES,
        OK + b"transfer-encoding: chunked\r\n\r\nzz\r\nok",
        OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\nok",
        OK + b"content-length: -1\r\n\r\n",
        OK + b"no colon\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
    ],
    ids=lambda answer: repr(answer[:60]),
)
async def test_what_is_no_http_or_beyond_reason_is_refused_and_the_connection_closed(
    start: Start, transport: PooledTransport, answer: bytes
) -> None:
    wire = await start(Wire(answer))
    with pytest.raises(httpx.RemoteProtocolError):
        await get(transport, wire)
    await asyncio.wait_for(wire.gone.wait(), 5)


async def test_no_more_of_a_body_is_held_than_the_limit_and_one_read(start: Start, transport: PooledTransport) -> None:
    size = 40 * HELD_BYTES
    wire = await start(Wire(OK + b"content-length: %d\r\n\r\n" % size, *[b"x" * HELD_BYTES] * 40))
    response = await transport.handle_async_request(httpx.Request("GET", wire.url))
    await asyncio.sleep(0.2)

    sizes = [len(piece) async for piece in pieces(response)]

    assert sum(sizes) == size
    assert max(sizes) <= 2 * HELD_BYTES


async def test_a_body_that_is_let_go_of_midway_closes_the_connection_at_once(
    start: Start, transport: PooledTransport
) -> None:
    wire = await start(Wire(OK + b"content-length: 9\r\n\r\nhello"))
    response = await transport.handle_async_request(httpx.Request("GET", wire.url))
    await response.aclose()
    await response.aclose()
    await asyncio.wait_for(wire.gone.wait(), 5)


async def test_a_caller_who_is_cancelled_closes_the_connection_at_once(
    start: Start, transport: PooledTransport
) -> None:
    wire = await start(Wire())
    asking = asyncio.create_task(get(transport, wire))
    while not wire.asked:
        await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.wait_for(wire.gone.wait(), 5)
    assert asking.cancelled()


async def test_idle_connections_are_closed_in_time(start: Start) -> None:
    transport = PooledTransport(certificates=httpx.create_ssl_context(), keepalive_s=0.1)
    wire = await start(Wire(OK + b"content-length: 2\r\n\r\nok"))
    await get(transport, wire)
    await asyncio.wait_for(wire.gone.wait(), 5)
    await get(transport, wire)
    assert wire.connections == 2
    await transport.aclose()


async def test_requests_at_the_same_time_have_connections_of_their_own(
    start: Start, transport: PooledTransport
) -> None:
    wire = await start(Wire(OK + b"content-length: 2\r\n\r\nok"))
    for _ in range(3):
        await asyncio.gather(*(get(transport, wire) for _ in range(4)))
    assert wire.connections == 4


async def test_a_header_cannot_smuggle_another(start: Start, transport: PooledTransport) -> None:
    wire = await start(Wire(OK + b"content-length: 2\r\n\r\nok"))
    with pytest.raises(httpx.LocalProtocolError):
        await transport.handle_async_request(httpx.Request("GET", wire.url, headers={"x": "a\r\nevil: b"}))
    assert wire.connections == 0


async def test_host_and_length_are_said_where_the_request_does_not(start: Start, transport: PooledTransport) -> None:
    wire = await start(Wire(OK + b"content-length: 2\r\n\r\nok"))
    request = httpx.Request("POST", f"{wire.url}/v1/chat?a=b", stream=httpx.ByteStream(b"{}"))
    await transport.handle_async_request(request)
    host = wire.url.removeprefix("http://").encode()
    assert wire.asked[0] == b"POST /v1/chat?a=b HTTP/1.1\r\nhost: %b\r\ncontent-length: 2\r\n\r\n" % host


async def test_nobody_there_is_a_connect_error(transport: PooledTransport) -> None:
    with pytest.raises(httpx.ConnectError):
        await transport.handle_async_request(httpx.Request("GET", "http://127.0.0.1:9"))
    with pytest.raises(httpx.ConnectError):
        await transport.handle_async_request(httpx.Request("GET", "http://no-such-host.invalid"))
