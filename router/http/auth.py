"""Who is calling: turns the authorization header into a principal before the body is read."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from router.errors import Unauthenticated
from router.settings import Secret
from router.types import ANONYMOUS, Principal


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
        """
        if self._digest is None:
            return ANONYMOUS
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not given:
            raise Unauthenticated("No API key given. Send it as 'Authorization: Bearer KEY'.")
        # Digests have one length, so the comparison takes the same time whatever was sent.
        if not hmac.compare_digest(_digest(given.strip()), self._digest):
            raise Unauthenticated("The API key is not valid for this server.")
        return Principal(tenant=ANONYMOUS.tenant, key_id="server")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
