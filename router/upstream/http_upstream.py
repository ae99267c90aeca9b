"""What every upstream over HTTP does alike, whatever it speaks: send, wait, read within limits, refuse bad answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

import httpx

from router.configured.secret import Secret
from router.errors import SettingsError, UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from router.tracing import CARRIED
from router.types import Served
from router.upstream.base import State
from router.upstream.connection_pool import NEW_CONNECTION
from router.upstream.events import MAX_EVENT_BYTES
from router.upstream.refusals import MAX_ERROR_BYTES, refusal, secrets_of
from router.upstream.transport import FOREIGN_ERRORS, open_transport, pieces, translate, was_stale

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Largest answer accepted from an upstream that does not stream."""

BOUNDED_CODINGS = frozenset({"", "identity", "gzip", "deflate"})
"""Content codings that are read. We ask for none; these two at least cannot grow beyond a thousandfold, so that a piece
of the wire stays a few megabytes. Brotli, zstd and codings within codings have no such bound."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds of patience with an upstream.

    ``connect_s`` covers name look-up, TCP and TLS. ``first_token_s`` runs from the request to the first event of a
    stream and bounds each silence after it; a request that does not stream has only ``total_s``, since its first byte
    comes when the whole answer is there.
    """

    connect_s: float = 5.0
    first_token_s: float = 120.0
    total_s: float = 600.0


class HttpUpstream:
    """One model behind one HTTP endpoint; subclasses add the protocol.

    Args:
        name: how people and errors call it: ``weak`` or ``strong``.
        base_url: for its scheme, see `open_transport`, and what its query keeps secret.
        model: the id to ask for.
        provider: the price list's provider id, ``local``, or None.
        key: what the upstream must never quote to a caller; empty where there is none.
        headers: sent with every request, the key among them.
        own_headers: those of them that are the operator's: not to be quoted either.
        timeouts: see `Timeouts`.
        key_setting: the setting that holds the key, named when the upstream rejects it.
        max_answer_bytes: limit on a whole answer.
        max_event_bytes: limit on one event of a stream.
        transport: connections to use, which stay their owner's to close; None opens own ones.
    """

    address: str
    dialect: Literal["messages"] | None = None

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        model: str,
        provider: str | None,
        key: str,
        headers: Mapping[str, str],
        own_headers: Mapping[str, str],
        timeouts: Timeouts | None,
        key_setting: str,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        max_event_bytes: int = MAX_EVENT_BYTES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = name
        self.model = model
        self.provider = provider
        self._secrets = secrets_of(key, own_headers, base_url)
        self._headers = httpx.Headers(dict(headers))
        self._timeouts = timeouts or Timeouts()
        self._extensions = {"timeout": {"connect": self._timeouts.connect_s, "pool": self._timeouts.connect_s}}
        self._key_setting = key_setting
        self._max_answer_bytes = max_answer_bytes
        self._max_event_bytes = max_event_bytes
        self._owns_transport = transport is None
        self._transport = transport or open_transport(base_url)
        self._state: State = "unknown"

    @property
    def state(self) -> State:
        """``ready`` once it has answered anything at all, ``failed`` where the last attempt found nobody."""
        return self._state

    @property
    def served(self) -> Served:
        """Who answers, as replies say it."""
        return Served(provider=self.provider, model=self.model, deployment=self.name)

    async def start(self) -> None:
        """Nothing to begin: a connection is made when it is first needed."""

    async def aclose(self) -> None:
        """Close every connection of its own."""
        if self._owns_transport:
            await self._transport.aclose()

    async def _send(
        self, method: str, url: httpx.URL, payload: bytes | None, headers: httpx.Headers | None = None
    ) -> httpx.Response:
        # A stream and not content, for which httpx would look through the headers again: a tenth of the exchange.
        body = httpx.ByteStream(payload or b"")
        headers = headers or self._headers
        if (carried := CARRIED.get()) is not None:
            headers = headers.copy()
            headers.update(carried)
        request = httpx.Request(method, url, headers=headers, stream=body, extensions=self._extensions)
        try:
            response = await self._send_past_stale_connections(request)
        except FOREIGN_ERRORS as error:
            ours = translate(error, self.name)
            if isinstance(ours, UpstreamUnreachable):
                self._state = "failed"
            raise ours from error
        response.request = request
        self._state = "ready"
        await self._require_bounded(response)
        return response

    async def _send_past_stale_connections(self, request: httpx.Request) -> httpx.Response:
        """Send, and once more over a new connection where a kept one was lost before an answer.

        An upstream that restarts or tires of waiting closes connections that we keep, and we may learn of it only by
        using one. Asking twice is safe here: a chat request changes nothing at the upstream. Who closes a new one has
        read the request: whether to ask again is for the pool's budget to say.
        """
        try:
            return await self._transport.handle_async_request(request)
        except FOREIGN_ERRORS as error:
            if not was_stale(error):
                raise
        request.extensions = request.extensions | {NEW_CONNECTION: True}
        return await self._transport.handle_async_request(request)

    @contextlib.asynccontextmanager
    async def _exchange(
        self,
        method: str,
        url: httpx.URL,
        payload: bytes | None = None,
        headers: httpx.Headers | None = None,
    ) -> AsyncIterator[httpx.Response]:
        response = await self._send(method, url, payload, headers)
        try:
            yield response
        finally:
            await close(response)

    def _patience(self, seconds: float) -> _Patience:
        return _Patience(self.name, seconds)

    async def _read(self, response: httpx.Response, limit: int) -> bytes:
        """The body of a response, refusing to hold more than ``limit`` bytes."""
        body = await self._read_at_most(response, limit + 1)
        if len(body) > limit:
            message = f"The {self.name} upstream sent an answer of more than {limit} bytes."
            raise UpstreamBroken(message, upstream=self.name)
        return body

    async def _read_at_most(self, response: httpx.Response, count: int) -> bytes:
        """The first bytes of a body; what follows is left unread."""
        read, held = [], 0
        try:
            async for piece in pieces(response):
                read.append(piece)
                held += len(piece)
                if held >= count:
                    break
        except FOREIGN_ERRORS as error:
            raise translate(error, self.name) from error
        return b"".join(read)[:count]

    async def _require_ok(self, response: httpx.Response) -> None:
        if response.status_code == 200:
            return
        body = await self._read_at_most(response, MAX_ERROR_BYTES)
        raise refusal(response, body, upstream=self.name, secrets=self._secrets, key_setting=self._key_setting)

    async def _require_bounded(self, response: httpx.Response) -> None:
        if "content-encoding" not in response.headers:
            return
        coding = response.headers["content-encoding"].strip().lower()
        if coding not in BOUNDED_CODINGS:
            await close(response)
            message = f"The {self.name} upstream compressed its answer although it was asked not to."
            raise UpstreamBroken(message, upstream=self.name)


class _Patience:
    """Gives up what runs in its block after some time. A class, since a generator would cost as much as the timer.

    Raises:
        UpstreamTimeout: the time is over.
    """

    __slots__ = ("_name", "_seconds", "_timeout")

    def __init__(self, name: str, seconds: float) -> None:
        self._name = name
        self._seconds = seconds
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as late:
            message = f"The {self._name} upstream gave no answer within {self._seconds:g} seconds."
            raise UpstreamTimeout(message, upstream=self._name) from late


def join(base_url: str, path: str) -> httpx.URL:
    """The URL of a path below a base URL, whose query string and escapes are kept.

    Raises:
        SettingsError: it is no URL.
    """
    try:
        base = httpx.URL(base_url)
        above, mark, query = base.raw_path.partition(b"?")
        return base.copy_with(raw_path=b"%s/%s%s%s" % (above.rstrip(b"/"), path.encode(), mark, query))
    except httpx.InvalidURL:
        # Without the URL: its query may hold a key.
        raise SettingsError("a base URL holds characters that no URL has; write it again.") from None


def sendable(api_key: Secret | None, setting: str) -> str:
    """The key itself, without the line end that a file or a paste may have left on it; empty where there is none.

    Raises:
        SettingsError: the key cannot be sent in a header.
    """
    key = api_key.reveal().strip() if api_key else ""
    if not (key.isascii() and key.isprintable()):
        raise SettingsError(f"{setting}: holds characters that no HTTP header can carry; copy it again.")
    return key


def request_headers(key: str, key_header: str, extra: Mapping[str, str]) -> dict[str, str]:
    """The headers of every request, the key among them: as a bearer token in ``authorization``, bare in any other."""
    headers = {
        "accept": "application/json, text/event-stream",
        "accept-encoding": "identity",  # compressed pieces of a stream would wait for one another
        "content-type": "application/json",
        "user-agent": "underdog",
    }
    if key:
        headers[key_header] = f"Bearer {key}" if key_header == "authorization" else key
    return headers | {name.lower(): value for name, value in extra.items()}


def content_type(response: httpx.Response) -> str:
    """The media type of a response without its parameters, in lower case; empty where it says none."""
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower()


async def close(response: httpx.Response) -> None:
    """Let go of a response, whatever its connection has come to."""
    with contextlib.suppress(*FOREIGN_ERRORS):
        await response.aclose()
