"""``POST /v1/responses`` and what belongs to it: a count of tokens, and stored responses, of which there are none."""

from __future__ import annotations

from typing import Any, NoReturn

from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.types import ASGIApp
from msgspec import Struct

from router.dialects import RESPONSES
from router.errors import NotFound
from router.http.body import read_request_body
from router.http.described import InputTokensOperation, ResponsesOperation
from router.http.exchange import Exchange
from router.http.services import Services
from router.ledger.tokens import estimate_usage


class InputTokens(Struct, frozen=True, kw_only=True):
    """OpenAI's count of a request's tokens; here an estimate, as the header ``x-router-estimated`` says."""

    input_tokens: int
    object: str = "response.input_tokens"


@post(
    "/v1/responses",
    summary="Answer a request of OpenAI's Responses API",
    tags=["responses"],
    operation_class=ResponsesOperation,
)
async def responses(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> ASGIApp:
    """Routed as a chat request is, streamed or not, whatever the upstream speaks. Nothing is stored."""
    principal = services.doorman.admit(request.headers)
    return Exchange(
        RESPONSES, gateway=services.gateway, settings=services.settings, principal=principal, request=request
    )


@post(
    "/v1/responses/input_tokens",
    status_code=200,
    summary="Estimate the tokens of a response's input",
    tags=["responses"],
    operation_class=InputTokensOperation,
)
async def count_input_tokens(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[InputTokens]:
    """By our own estimate, since which model will answer is open; asks nobody and leaves no ledger row."""
    services.doorman.admit(request.headers)
    body = await read_request_body(request, services.settings)
    asked = RESPONSES.parse(body, headers={}, max_messages=services.settings.max_messages)
    counted = estimate_usage(asked.request, "").prompt_tokens
    return Response(InputTokens(input_tokens=counted), headers={"x-router-estimated": "true"})


# Nothing but 404s: they are no part of what the OpenAPI page offers.


@get(["/v1/responses/{response_id:str}", "/v1/responses/{response_id:str}/input_items"], include_in_schema=False)
async def get_response(request: Request[Any, Any, Any], services: NamedDependency[Services], response_id: str) -> None:
    """There is none."""
    services.doorman.admit(request.headers)
    _not_stored(response_id)


@delete("/v1/responses/{response_id:str}", include_in_schema=False)
async def delete_response(
    request: Request[Any, Any, Any], services: NamedDependency[Services], response_id: str
) -> None:
    """There is none."""
    services.doorman.admit(request.headers)
    _not_stored(response_id)


@post("/v1/responses/{response_id:str}/cancel", include_in_schema=False)
async def cancel_response(
    request: Request[Any, Any, Any], services: NamedDependency[Services], response_id: str
) -> None:
    """There is none."""
    services.doorman.admit(request.headers)
    _not_stored(response_id)


def _not_stored(response_id: str) -> NoReturn:
    raise NotFound(
        f"There is no response '{response_id[:100]}': none are stored here ('store' is answered as false). "
        "Keep what you are given, and send the whole conversation as 'input'.",
        param="response_id",
        code="response_not_found",
    )
