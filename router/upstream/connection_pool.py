"""Connections to one upstream, kept and used again, behind httpx's transport interface."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from contextvars import ContextVar

import aiohappyeyeballs
import httpx

from router.upstream.connection import Connection
from router.upstream.providers import is_local_address

SECOND_ADDRESS_AFTER_S = 0.25
"""Seconds after which a host's next address is tried beside the one that does not answer (RFC 8305)."""

NEW_CONNECTION = "new_connection"
"""The extension of a request that takes no kept connection."""

ONLY_LOCAL: ContextVar[bool] = ContextVar("only_local", default=False)
"""Whether the request under way may connect to this machine and its network alone, whatever a name is looked up as."""

Origin = tuple[str, str, int | None, bool]
"""What kept connections are told apart by: where they lead, and whether they were held to this network."""

_PORTS = {"http": 80, "https": 443}


class LeadsElsewhere(httpx.ConnectError):
    """A name has no address on this machine or its network, and the request may go nowhere else."""


class PooledTransport(httpx.AsyncBaseTransport):
    """Implements httpx's transport over :mod:`router.upstream.connection`.

    Requests go where their URL says, whatever the environment names as a proxy; no redirect is followed, no cookie
    kept. There are as many connections as requests at a time.

    Args:
        certificates: whom to trust, for ``https``.
        keepalive_s: idle seconds after which a connection is closed.
    """

    def __init__(self, *, certificates: ssl.SSLContext, keepalive_s: float) -> None:
        self._certificates = certificates
        self._keepalive_s = keepalive_s
        self._idle: dict[Origin, list[Connection]] = {}
        self._sweeping: asyncio.TimerHandle | None = None
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; returns when the response's headers are there.

        The request's ``timeout`` extension bounds how long it takes to connect, and nothing else: the caller knows how
        patient it is. See also `NEW_CONNECTION`.

        Raises:
            httpx.ConnectTimeout, httpx.ConnectError: nobody answers there.
            ConnectionLost: the connection was closed before the headers were complete.
            httpx.RemoteProtocolError: what came is no HTTP.
        """
        whole = isinstance(request.stream, httpx.SyncByteStream)
        message = _written(request, request.read() if whole else await request.aread())
        kept = None if request.extensions.get(NEW_CONNECTION) else self._kept(request.url)
        connection = kept or await self._open(request)
        exchange = connection.ask(message)
        try:
            await exchange.head()
        except BaseException:
            await exchange.aclose()
            raise
        return httpx.Response(exchange.status, headers=exchange.headers, stream=exchange)

    async def aclose(self) -> None:
        """Close what is idle, and each other connection once its exchange is over."""
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    def _kept(self, url: httpx.URL) -> Connection | None:
        """The connection used last, if it is still good."""
        connections = self._idle.get(_origin(url))
        earliest = asyncio.get_running_loop().time() - self._keepalive_s
        while connections:
            connection = connections.pop()
            if connection.usable and connection.idle_since > earliest:
                return connection
            connection.close()
        return None

    async def _open(self, request: httpx.Request) -> Connection:
        url = request.url
        origin = _origin(url)
        try:
            async with asyncio.timeout(request.extensions.get("timeout", {}).get("connect")):
                return await self._connected(url, lambda connection: self._keep(origin, connection))
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time", request=request) from error
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError("no connection", request=request) from error

    async def _connected(self, url: httpx.URL, on_free: Callable[[Connection], None]) -> Connection:
        loop = asyncio.get_running_loop()
        host, secure = url.raw_host.decode("ascii"), url.scheme == "https"
        addresses = await loop.getaddrinfo(host, url.port or _PORTS[url.scheme], type=socket.SOCK_STREAM)
        if ONLY_LOCAL.get():
            addresses = [address for address in addresses if is_local_address(str(address[4][0]))]
            if not addresses:
                raise LeadsElsewhere("no local address")
        connected = await aiohappyeyeballs.start_connection(
            addresses, happy_eyeballs_delay=SECOND_ADDRESS_AFTER_S, interleave=1
        )
        try:
            _, connection = await loop.create_connection(
                lambda: Connection(on_free),
                sock=connected,
                ssl=self._certificates if secure else None,
                server_hostname=host if secure else None,
            )
        except BaseException:
            # The loop may still hold the socket, which is then its own to close: it does when it reads the end.
            with contextlib.suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
            raise
        return connection

    def _keep(self, origin: Origin, connection: Connection) -> None:
        if self._closed:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.setdefault(origin, []).append(connection)
        if self._sweeping is None:
            self._sweeping = loop.call_later(self._keepalive_s, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle for too long: we close first, not the upstream when we next use it."""
        loop = asyncio.get_running_loop()
        earliest = loop.time() - self._keepalive_s
        for origin, connections in list(self._idle.items()):
            for connection in connections:
                if connection.idle_since <= earliest:
                    connection.close()
            kept = [each for each in connections if each.usable and each.idle_since > earliest]
            if kept:
                self._idle[origin] = kept
            else:
                del self._idle[origin]
        oldest = min((each.idle_since for kept in self._idle.values() for each in kept), default=None)
        self._sweeping = None if oldest is None else loop.call_at(oldest + self._keepalive_s, self._sweep)


def _origin(url: httpx.URL) -> Origin:
    # Who opened another one may have been free to go anywhere.
    return url.scheme, url.host, url.port, ONLY_LOCAL.get()


def _written(request: httpx.Request, body: bytes) -> bytes:
    """The request as it goes over the wire.

    Raises:
        httpx.LocalProtocolError: a header holds a line end.
    """
    headers = request.headers.raw
    names = {name.lower() for name, _ in headers}
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    if b"host" not in names:
        lines.append(b"host: " + request.url.netloc)
    lines += [b"%b: %b" % header for header in headers]
    if body and b"content-length" not in names:
        lines.append(b"content-length: %d" % len(body))
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1:
        raise httpx.LocalProtocolError("a header holds a line end", request=request)
    return b"%b\r\n\r\n%b" % (head, body)
