"""Where Redis is, and a connection to it.

By redis-py: it speaks every form of address, TLS, users and passwords, and is kept by the makers of Redis. CPU of one
round trip with a script: its client 45 us (a pipeline of one 82), its bare connection 33, coredis 187. So its
connections are used, and the pipelining that shared state needs is ours (``redis_link``).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.exceptions import RedisError

from router.errors import SettingsError

CONNECT_LIMIT_S = 2.0
"""Seconds that one attempt to connect may take."""

_SCHEMES = {"redis": "redis", "rediss": "rediss", "unix": "unix", "valkey": "redis", "valkeys": "rediss"}
_OPTIONS = ("db", "client_name", "ssl_")
"""What may follow the question mark of an address; time limits are ours."""

_REMEDY = (
    "redis_url: write redis://USER:PASSWORD@HOST:PORT/NUMBER (rediss:// for TLS, unix://PATH for a socket), with signs "
    "such as / and @ inside a password written as %2F and %40"
)


class Address:
    """Where Redis is.

    Args:
        url: as the setting ``redis_url`` has it.

    Raises:
        SettingsError: it is no such address. The message does not repeat it: there may be a password in it.
    """

    def __init__(self, url: str) -> None:
        scheme, separator, rest = url.partition("://")
        if not separator or scheme.lower() not in _SCHEMES:
            raise SettingsError(f"{_REMEDY}.")
        try:
            self._options: dict[str, Any] = _options(f"{_SCHEMES[scheme.lower()]}://{rest}")
            self._kind: type[AbstractConnection] = self._options.pop("connection_class", Connection)
            self.connection()
        except (ValueError, TypeError, RedisError):
            # Not told why: of an address that cannot be taken apart, nobody knows which part is the password.
            raise SettingsError(f"{_REMEDY}.") from None

    @property
    def name(self) -> str:
        """How messages call it: the place, without user and password."""
        if path := self._options.get("path"):
            return str(path)
        return f"{self._options.get('host', 'localhost')}:{self._options.get('port', 6379)}"

    def connection(self) -> AbstractConnection:
        """A connection that is not open yet. It has no time limits but that on connecting."""
        return self._kind(
            **self._options,
            protocol=2,
            socket_timeout=None,
            socket_connect_timeout=CONNECT_LIMIT_S,
        )


def _options(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        if not parts.path:
            raise ValueError("no path")
    elif (number := parts.path.strip("/")) and not number.isdigit():
        raise ValueError("no number of a database")
    options = dict(parse_url(url))
    known = {"host", "port", "path", "username", "password", "connection_class"}
    if any(name not in known and not name.startswith(_OPTIONS) for name in options):
        raise ValueError("unknown option")
    return options
