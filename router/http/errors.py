"""Every error becomes one OpenAI-shaped answer, here and nowhere else."""

from __future__ import annotations

import logging
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException

from router.dialects import dialect_of
from router.errors import (
    ApiError,
    BodyTooLarge,
    InternalError,
    InvalidRequest,
    LedgerError,
    LedgerUnavailable,
    MethodNotAllowed,
    NotFound,
    UnderdogError,
)
from router.http.body import ClientLeft
from router.http.request_id import request_id
from router.http.unkept import UNKEPT

logger = logging.getLogger("underdog.http")

JSON = "application/json"

UNKNOWN_URL = (
    "Unknown request URL. See GET /v1/models and POST /v1/chat/completions; GET /openapi has all of them. For people "
    "there is a page, /console."
)


def as_api_error(error: Exception, request: str) -> ApiError:
    """Translate anything that reaches the edge.

    What we did not expect is logged by type and place under the id of the ``request``, and never shown.
    """
    if isinstance(error, ApiError):
        return error
    if isinstance(error, ClientLeft):
        # Where a ledger row is owed, the exchange itself sees to it; elsewhere nobody is there to read this.
        return InvalidRequest("The caller left before the body was complete.")
    if isinstance(error, RecursionError):
        # Only a body can be nested so deep that reading it, or writing it out again, runs out of stack.
        return InvalidRequest("The request body is nested too deeply.", code="invalid_json")
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _from_litestar(error)
    about = {"fields": {"request_id": request}}
    if isinstance(error, UnderdogError):
        logger.error("request %s: %s", request, error, extra=about)
        if isinstance(error, LedgerError):
            return LedgerUnavailable("The ledger cannot be asked just now; try again in a moment.")
    else:
        logger.error("request %s: unexpected error", request, exc_info=_without_values(error), extra=about)
    return InternalError(f"Something went wrong in the router. The log has more under {request}.")


def _from_litestar(error: HTTPException) -> ApiError:
    if error.status_code == 404:
        return NotFound(UNKNOWN_URL)
    if error.status_code == 405:
        return MethodNotAllowed("This method is not allowed here.", allow=(error.headers or {}).get("allow"))
    if error.status_code == 413:
        return BodyTooLarge("The request body is too large.")
    return InvalidRequest(f"{error.detail}.")


def _of_base_urls(request: Request[Any, Any, Any]) -> str | None:
    """What is wrong with a client's base URL, where that is all that is wrong with the request's."""
    path = request.scope["path"]
    if path.startswith("/v1/v1/"):
        return "The client's base URL has a '/v1' too many: Anthropic's clients add it themselves."
    if any(route.path == f"/v1{path}" for route in request.app.routes):
        return "The client's base URL must end with '/v1'."
    return None


def _without_values(error: BaseException) -> BaseException:
    """The same traceback under the error's type alone: messages of foreign errors may quote a prompt."""
    return Exception(type(error).__name__).with_traceback(error.__traceback__)


def render_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's exception handler for everything that is not answered by an exchange."""
    name = request_id(request.scope)
    api_error = as_api_error(error, name)
    if isinstance(api_error, NotFound) and (hint := _of_base_urls(request)):
        api_error = NotFound(f"{UNKNOWN_URL} {hint}")
    dialect = dialect_of(request.scope["path"], request.headers)
    request.app.state.gateway.traffic.turned_away(api_error.code or api_error.type)
    headers = dialect.headers(name) | api_error.headers
    headers = dialect.headers(name) | UNKEPT | api_error.headers
    body = dialect.error(api_error, name)
    return Response(body, status_code=api_error.status, headers=headers, media_type=JSON)
