"""One HTTP exchange with an upstream: httpx's requests and responses over connections of our own.

We use a transport and not `httpx.AsyncClient` on purpose. The layer above the transport is the one that follows
redirects, keeps cookies and reads proxies from the environment: a gateway that carries keys and prompts wants none of
these, and they cost CPU. ``python -m tests.bench.forwarding`` compares the clients. Against a server that answers at
once, one exchange costs 0.05 ms of CPU over `router.upstream.connection_pool` (streamed in 20 events 0.11), 0.14 (0.24)
over aiohttp behind the same interface, 0.85 (1.2) by `httpx.AsyncClient`. Clients in Rust, without that interface and
with threads of their own, come to the same as the pool: pyreqwest 0.074 (0.128), wreq 0.045 (0.18).

Would aiohttp, maintained by others, do? By ``python -m tests.bench.added_cost``, in turns on two quiet cores: whole
answers stay within what we promise either way (0.86 ms of CPU, over httpx-aiohttp 1.0 to 1.1; 1160 and 900 to 1020
requests/s per core). Streams would not: 1.2 and 1.5 ms of CPU, 1.2 to 1.3 and 1.5 to 1.6 ms added at the median,
850 and 680 requests/s per core.
"""

from __future__ import annotations

import functools
import socket
import ssl
from collections.abc import AsyncIterator

import httpx

from router.errors import UpstreamBroken, UpstreamError, UpstreamUnreachable
from router.upstream.connection import ConnectionLost
from router.upstream.connection_pool import LeadsElsewhere, PooledTransport

KEEPALIVE_TLS_S = 30.0
"""Idle seconds before we close a connection over TLS; cloud providers keep theirs longer."""

KEEPALIVE_PLAIN_S = 4.0
"""The same for plain HTTP: uvicorn and llama.cpp close theirs after 5, and whoever closes first must be us."""


FOREIGN_ERRORS = (httpx.HTTPError, ConnectionError)
"""What an exchange over this transport may raise."""


def open_transport(url: str) -> httpx.AsyncBaseTransport:
    """A pool of connections for one upstream.

    No limit on connections (the server in front bounds its requests), no cookies, no redirects, and no proxy from the
    environment: requests go straight to the host that the settings name.

    Args:
        url: base URL of the upstream; only its scheme matters here.
    """
    keepalive_s = KEEPALIVE_TLS_S if url.startswith("https:") else KEEPALIVE_PLAIN_S
    return PooledTransport(certificates=_certificates(), keepalive_s=keepalive_s)


def pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it comes, decoded where it is encoded."""
    if "content-encoding" in response.headers or not isinstance(response.stream, httpx.AsyncByteStream):
        return response.aiter_bytes()
    return aiter(response.stream)


def translate(error: Exception, upstream: str) -> UpstreamError:
    """Our error for what went wrong in an exchange with ``upstream``, given an error of ``FOREIGN_ERRORS``."""
    name = f"The {upstream} upstream"
    match error:
        case httpx.ConnectError(__cause__=ssl.SSLCertVerificationError()):
            remedy = "set SSL_CERT_FILE to the certificates that vouch for it"
            return UpstreamUnreachable(f"{name} shows a certificate that is not trusted; {remedy}.", upstream=upstream)
        case LeadsElsewhere():
            why = "has a name that leads beyond this machine and its network, where this request may not go"
            return UpstreamUnreachable(f"{name} {why} (privacy: local-only).", upstream=upstream)
        case httpx.ConnectError(__cause__=socket.gaierror()):
            remedy = "check its URL and this machine's network"
            return UpstreamUnreachable(f"{name} has a host name that cannot be found; {remedy}.", upstream=upstream)
        case httpx.ConnectTimeout():
            return UpstreamUnreachable(f"{name} did not accept a connection in time.", upstream=upstream)
        case httpx.ConnectError():
            return UpstreamUnreachable(f"{name} accepts no connections; is it running?", upstream=upstream)
        case ConnectionLost() | ConnectionError():
            return UpstreamBroken(f"{name} closed the connection before its answer was complete.", upstream=upstream)
    return UpstreamBroken(f"{name} sent something that is not HTTP.", upstream=upstream)


def was_stale(error: Exception) -> bool:
    """Whether a kept connection ended before the first byte of a response: most often before it was used again."""
    return isinstance(error, ConnectionLost) and error.stale


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Trusted roots: the file in SSL_CERT_FILE or the folder in SSL_CERT_DIR if set, else those of certifi."""
    return httpx.create_ssl_context(trust_env=True)
