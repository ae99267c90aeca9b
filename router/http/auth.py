"""Who is calling: turns the key in the headers into a principal before the body is read."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Mapping

from router.configured.secret import Secret
from router.errors import Forbidden, Unauthenticated
from router.principals import ANONYMOUS, Principal

_PORT = re.compile(r":\d*$")

KEY_HEADERS = ("x-api-key", "api-key")
"""Where the clients of Anthropic and of Azure put the key."""


class Doorman:
    """Checks the caller's key.

    Args:
        api_key: the one key that opens the server, or None for a server that is open (loopback only).
    """

    def __init__(self, api_key: Secret | None) -> None:
        self._digest = _digest(api_key.reveal()) if api_key else None

    def admit(self, headers: Mapping[str, str]) -> Principal:
        """The principal behind a request's headers.

        Raises:
            Unauthenticated: the server has a key and the request does not carry it.
            Forbidden: the server is open, and a browser says that a page of another site asks.
        """
        if self._digest is None:
            # Without this, any page that the operator visits could spend on the operator's keys, answers unread.
            if headers.get("sec-fetch-site") == "cross-site" or _comes_by_a_strange_name(headers):
                raise Forbidden("Web pages of other sites may not use this server. Set UNDERDOG_API_KEY to let them.")
            return ANONYMOUS
        given = _given(headers)
        if not given:
            raise Unauthenticated("No API key given. Send it as 'Authorization: Bearer KEY' (or in 'x-api-key').")
        if len(given) > 1:
            raise Unauthenticated("The headers carry different API keys. Send one.")
        # Digests have one length, so the comparison takes the same time whatever was sent.
        if not hmac.compare_digest(_digest(_as_sent(given.pop())), self._digest):
            raise Unauthenticated("The API key is not valid for this server.")
        return Principal(tenant=ANONYMOUS.tenant, key_id="server")


def _comes_by_a_strange_name(headers: Mapping[str, str]) -> bool:
    """Whether a page asks that reached this server by a name of its own: its site let that name lead here (rebinding).

    Browsers take such a page for ours, and say ``origin`` of whatever it posts. No name but the machine's own and no
    address can be let lead elsewhere.
    """
    if "origin" not in headers:
        return False
    name = _PORT.sub("", headers.get("host", "")).strip("[]").lower()
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name != "localhost" and not name.endswith(".localhost")
    return False


def _given(headers: Mapping[str, str]) -> set[str]:
    """The different keys that a request carries: none, one, or too many."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    keys = [token] if scheme.lower() == "bearer" else []
    keys += [headers.get(name, "") for name in KEY_HEADERS]
    return {key.strip() for key in keys if key.strip()}


def _as_sent(header: str) -> str:
    """A header's bytes read as UTF-8, where they are; servers hand headers over as Latin-1."""
    return header.encode("latin-1", "replace").decode("utf-8", "replace")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
