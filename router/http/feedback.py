"""``POST /v1/feedback``: what the caller thought of an answer."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, post
from litestar.di import NamedDependency
from msgspec import Struct

from router.errors import InvalidRequest, UnknownRequest
from router.http.body import read_body
from router.http.described import FeedbackOperation
from router.http.services import Services
from router.types import Rating

MAX_BODY_BYTES = 10_000


class Feedback(Struct, frozen=True, kw_only=True):
    """A rating of one request, by the id that its answer carried in ``x-request-id``."""

    request_id: str
    rating: Rating


@post(
    "/v1/feedback",
    status_code=200,
    summary="Rate an answer as good or bad",
    tags=["chat"],
    operation_class=FeedbackOperation,
)
async def feedback(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Feedback:
    """Keeps the rating beside the request's ledger row; given again, the last one stays.

    What was called bad is let go of by the cache, so that the next caller gets a fresh answer; where a reworded
    question had been answered, it counts against the cache's error budget too.
    """
    principal = services.doorman.admit(request.headers)
    body = await read_body(request, limit=MAX_BODY_BYTES, patience_s=services.settings.body_timeout_s)
    given = _parse(body)
    if not await services.gateway.feedback.rate(principal, given.request_id, given.rating):
        raise UnknownRequest(
            f"There is no request '{given.request_id[:100]}' of yours. Its id is in the answer's 'x-request-id'.",
            param="request_id",
        )
    return given


def _parse(body: bytes) -> Feedback:
    try:
        return msgspec.json.decode(body, type=Feedback)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        wrong = "rating" if "$.rating" in str(error) or "`rating`" in str(error) else "request_id"
        raise InvalidRequest(
            'Send {"request_id": "...", "rating": "good"}, or "bad".',
            param=wrong if isinstance(error, msgspec.ValidationError) else None,
        ) from error
