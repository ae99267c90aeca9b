"""Reading a request's body: no more of it than is allowed, and no longer than it keeps coming."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Request
from litestar.types import Receive

from router.errors import BodyTimeout, BodyTooLarge, InvalidRequest
from router.settings import Settings

_DRAINED_FACTOR = 8
"""An oversized body is read and dropped up to this many times the limit, so that the caller gets to read our error."""


class ClientLeft(Exception):
    """The caller closed the connection, or holds it open without reading."""


async def read_request_body(request: Request[Any, Any, Any], settings: Settings) -> bytes:
    """The body of a request to a model, within the limits of the settings.

    Raises:
        ApiError: it is too large, stops coming, or is encoded.
        ClientLeft: the caller left before it was complete.
    """
    body = await read_body(
        request,
        limit=int(settings.max_body_mb * 1_000_000),
        patience_s=settings.body_timeout_s,
        remedy="Send less, or raise UNDERDOG_MAX_BODY_MB.",
    )
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise InvalidRequest(
            f"The body is encoded ('{encoding[:40]}'). Send it as plain JSON.", code="invalid_encoding"
        )
    return body


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
