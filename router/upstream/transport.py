"""One HTTP exchange with an upstream: httpx's transport interface over aiohttp's connections.

We use the transport and not `httpx.AsyncClient` on purpose. The layer above the transport is the one that follows
redirects, keeps cookies and reads proxies from the environment: a gateway that carries keys and prompts wants none of
these, and they cost CPU. ``python -m tests.bench.forwarding`` compares the clients.
"""

from __future__ import annotations

import functools
import ssl

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from router.errors import UpstreamBroken, UpstreamError, UpstreamUnreachable

KEEPALIVE_TLS_S = 30.0
"""Idle seconds before we close a connection over TLS; cloud providers keep theirs longer."""

KEEPALIVE_PLAIN_S = 4.0
"""The same for plain HTTP: uvicorn and llama.cpp close theirs after 5, and whoever closes first must be us."""


FOREIGN_ERRORS = (httpx.HTTPError, aiohttp.ClientError, ConnectionError)
"""What an exchange over this transport may raise."""


def open_transport(url: str) -> httpx.AsyncBaseTransport:
    """A pool of connections for one upstream.

    No limit on connections (the server in front bounds its requests), no cookies, no redirects, and no proxy from the
    environment: requests go straight to the host that the settings name.

    Args:
        url: base URL of the upstream; only its scheme matters here.
    """
    keepalive_s = KEEPALIVE_TLS_S if url.startswith("https:") else KEEPALIVE_PLAIN_S

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=keepalive_s, ssl=_certificates())
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)

    # A function and not a session: sessions belong to the event loop, which need not run yet.
    return AiohttpTransport(verify=_certificates(), trust_env=False, client=session)


def translate(error: Exception, upstream: str) -> UpstreamError:
    """Our error for what went wrong in an exchange with ``upstream``, given an error of httpx or aiohttp."""
    # httpx-aiohttp calls refused connections and lost ones alike a `ConnectTimeout`; aiohttp's own error tells more.
    cause = error.__cause__ or error
    name = f"The {upstream} upstream"
    match cause:
        case aiohttp.ClientConnectorCertificateError():
            remedy = "set SSL_CERT_FILE to the certificates that vouch for it"
            return UpstreamUnreachable(f"{name} shows a certificate that is not trusted; {remedy}.", upstream=upstream)
        case aiohttp.ConnectionTimeoutError():
            return UpstreamUnreachable(f"{name} did not accept a connection in time.", upstream=upstream)
        case aiohttp.ClientConnectorError():
            return UpstreamUnreachable(f"{name} accepts no connections; is it running?", upstream=upstream)
        case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError():
            return UpstreamBroken(f"{name} closed the connection before its answer was complete.", upstream=upstream)
    return UpstreamBroken(f"{name} sent something that is not HTTP.", upstream=upstream)


def lost_before_an_answer(error: Exception) -> bool:
    """Whether a connection ended before the first byte of a response; most often a kept one that had gone stale."""
    cause = error.__cause__ or error
    dropped = isinstance(cause, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError)
    return dropped and not isinstance(cause, aiohttp.ClientConnectorError)


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Trusted roots: the file in SSL_CERT_FILE or the folder in SSL_CERT_DIR if set, else those of certifi."""
    return httpx.create_ssl_context(trust_env=True)
