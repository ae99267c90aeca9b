"""``POST /v1/chat/completions`` and ``POST /v1/route``."""

from __future__ import annotations

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.types import ASGIApp

from router.gateway import Gateway, RoutePreview
from router.http.auth import Doorman
from router.http.exchange import ChatExchange, read_call
from router.settings import Settings


@post("/v1/chat/completions", summary="Answer a chat request with the model that suffices", tags=["chat"])
async def chat_completions(
    request: Request[Any, Any, Any],
    gateway: NamedDependency[Gateway],
    settings: NamedDependency[Settings],
    doorman: NamedDependency[Doorman],
) -> ASGIApp:
    """OpenAI's chat completions, streamed or not; the answer's headers say which model answered and why."""
    principal = doorman.admit(request.headers)
    return ChatExchange(gateway=gateway, settings=settings, principal=principal, request=request)


@post("/v1/route", status_code=200, summary="Say where a chat request would go, and ask nobody", tags=["chat"])
async def route(
    request: Request[Any, Any, Any],
    gateway: NamedDependency[Gateway],
    settings: NamedDependency[Settings],
    doorman: NamedDependency[Doorman],
) -> RoutePreview:
    """Takes the body and the query of a chat request; calls no model and leaves no ledger row."""
    principal = doorman.admit(request.headers)
    return gateway.preview(await read_call(request, settings, principal))
