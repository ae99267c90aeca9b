"""Who is calling: turns the key in the headers into a principal before the body is read."""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from router.accounts.ring import NO_DIGEST, NOT_VALID, Keyring, NoKeys
from router.accounts.secrets import digest, is_ours
from router.configured.secret import Secret
from router.errors import AdminOnly, Forbidden, Unauthenticated
from router.principals import ANONYMOUS, Principal, Scope

_PORT = re.compile(r":\d*$")

AUTHORIZATION = "authorization"
KEY_HEADERS = ("x-api-key", "api-key")
"""Where the clients of Anthropic and of Azure put the key."""


class Doorman:
    """Checks the caller's key.

    Args:
        api_key: the one key that all callers may share; it closes the server.
        master_key: the key that may administer keys and teams; it closes the server too.
        require_key: whether strangers are turned away without either.
        keys: knows the keys of the database.
        server: what every request counts against, if anything does.
    """

    def __init__(
        self,
        api_key: Secret | None = None,
        *,
        master_key: Secret | None = None,
        require_key: bool = False,
        keys: Keyring | None = None,
        server: Scope | None = None,
    ) -> None:
        self._closed = require_key or api_key is not None or master_key is not None
        self._api_digest = digest(api_key.reveal()) if api_key else NO_DIGEST
        self._master_digest = digest(master_key.reveal()) if master_key else NO_DIGEST
        self._keys = keys or NoKeys()
        self._anonymous = replace(ANONYMOUS, scopes=(server,)) if server is not None else ANONYMOUS
        self._shared = replace(self._anonymous, key_id="server")
        self._master = replace(self._anonymous, key_id="master", admin=True)

    def admit(self, headers: Mapping[str, str]) -> Principal:
        """The principal behind a request's headers.

        Clients send placeholders where they need no key: an open server takes whatever is none of ours for nobody's.

        Raises:
            Unauthenticated: the server is closed and the request carries no key that opens it, or it carries one of the
                shape of ours that nobody has, or that is not to be used any more.
            KeysUnavailable: whether a key is valid cannot be said by now.
            Forbidden: the server is open, and a browser says that a page of another site asks.
        """
        given = {_as_sent(key) for key in _given(headers)}
        if len(given) > 1 and (self._closed or any(map(is_ours, given))):
            raise Unauthenticated("The headers carry different API keys. Send one.")
        key = given.pop() if len(given) == 1 else ""
        # Digests have one length, so a comparison takes the same time whatever was sent.
        sent = digest(key)
        shared = hmac.compare_digest(sent, self._api_digest)
        if hmac.compare_digest(sent, self._master_digest):
            return self._master
        if shared:
            return self._shared
        if is_ours(key):
            return self._keys.principal(key, sent)
        if self._closed:
            raise Unauthenticated(
                NOT_VALID if key else "No API key given. Send it as 'Authorization: Bearer KEY' (or in 'x-api-key')."
            )
        # Without this, any page that the operator visits could spend on the operator's keys, answers unread.
        if headers.get("sec-fetch-site") == "cross-site" or _is_of_another_site(headers):
            raise Forbidden("Web pages of other sites may not use this server. Set UNDERDOG_API_KEY to let them.")
        return self._anonymous


def require_admin(principal: Principal) -> None:
    """Let nobody by but the master key.

    Raises:
        AdminOnly: it is somebody else.
    """
    if not principal.admin:
        raise AdminOnly("Only the master key may do this: set UNDERDOG_MASTER_KEY, and send it as the API key.")


def require_operator(principal: Principal) -> None:
    """Let nobody by who holds a key of the database: figures of the whole server are not theirs to see.

    Raises:
        AdminOnly: it is one of them.
    """
    if principal.tenant != ANONYMOUS.tenant:
        raise AdminOnly("Figures of the whole server are for who runs it: send the master key, or UNDERDOG_API_KEY.")


def require_own_name(principal: Principal, headers: Mapping[str, str]) -> None:
    """Let nobody by without a key who reached this server by a name that may be another site's.

    For what people asked and were told: browsers say no ``origin`` of what a page only reads from its own site, and by
    rebinding that site may be this server.

    Raises:
        Forbidden: it is such a name.
    """
    if principal.key_id is None and _is_strange_name(headers.get("host", "").lower()):
        raise Forbidden(
            "What is kept is shown without a key by the names localhost and 127.0.0.1 only. Ask by one of these, or "
            "set UNDERDOG_API_KEY."
        )


def require_own_page(principal: Principal, headers: Mapping[str, str]) -> None:
    """Let no page by without a key but this server's own: not even one of another server on this machine.

    Raises:
        Forbidden: a browser says that another page asks.
    """
    if principal.key_id is not None:
        return
    own = headers.get("sec-fetch-site", "none") in ("none", "same-origin")
    origin = headers.get("origin")
    if not own or (origin is not None and _netloc(origin) != headers.get("host", "").lower()):
        raise Forbidden("Only this server's own page may ask so without a key. Set UNDERDOG_API_KEY to let others ask.")


def _is_of_another_site(headers: Mapping[str, str]) -> bool:
    """Whether a page of another site asks, as far as ``origin`` tells, which browsers say of whatever a page posts.

    They say ``sec-fetch-site`` to loopback addresses alone; this server is found by others as well, such as 0.0.0.0,
    and by any name that a site lets lead here (rebinding), whose pages browsers take for ours.
    """
    if (origin := headers.get("origin")) is None:
        return False
    asks, asked = _netloc(origin), headers.get("host", "").lower()
    return _is_strange_name(asked) or (asks != asked and not _is_local(asks))


def _netloc(origin: str) -> str:
    return origin.rpartition("//")[2].lower()


def _is_strange_name(host: str) -> bool:
    """Whether a site elsewhere may have the name: no name but the machine's own and no address can be let lead here."""
    return not _is_local(host) and _address(host) is None


def _is_local(host: str) -> bool:
    """Whether it is this machine's name for itself, with a port or without."""
    name, address = _PORT.sub("", host), _address(host)
    return address.is_loopback if address is not None else name == "localhost" or name.endswith(".localhost")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(_PORT.sub("", host).strip("[]"))
    except ValueError:
        return None


def _given(headers: Mapping[str, str]) -> set[str]:
    """The different keys that a request carries: none, one, or too many."""
    keys = [_bearer(line) for line in _lines(headers, AUTHORIZATION)]
    for name in KEY_HEADERS:
        keys += _lines(headers, name)
    return {key.strip() for key in keys if key.strip()}


def _bearer(line: str) -> str:
    scheme, _, token = line.strip().partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _lines(headers: Mapping[str, str], name: str) -> Iterable[str]:
    """A header's lines: whoever sends it twice must not choose which one is looked at."""
    if name not in headers:
        return ()
    getall = getattr(headers, "getall", None)
    return (headers[name],) if getall is None else getall(name)


def _as_sent(header: str) -> str:
    """A header's bytes read as UTF-8, where they are; servers hand headers over as Latin-1."""
    return header.encode("latin-1", "replace").decode("utf-8", "replace")
