"""Whether somebody listens where an upstream should be: a connection is opened and closed, nothing is asked."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from urllib.parse import urlsplit

PATIENCE_S = 1.0


def is_loopback(address: str) -> bool:
    """Whether an upstream's address is this machine; True where it is no URL, as the embedded one's."""
    host = urlsplit(address).hostname
    if host is None or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def listens(address: str) -> bool:
    """Whether a connection to a URL's host can be made; True where the address is no URL, since nobody can say."""
    parts = urlsplit(address)
    if parts.hostname is None or parts.scheme not in {"http", "https"}:
        return True
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(PATIENCE_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, TimeoutError, UnicodeError):  # the last for a name that no host can have
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
