"""The shortest way to a chat exchange, past the framework, whose own part would cost a tenth of a forwarded request.

Litestar still knows the path, for its OpenAPI document and for other servers; what is said there and here is the same.
"""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from router.dialects import CHAT
from router.errors import ApiError
from router.http.chat import CHAT_PATH
from router.http.exchange import Exchange
from router.http.services import Services


class FrontDoor:
    """ASGI: lets chat requests in by the short way, and hands everything else on.

    Args:
        app: answers the rest.
        services: the parts behind the exchange.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass the server's start and stop on."""
        if scope["type"] == ScopeType.HTTP and scope["path"] == CHAT_PATH and scope["method"] == "POST":
            await self._chat(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _chat(self, scope: Scope, receive: Receive, send: Send) -> None:
        services = self._services
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        try:
            principal = services.doorman.admit(request.headers)
        except ApiError:
            # Refused there once more, in the words of every refusal.
            await self._app(scope, receive, send)
            return
        exchange = Exchange(
            CHAT, gateway=services.gateway, settings=services.settings, principal=principal, request=request
        )
        await exchange(scope, receive, send)
