"""One chat exchange over HTTP, from the first header to the settled end.

It is an ASGI application of its own, not a framework response, because it must own the end of the answer: a caller who
leaves cancels the upstream call, an answer is settled before its last byte is sent, and nothing of that may be cut
short.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

from litestar import Request
from litestar.types import Receive, Scope, Send

from router.errors import ApiError, BodyTooLarge
from router.gateway import Call, Gateway, StreamedAnswer, WholeAnswer
from router.http.chat_request import parse_chat_request
from router.http.errors import JSON, as_api_error, encode_error
from router.http.tuning import tuning_for
from router.settings import Settings
from router.settlement import Settlement
from router.types import Principal

EVENT_STREAM = "text/event-stream; charset=utf-8"
_DRAINED_FACTOR = 8
"""An oversized body is read and dropped up to this many times the limit, so that the caller gets to read our error."""


class ClientLeft(Exception):
    """The caller closed the connection."""


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
        settlement = self._gateway.open(self._principal, scope["path"])
        wire = _Wire(send)
        try:
            call = await read_call(self._request, self._settings, self._principal)
            settlement.asked(call.request)
            await _unless_client_leaves(receive, self._answer(call, settlement, wire))
        except ClientLeft:
            settlement.cancelled()
        except asyncio.CancelledError:
            settlement.cancelled()
            raise
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the caller gets an answer and the ledger a row
            await _fail(as_api_error(error), settlement, wire)
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
            await self._stream(answer, settlement, wire)
        finally:
            await answer.aclose()

    async def _stream(self, answer: StreamedAnswer, settlement: Settlement, wire: _Wire) -> None:
        await wire.start_stream(settlement.headers())
        async for payload in answer:
            await wire.send_event(payload)
        await settlement.close()
        await wire.end_stream()


async def read_call(request: Request[Any, Any, Any], settings: Settings, principal: Principal) -> Call:
    """Read and understand a chat request.

    Raises:
        ApiError: the body is too large or wrong, or a dial is; nothing has been asked of anybody.
        ClientLeft: the caller left before the body was complete.
    """
    body = await _read_body(request, limit=int(settings.max_body_mb * 1_000_000))
    parsed, raw = parse_chat_request(body, max_messages=settings.max_messages)
    headers = request.headers
    tuning = tuning_for(query=dict(request.query_params), headers=headers, model=parsed.model)
    return Call(
        principal=principal,
        request=parsed,
        body=raw,
        tuning=tuning,
        cache_control=headers.get("cache-control"),
    )


async def _read_body(request: Request[Any, Any, Any], *, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        event = await request.receive()
        if event["type"] != "http.request":
            raise ClientLeft
        size += len(event["body"])
        if size <= limit:
            parts.append(event["body"])
        if not event.get("more_body", False) or size > limit * _DRAINED_FACTOR:
            break
    if size > limit:
        raise BodyTooLarge(
            f"The request body is larger than {limit / 1e6:g} MB. Send less, or raise UNDERDOG_MAX_BODY_MB."
        )
    return b"".join(parts)


async def _unless_client_leaves(receive: Receive, answering: Coroutine[Any, Any, None]) -> None:
    """Run the answer to its end, or cancel it as soon as the caller is gone.

    Raises:
        ClientLeft: the caller left first.
    """
    answer = asyncio.create_task(answering)
    watch = asyncio.create_task(_disconnect(receive))
    try:
        await asyncio.wait({answer, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ClientLeft
        answer.result()
    finally:
        watch.cancel()
        if not answer.done():
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _fail(error: ApiError, settlement: Settlement, wire: _Wire) -> None:
    settlement.failed(error)
    await settlement.close()
    if wire.started:
        # The status is out already: an error event says it, and no [DONE] pretends that the answer is whole.
        await wire.send_event(encode_error(error))
        await wire.close()
    else:
        await wire.send_whole(error.status, settlement.headers() | error.headers, encode_error(error))


class _Wire:
    """The sending side: ASGI messages in the right order."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def send_whole(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        await self._start(status, {"content-type": JSON, "content-length": str(len(body)), **headers})
        await self._body(body, more=False)

    async def start_stream(self, headers: Mapping[str, str]) -> None:
        # x-accel-buffering keeps nginx from collecting the events.
        fixed = {"content-type": EVENT_STREAM, "cache-control": "no-cache", "x-accel-buffering": "no"}
        await self._start(200, {**fixed, **headers})

    async def send_event(self, payload: bytes) -> None:
        await self._body(b"data: %b\n\n" % payload, more=True)

    async def end_stream(self) -> None:
        await self._body(b"data: [DONE]\n\n", more=False)

    async def close(self) -> None:
        await self._body(b"", more=False)

    async def _start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started = True
        encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def _body(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})
