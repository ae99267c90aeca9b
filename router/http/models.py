"""``GET /v1/models``: the names that a request's ``model`` may carry."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import Parameter
from msgspec import UNSET, Struct, UnsetType

from router.allowed import may_ask, may_have
from router.errors import UnknownModel
from router.gateway import Gateway
from router.http.services import Services
from router.policy import AUTO
from router.principals import Principal
from router.upstream.build import Upstreams

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


class AnthropicModel(Struct, frozen=True, kw_only=True):
    """One entry of the model list, in Anthropic's form; the epoch stands for a day that is not known."""

    id: str
    display_name: str
    type: str = "model"
    created_at: str = "1970-01-01T00:00:00Z"
    lifecycle: str = "active"


class AnthropicModelList(Struct, frozen=True, kw_only=True):
    """Anthropic's list of models, all on one page."""

    data: list[AnthropicModel]
    first_id: str | None
    last_id: str | None
    has_more: bool = False


@get("/v1/models", summary="List the names that `model` may carry", tags=["models"])
async def list_models(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> ModelList | AnthropicModelList:
    """Routing names first, then the models behind them; in Anthropic's form for who sends ``anthropic-version``.

    A key that may ask for some models only is shown those.
    """
    principal = services.doorman.admit(request.headers)
    models = _models(services.gateway, principal)
    if not _is_anthropic(request):
        return ModelList(data=models)
    return AnthropicModelList(
        data=[_anthropic(model) for model in models],
        first_id=models[0].id if models else None,
        last_id=models[-1].id if models else None,
    )


@get("/v1/models/{model_id:path}", summary="Describe one model", tags=["models"])
async def get_model(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    model_id: Annotated[str, Parameter(description="A name from the list; it may contain slashes.")],
) -> Model | AnthropicModel:
    """One entry of the list, in the same form."""
    principal = services.doorman.admit(request.headers)
    wanted = model_id.removeprefix("/")
    upstreams = services.gateway.upstreams_for(principal)
    for model in _models(services.gateway, principal):
        if model.id == wanted:
            return _anthropic(model) if _is_anthropic(request) else model
    found = upstreams.named.find(wanted)
    if found is not None and may_have(principal, found, upstreams):
        model = Model(id=wanted, owned_by=found.provider or OWNER)
        return _anthropic(model) if _is_anthropic(request) else model
    raise UnknownModel(
        f"The model '{wanted[:100]}' does not exist here. GET /v1/models lists those that do.", param="model"
    )


def _is_anthropic(request: Request[Any, Any, Any]) -> bool:
    return "anthropic-version" in request.headers


def _anthropic(model: Model) -> AnthropicModel:
    return AnthropicModel(id=model.id, display_name=model.id)


def _models(gateway: Gateway, principal: Principal) -> list[Model]:
    """The names that a caller may ask for."""
    upstreams = gateway.upstreams_for(principal)
    return [model for model in _all_models(gateway, upstreams) if may_ask(principal, model.id, upstreams)]


def _all_models(gateway: Gateway, those: Upstreams) -> list[Model]:
    dial = gateway.in_use.dial
    promises = {name: dial.promise_of(name) if gateway.routes else None for name in dial.operating_points}
    points = {f"{AUTO}:{name}": promise or UNSET for name, promise in promises.items()}
    names = [AUTO, *points]
    upstreams = [upstream for upstream in (those.weak, those.strong) if upstream is not None]
    names += [upstream.name for upstream in upstreams]
    listed = [Model(id=name, owned_by=OWNER, promise=points.get(name, UNSET)) for name in names]
    concrete = {upstream.model: upstream.provider or OWNER for upstream in upstreams}
    named = those.named.configured
    concrete |= {model: upstream.provider or OWNER for model, upstream in named.items()}
    concrete |= dict.fromkeys((name for name in those.aliases.usable if name not in concrete), OWNER)
    return listed + [Model(id=model, owned_by=owner) for model, owner in concrete.items() if model not in names]
