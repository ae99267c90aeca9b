"""``POST /v1/completions``."""

from __future__ import annotations

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.types import ASGIApp

from router.dialects import COMPLETIONS
from router.http.described import CompletionsOperation
from router.http.exchange import Exchange
from router.http.services import Services


@post(
    "/v1/completions",
    summary="Complete a prompt with the model that suffices",
    tags=["completions"],
    operation_class=CompletionsOperation,
)
async def completions(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> ASGIApp:
    """OpenAI's older completions, with ``suffix`` to fill in the middle; routed as a chat request is, never cached."""
    principal = services.doorman.admit(request.headers)
    return Exchange(
        COMPLETIONS, gateway=services.gateway, settings=services.settings, principal=principal, request=request
    )
