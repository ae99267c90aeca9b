"""``POST /v1/responses``, and what asks for stored responses, of which there are none."""

from __future__ import annotations

from typing import Any

from litestar import HttpMethod, Request, post, route
from litestar.di import NamedDependency
from litestar.types import ASGIApp

from router.dialects import RESPONSES
from router.errors import NotFound
from router.http.exchange import Exchange
from router.http.services import Services


@post("/v1/responses", summary="Answer a request of OpenAI's Responses API", tags=["responses"])
async def responses(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> ASGIApp:
    """Routed as a chat request is, streamed or not, whatever the upstream speaks. Nothing is stored."""
    principal = services.doorman.admit(request.headers)
    return Exchange(
        RESPONSES, gateway=services.gateway, settings=services.settings, principal=principal, request=request
    )


@route(
    ["/v1/responses/{response_id:str}", "/v1/responses/{response_id:str}/{what:str}"],
    http_method=[HttpMethod.GET, HttpMethod.POST, HttpMethod.DELETE],
    status_code=200,
    summary="Say that responses are not stored",
    tags=["responses"],
)
async def stored_response(
    request: Request[Any, Any, Any], services: NamedDependency[Services], response_id: str
) -> None:
    """Always 404."""
    services.doorman.admit(request.headers)
    raise NotFound(
        f"There is no response '{response_id[:100]}': none are stored here ('store' is answered as false). "
        "Keep what you are given, and send the whole conversation as 'input'.",
        param="response_id",
        code="response_not_found",
    )
