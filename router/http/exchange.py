"""One chat exchange over HTTP, from the first header to the settled end.

It is an ASGI application of its own, not a framework response, because it must own the end of the answer: a caller who
leaves cancels the upstream call, an answer is settled before its last byte is sent, and nothing of that may be cut
short.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from litestar import Request
from litestar.types import Receive, Scope, Send

from router.errors import ApiError, BodyTimeout, BodyTooLarge, InvalidRequest, ShuttingDown
from router.gateway import Call, Gateway, StreamedAnswer, WholeAnswer
from router.http.chat_request import parse_chat_request
from router.http.errors import JSON, as_api_error, encode_error
from router.http.request_id import request_id
from router.http.tuning import tuning_for
from router.settings import Settings
from router.settlement import Settlement
from router.types import Principal

ABORT = "underdog_abort"
"""Where a connection scope's state holds the function that drops the connection, if the server gives one."""

EVENT_STREAM = "text/event-stream; charset=utf-8"
_DRAINED_FACTOR = 8
"""An oversized body is read and dropped up to this many times the limit, so that the caller gets to read our error."""

_UNFIT_FOR_HEADERS = re.compile(r"[\x00-\x1f\x7f]+")


class ClientLeft(Exception):
    """The caller closed the connection, or holds it open without reading."""


class ChatExchange:
    """Answers one ``POST /v1/chat/completions``.

    Args:
        gateway: answers the request.
        settings: limits on the body.
        principal: who is asking.
        request: the request, its body still unread.
    """

    def __init__(
        self, *, gateway: Gateway, settings: Settings, principal: Principal, request: Request[Any, Any, Any]
    ) -> None:
        self._gateway = gateway
        self._settings = settings
        self._principal = principal
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, settle, and only then let go."""
        settlement = self._gateway.open(self._principal, scope["path"], request_id(scope))
        wire = _Wire(send)
        try:
            call = await read_call(self._request, self._settings, self._principal)
            settlement.asked(call.request)
            async with _caller_present(receive, wire):
                await self._answer(call, settlement, wire)
        except ClientLeft:
            settlement.cancelled()
        except asyncio.CancelledError:
            # Only a server that stops cancels us, once the grace period is over. There is nothing after this to undo.
            await _fail(ShuttingDown("The server was stopped before the answer was complete."), settlement, wire)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the caller gets an answer and the ledger a row
            await _fail(as_api_error(error, settlement.request_id), settlement, wire)
        finally:
            await settlement.close()

    async def _answer(self, call: Call, settlement: Settlement, wire: _Wire) -> None:
        answer = await self._gateway.answer(call, settlement)
        if isinstance(answer, WholeAnswer):
            # Settled first: an answer that was acknowledged is in the ledger, whatever happens next.
            await settlement.close()
            await wire.send_whole(200, settlement.headers(), answer.body)
            return
        try:
            async with asyncio.timeout(self._settings.total_timeout_s):
                await self._stream(answer, settlement, wire)
        except TimeoutError:
            # The upstream has the same patience and began earlier: it is the caller who takes nothing more.
            self._request.scope["state"].get(ABORT, _nothing)()
            raise ClientLeft from None
        finally:
            await answer.aclose()

    async def _stream(self, answer: StreamedAnswer, settlement: Settlement, wire: _Wire) -> None:
        await wire.start_stream(settlement.headers())
        async for payload in answer:
            await wire.send_event(payload, hold=answer.at_hand)
        await settlement.close()
        await wire.end_stream()


async def read_call(request: Request[Any, Any, Any], settings: Settings, principal: Principal) -> Call:
    """Read and understand a chat request.

    Raises:
        ApiError: the body is too large or wrong, or a dial is; nothing has been asked of anybody.
        ClientLeft: the caller left before the body was complete.
    """
    headers = request.headers
    body = await read_body(
        request,
        limit=int(settings.max_body_mb * 1_000_000),
        patience_s=settings.body_timeout_s,
        remedy="Send less, or raise UNDERDOG_MAX_BODY_MB.",
    )
    encoding = headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise InvalidRequest(
            f"The body is encoded ('{encoding[:40]}'). Send it as plain JSON.", code="invalid_encoding"
        )
    parsed, raw = parse_chat_request(body, max_messages=settings.max_messages)
    tuning = tuning_for(query=request.query_params.items(), headers=headers, model=parsed.model)
    return Call(
        principal=principal,
        request=parsed,
        body=raw,
        tuning=tuning,
        # A second header line must not hide the first one's no-store.
        cache_control=", ".join(headers.getall("cache-control", ())) or None,
    )


async def read_body(
    request: Request[Any, Any, Any], *, limit: int, patience_s: float, remedy: str = "Send less."
) -> bytes:
    """The whole body, if it is small enough and keeps coming.

    Args:
        request: its body still unread.
        limit: largest body, in bytes.
        patience_s: seconds to wait for each piece.
        remedy: a sentence for who sent too much.

    Raises:
        BodyTooLarge: it is larger than ``limit``.
        BodyTimeout: no piece came in time.
        ClientLeft: the caller left before the body was complete.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        event = await _next_piece(request.receive, patience_s)
        if event["type"] != "http.request":
            raise ClientLeft
        size += len(event["body"])
        if size <= limit:
            parts.append(event["body"])
        if not event.get("more_body", False) or size > limit * _DRAINED_FACTOR:
            break
    if size > limit:
        raise BodyTooLarge(f"The request body is larger than {limit / 1e6:g} MB. {remedy}")
    return b"".join(parts)


async def _next_piece(receive: Receive, patience_s: float) -> Any:
    try:
        async with asyncio.timeout(patience_s):
            return await receive()
    except TimeoutError:
        raise BodyTimeout(f"No more of the request body came within {patience_s:g} seconds.") from None


@asynccontextmanager
async def _caller_present(receive: Receive, wire: _Wire) -> AsyncIterator[None]:
    """Cancel what runs in this block as soon as the caller is gone, unless everything has been sent.

    Raises:
        ClientLeft: the caller left first.
    """
    answering = asyncio.current_task()
    left = False

    async def watch() -> None:
        nonlocal left
        while (await receive())["type"] != "http.disconnect":
            pass
        if answering is not None and not wire.complete:
            left = True
            answering.cancel()

    watching = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        # As in asyncio.timeout: a cancellation that others ask for as well is theirs.
        if left and answering is not None and not answering.uncancel():
            raise ClientLeft from None
        raise
    finally:
        watching.cancel()


async def _fail(error: ApiError, settlement: Settlement, wire: _Wire) -> None:
    settlement.failed(error)
    await settlement.close()
    if wire.complete:
        return
    if wire.started:
        # The status is out already: an error event says it, and no [DONE] pretends that the answer is whole.
        await wire.send_event(encode_error(error))
        await wire.close()
    else:
        await wire.send_whole(error.status, settlement.headers() | error.headers, encode_error(error))


def _nothing() -> None:
    """Stands in where the server cannot drop a connection."""


class _Wire:
    """The sending side: ASGI messages in the right order."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._held: list[bytes] = []
        self.started = False
        self.complete = False

    async def send_whole(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        await self._start(status, {"content-type": JSON, "content-length": str(len(body)), **headers})
        await self._body(body, more=False)

    async def start_stream(self, headers: Mapping[str, str]) -> None:
        # x-accel-buffering keeps nginx from collecting the events.
        fixed = {"content-type": EVENT_STREAM, "cache-control": "no-cache", "x-accel-buffering": "no"}
        await self._start(200, {**fixed, **headers})

    async def send_event(self, payload: bytes, *, hold: bool = False) -> None:
        """Send an event, or hold it to go with the next one, which is there already."""
        self._held.append(b"data: %b\n\n" % payload)
        if not hold:
            await self._body(b"", more=True)

    async def end_stream(self) -> None:
        await self._body(b"data: [DONE]\n\n", more=False)

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
    return _UNFIT_FOR_HEADERS.sub(" ", text).encode("latin-1", "replace")
