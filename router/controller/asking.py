"""From the arguments of a call to a request of the server's, and from its reply to an answer or an error."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from router.controller.inside import Reply
from router.controller.records import Completion
from router.controller.streams import failure
from router.errors import RequestFailed

if TYPE_CHECKING:
    from router.controller.inside import Inside

CHAT_PATH = "/v1/chat/completions"
ROUTE_PATH = "/v1/route"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its body as JSON, and what goes beside it.

    ``router``: the one that its model name carries. ``timeout_s``: how long its caller waits for the answer, or for its
    first piece.
    """

    model: str
    router: str | None
    body: bytes
    stream: bool
    headers: Mapping[str, str]
    query: bytes
    timeout_s: float | None


def understood(model: str, router: str | None, arguments: dict[str, Any]) -> Asked:
    """Read the arguments of OpenAI's ``create``; those that are None count as not given.

    Raises:
        TypeError: one of them cannot be said in JSON.
    """
    headers = arguments.pop("extra_headers", None) or {}
    query = arguments.pop("extra_query", None) or {}
    more = arguments.pop("extra_body", None) or {}
    timeout = arguments.pop("timeout", None)
    fields = {"model": model, **{name: value for name, value in arguments.items() if value is not None}, **more}
    return Asked(
        model=model,
        router=router,
        body=msgspec.json.encode(fields, enc_hook=_plainly),
        stream=bool(fields.get("stream")),
        headers=headers,
        query=urlencode(query).encode(),
        timeout_s=timeout,
    )


async def completed(inside: Inside, asked: Asked) -> Completion | Reply:
    """The answer; of a stream the reply, which has begun.

    Raises:
        RequestFailed: it was answered with an error, or not in time.
    """
    try:
        async with asyncio.timeout(asked.timeout_s):
            reply = await inside.ask(CHAT_PATH, asked.body, headers=asked.headers, query=asked.query)
            if asked.stream and reply.status == 200:
                return reply
            return Completion(await _whole(reply), reply.headers)
    except TimeoutError:
        raise RequestFailed(
            f"No answer within {asked.timeout_s:g} seconds; give a longer timeout.", status=504, code="timeout"
        ) from None


async def previewed(inside: Inside, body: Mapping[str, Any]) -> dict[str, Any]:
    """Where a request would go; see ``POST /v1/route``.

    Raises:
        RequestFailed: it was answered with an error.
    """
    return await _whole(await inside.ask(ROUTE_PATH, msgspec.json.encode(body)))


async def _whole(reply: Reply) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.json.decode(await reply.read())
    if reply.status != 200:
        raise failure(fields, status=reply.status, request_id=reply.headers.get("x-request-id"))
    return fields


def _plainly(value: Any) -> Any:
    """Objects of OpenAI's package and of ours: a message that was answered is often sent back."""
    if hasattr(value, "model_dump"):
        return value.model_dump(exclude_none=True)
    raise TypeError(f"A {type(value).__name__} cannot be said in JSON.")
