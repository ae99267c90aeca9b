"""One exchange over HTTP in any of the callers' protocols, from the first header to the settled end.

It is an ASGI application of its own, not a framework response, because it must own the end of the answer: a caller who
leaves cancels the upstream call, an answer is settled before its last byte is sent, and nothing of that may be cut
short.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from litestar import Request
from litestar.types import Receive, Scope, Send

from router.calls import Call, StreamedAnswer, WholeAnswer
from router.dialects import Asked, Dialect, EventStream
from router.errors import ApiError, ShuttingDown
from router.gateway import Gateway
from router.http.body import ClientLeft, read_request_body
from router.http.errors import JSON, as_api_error
from router.http.presence import CallerPresent
from router.http.request_id import request_id
from router.http.tuning import PRIVACY_HEADER, tuning_for, wants_local_only
from router.logs import REQUEST_ID
from router.principals import Principal
from router.settings import Settings
from router.settlement import Settlement

ABORT = "underdog_abort"
"""Where a connection scope's state holds the function that drops the connection, if the server gives one."""

EVENT_STREAM = "text/event-stream; charset=utf-8"

LAST_WORDS_S = 5.0
"""How long a caller may take to read of an error within a stream."""

_UNFIT_FOR_HEADERS = re.compile(r"[\x00-\x1f\x7f]+")


class Exchange:
    """Answers one request that a model is to answer.

    Args:
        dialect: the protocol that the caller speaks.
        gateway: answers the request.
        settings: limits on the body.
        principal: who is asking.
        request: the request, its body still unread.
    """

    def __init__(
        self,
        dialect: Dialect,
        *,
        gateway: Gateway,
        settings: Settings,
        principal: Principal,
        request: Request[Any, Any, Any],
    ) -> None:
        self._dialect = dialect
        self._gateway = gateway
        self._settings = settings
        self._principal = principal
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, settle, and only then let go."""
        name, headers = request_id(scope), self._request.headers
        settlement = self._gateway.open(self._principal, scope["path"], name, headers)
        wire = _Wire(send)
        logged = REQUEST_ID.set(name)
        try:
            with self._gateway.room:
                asked = await read_asked(self._request, self._dialect, self._settings)
                settlement.asked(asked.request)
                call = call_of(self._request, asked, self._principal, self._dialect)
                with CallerPresent(scope, receive, lambda: wire.complete):
                    await self._answer(call, asked, settlement, wire)
        except ClientLeft:
            settlement.cancelled()
        except asyncio.CancelledError:
            # Only a server that stops cancels us, once the grace period is over. There is nothing after this to undo.
            await self._fail(ShuttingDown("The server was stopped before the answer was complete."), settlement, wire)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the caller gets an answer and the ledger a row
            await self._fail(as_api_error(error, settlement.request_id), settlement, wire)
        finally:
            await settlement.close()
            REQUEST_ID.reset(logged)

    async def _answer(self, call: Call, asked: Asked, settlement: Settlement, wire: _Wire) -> None:
        answer = await self._gateway.answer(call, settlement)
        if isinstance(answer, WholeAnswer):
            body = self._dialect.whole(answer.body, asked)
            # Settled first: an answer that was acknowledged is in the ledger, whatever happens next.
            await settlement.close()
            await wire.send_whole(200, self._headers(settlement), body)
            return
        try:
            async with asyncio.timeout(self._settings.total_timeout_s):
                await self._stream(answer, self._dialect.stream(asked), settlement, wire)
        except TimeoutError:
            # The upstream has the same patience and began earlier: it is the caller who takes nothing more.
            self._drop_connection()
            raise ClientLeft from None
        finally:
            await answer.aclose()

    async def _stream(self, answer: StreamedAnswer, events: EventStream, settlement: Settlement, wire: _Wire) -> None:
        await wire.start_stream(self._headers(settlement), events)
        async for payloads in answer:
            for payload in payloads:
                wire.hold(events.feed(payload))
            await wire.send_held()
        closing = events.end()
        await settlement.close()
        await wire.end_stream(closing)

    async def _fail(self, error: ApiError, settlement: Settlement, wire: _Wire) -> None:
        settlement.failed(error)
        await settlement.close()
        if wire.complete:
            return
        if wire.started:
            # The status is out already: an error event says it, and nothing pretends that the answer is whole.
            said = wire.events.error(error, settlement.request_id) if wire.events else b""
            try:
                async with asyncio.timeout(LAST_WORDS_S):
                    wire.hold(said)
                    await wire.close()
            except TimeoutError:
                self._drop_connection()
        else:
            body = self._dialect.error(error, settlement.request_id)
            await wire.send_whole(error.status, self._headers(settlement) | error.headers, body)

    def _drop_connection(self) -> None:
        """Let go of a caller who takes nothing more."""
        self._request.scope["state"].get(ABORT, _nothing)()

    def _headers(self, settlement: Settlement) -> dict[str, str]:
        return settlement.headers() | self._dialect.headers(settlement.request_id)


async def read_asked(request: Request[Any, Any, Any], dialect: Dialect, settings: Settings) -> Asked:
    """Read and understand a request.

    Raises:
        ApiError: the body is too large or wrong; nothing has been asked of anybody.
        ClientLeft: the caller left before the body was complete.
    """
    body = await read_request_body(request, settings)
    return dialect.parse(body, headers=request.headers, max_messages=settings.max_messages)


def call_of(request: Request[Any, Any, Any], asked: Asked, principal: Principal, dialect: Dialect) -> Call:
    """What the gateway is handed.

    Raises:
        InvalidRequest: a dial or a wish for privacy is wrong.
    """
    headers = request.headers
    return Call(
        principal=principal,
        request=asked.request,
        body=asked.body,
        tuning=tuning_for(query=request.query_params.items(), headers=headers, model=asked.request.model),
        # A second header line must not hide the first one's no-store.
        cache_control=", ".join(headers.getall("cache-control", ())) or None,
        native=asked.native,
        endpoint=dialect.endpoint,
        path=request.scope["path"],
        headers=headers,
        local_only=wants_local_only(headers.getall(PRIVACY_HEADER, ())),
    )


def _nothing() -> None:
    """Stands in where the server cannot drop a connection."""


class _Wire:
    """The sending side: ASGI messages in the right order."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.events: EventStream | None = None  # what began, where a stream began
        self._held: list[bytes] = []
        self.started = False
        self.complete = False

    async def send_whole(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        await self._start(status, {"content-type": JSON, "content-length": str(len(body)), **headers})
        await self._body(body, more=False)

    async def start_stream(self, headers: Mapping[str, str], events: EventStream) -> None:
        # x-accel-buffering keeps nginx from collecting the events.
        fixed = {"content-type": EVENT_STREAM, "cache-control": "no-cache", "x-accel-buffering": "no"}
        self.events = events
        await self._start(200, {**fixed, **headers})

    def hold(self, events: bytes) -> None:
        """Take events that go with whatever is sent next."""
        if events:
            self._held.append(events)

    async def send_held(self) -> None:
        """Send what is held, if anything is."""
        if self._held:
            await self._body(b"", more=True)

    async def end_stream(self, closing: bytes) -> None:
        await self._body(closing, more=False)

    async def close(self) -> None:
        await self._body(b"", more=False)

    async def _start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started = True
        encoded = [(name.encode("latin-1"), _header_value(value)) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def _body(self, body: bytes, *, more: bool) -> None:
        if self._held:
            body = b"".join([*self._held, body])
            self._held.clear()
        self.complete = not more
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


def _header_value(text: str) -> bytes:
    """A value that cannot end the header early: model ids and waiting times may come from an upstream."""
    fit = text if text.isprintable() else _UNFIT_FOR_HEADERS.sub(" ", text)
    return fit.encode("latin-1", "replace")
