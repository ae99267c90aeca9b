"""Every error becomes one OpenAI-shaped answer, here and nowhere else."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from router.errors import ApiError, BodyTooLarge, InternalError, InvalidRequest, MethodNotAllowed, NotFound

logger = logging.getLogger("underdog.http")

JSON = "application/json"


def as_api_error(error: Exception) -> ApiError:
    """Translate anything that reaches the edge. What we did not expect is logged by type and place, never shown."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, HTTPException):
        return _from_litestar(error)
    logger.error("unexpected error", exc_info=_without_values(error))
    return InternalError("Something went wrong in the router. The request id leads to the log entry.")


def _from_litestar(error: HTTPException) -> ApiError:
    if error.status_code == 404:
        return NotFound("Unknown request URL. See GET /v1/models and POST /v1/chat/completions.")
    if error.status_code == 405:
        return MethodNotAllowed("This method is not allowed here.")
    if error.status_code == 413:
        return BodyTooLarge("The request body is too large.")
    if error.status_code < 500:
        return InvalidRequest(error.detail)
    logger.error("unexpected error", exc_info=_without_values(error))
    return InternalError("Something went wrong in the router. The request id leads to the log entry.")


def _without_values(error: BaseException) -> BaseException:
    """The same traceback under the error's type alone: messages of foreign errors may quote a prompt."""
    return Exception(type(error).__name__).with_traceback(error.__traceback__)


def encode_error(error: ApiError) -> bytes:
    """The error as a JSON body."""
    return msgspec.json.encode(error.payload())


def render_error(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's exception handler for everything that is not answered by a chat exchange."""
    api_error = as_api_error(error)
    return Response(encode_error(api_error), status_code=api_error.status, headers=api_error.headers, media_type=JSON)
