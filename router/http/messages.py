"""``POST /v1/messages`` and ``POST /v1/messages/count_tokens``: Anthropic's protocol."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.types import ASGIApp

from router.dialects import MESSAGES
from router.dialects.messages import parse_messages
from router.http.body import read_request_body
from router.http.described import CountOperation, MessagesOperation
from router.http.exchange import Exchange
from router.http.services import Services
from router.ledger.tokens import estimate_usage


class TokenCount(msgspec.Struct, frozen=True, kw_only=True):
    """Anthropic's count of a request's tokens; here an estimate, as the header ``x-router-estimated`` says."""

    input_tokens: int


@post(
    "/v1/messages",
    summary="Answer a request in Anthropic's protocol with the model that suffices",
    tags=["chat"],
    operation_class=MessagesOperation,
)
async def messages(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> ASGIApp:
    """Anthropic's Messages, streamed or not; the answer's headers say which model answered and why."""
    principal = services.doorman.admit(request.headers)
    return Exchange(
        MESSAGES, gateway=services.gateway, settings=services.settings, principal=principal, request=request
    )


@post(
    "/v1/messages/count_tokens",
    status_code=200,
    summary="Estimate the tokens of a request",
    tags=["chat"],
    operation_class=CountOperation,
)
async def count_tokens(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[TokenCount]:
    """By our own estimate, since which model will answer is open; asks nobody and leaves no ledger row."""
    services.doorman.admit(request.headers)
    body = await read_request_body(request, services.settings)
    asked = parse_messages(body, headers={}, max_messages=services.settings.max_messages, answered=False)
    # Tools of every kind, those too that the chat form leaves out.
    tools = asked.native.body.get("tools") if asked.native is not None else None
    counted = estimate_usage(msgspec.structs.replace(asked.request, tools=tools), "")
    return Response(TokenCount(input_tokens=counted.prompt_tokens), headers={"x-router-estimated": "true"})
