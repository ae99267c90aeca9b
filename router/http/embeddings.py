"""``POST /v1/embeddings``."""

from __future__ import annotations

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.types import ASGIApp

from router.dialects import EMBEDDINGS
from router.http.described import EmbeddingsOperation
from router.http.exchange import Exchange
from router.http.services import Services


@post(
    "/v1/embeddings",
    summary="Turn texts into vectors",
    tags=["embeddings"],
    operation_class=EmbeddingsOperation,
)
async def embeddings(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> ASGIApp:
    """Forwarded as it is to what `embeddings_url` names, else to the strong or the weak upstream; never routed."""
    principal = services.doorman.admit(request.headers)
    return Exchange(
        EMBEDDINGS, gateway=services.gateway, settings=services.settings, principal=principal, request=request
    )
