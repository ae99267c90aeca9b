"""``GET /console/api/session``: what the page needs to know before it draws anything, and what who asks may do."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from msgspec import Struct

from router import __version__
from router.http.console.access import watcher
from router.http.console.assets import CHARTS, files
from router.http.services import Services
from router.http.unkept import UNKEPT
from router.principals import Principal
from router.settings import Settings


class RouteModels(Struct, frozen=True, kw_only=True):
    """The model ids behind the two routes; None where there is none."""

    weak: str | None
    strong: str | None


class Permissions(Struct, frozen=True, kw_only=True):
    """What who asks may do beside looking: change what decides (``tune``), and look after keys (``administer``)."""

    tune: bool
    administer: bool


class Session(Struct, frozen=True, kw_only=True):
    """The server as the page begins with it.

    ``points``: the artifact's named thresholds. ``open``: nobody needs a key. ``keeps_prompts``: the ledger keeps what
    is asked and answered. ``charts``: the chart library is installed. ``endpoints_base``: the path, relative to where
    the server lies, below which callers ask.
    """

    version: str
    artifact: str
    threshold: float
    points: dict[str, float]
    models: RouteModels
    open: bool
    may: Permissions
    keeps_prompts: bool
    charts: bool
    endpoints_base: str = "v1"


@get("/console/api/session", include_in_schema=False)
async def console_session(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[Session]:
    """For whoever may look."""
    principal = watcher(services, request.headers)
    gateway, settings = services.gateway, services.settings
    in_use, models = gateway.in_use, gateway.models
    session = Session(
        version=__version__,
        artifact=in_use.artifact,
        threshold=in_use.dial.default,
        points={name: point.threshold for name, point in in_use.dial.operating_points.items()},
        models=RouteModels(weak=models.weak, strong=models.strong),
        open=not settings.closed,
        may=_permissions(principal, settings),
        keeps_prompts=gateway.ledger.keeps_prompts,
        charts=all(name in files() for name in CHARTS),
    )
    return Response(session, headers=UNKEPT)


def _permissions(principal: Principal, settings: Settings) -> Permissions:
    return Permissions(tune=principal.admin or settings.master_key is None, administer=principal.admin)
