"""``GET /v1/models``: the names that a request's ``model`` may carry."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import Parameter
from msgspec import UNSET, Struct, UnsetType

from router.errors import UnknownModel
from router.gateway import Gateway
from router.http.services import Services
from router.policy import AUTO

OWNER = "underdog"


class Model(Struct, frozen=True, kw_only=True):
    """One entry of the model list, in OpenAI's form; ``promise`` says what a named threshold was stored with."""

    id: str
    owned_by: str
    object: str = "model"
    created: int = 0
    promise: str | UnsetType = UNSET


class ModelList(Struct, frozen=True, kw_only=True):
    """OpenAI's list of models."""

    data: list[Model]
    object: str = "list"


@get("/v1/models", summary="List the names that `model` may carry", tags=["models"])
async def list_models(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> ModelList:
    """Routing names first, then the models behind them."""
    services.doorman.admit(request.headers)
    return ModelList(data=_models(services.gateway))


@get("/v1/models/{model_id:path}", summary="Describe one model", tags=["models"])
async def get_model(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    model_id: Annotated[str, Parameter(description="A name from the list; it may contain slashes.")],
) -> Model:
    """One entry of the list."""
    services.doorman.admit(request.headers)
    wanted = model_id.removeprefix("/")
    for model in _models(services.gateway):
        if model.id == wanted:
            return model
    if (found := services.gateway.upstreams.named.find(wanted)) is not None:
        return Model(id=wanted, owned_by=found.provider or OWNER)
    raise UnknownModel(
        f"The model '{wanted[:100]}' does not exist here. GET /v1/models lists those that do.", param="model"
    )


def _models(gateway: Gateway) -> list[Model]:
    dial = gateway.in_use.dial
    promises = {name: dial.promise_of(name) if gateway.routes else None for name in dial.operating_points}
    points = {f"{AUTO}:{name}": promise or UNSET for name, promise in promises.items()}
    names = [AUTO, *points]
    upstreams = [upstream for upstream in (gateway.upstreams.weak, gateway.upstreams.strong) if upstream is not None]
    names += [upstream.name for upstream in upstreams]
    listed = [Model(id=name, owned_by=OWNER, promise=points.get(name, UNSET)) for name in names]
    concrete = {upstream.model: upstream.provider or OWNER for upstream in upstreams}
    named = gateway.upstreams.named.configured
    concrete |= {model: upstream.provider or OWNER for model, upstream in named.items()}
    concrete |= dict.fromkeys((name for name in gateway.upstreams.aliases.usable if name not in concrete), OWNER)
    return listed + [Model(id=model, owned_by=owner) for model, owner in concrete.items() if model not in names]
