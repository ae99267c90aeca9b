"""``POST /v1/chat/completions`` and ``POST /v1/route``."""

from __future__ import annotations

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.types import ASGIApp

from router.deciding import RoutePreview
from router.dialects import CHAT
from router.http.described import ChatOperation
from router.http.exchange import Exchange, call_of, read_asked
from router.http.services import Services

CHAT_PATH = "/v1/chat/completions"


@post(
    CHAT_PATH,
    summary="Answer a chat request with the model that suffices",
    tags=["chat"],
    operation_class=ChatOperation,
)
async def chat_completions(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> ASGIApp:
    """OpenAI's chat completions, streamed or not; the answer's headers say which model answered and why."""
    principal = services.doorman.admit(request.headers)
    return Exchange(CHAT, gateway=services.gateway, settings=services.settings, principal=principal, request=request)


@post(
    "/v1/route",
    status_code=200,
    summary="Say where a chat request would go, and ask nobody",
    tags=["chat"],
    operation_class=ChatOperation,
)
async def route(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> RoutePreview:
    """Takes the body and the query of a chat request; calls no model and leaves no ledger row. It is counted as one."""
    principal = services.doorman.admit(request.headers)
    await services.gateway.admission.count(principal.scopes)
    asked = await read_asked(request, CHAT, services.settings)
    return services.gateway.preview(call_of(request, asked, principal, CHAT))
