"""From the arguments of a `Controller` to the settings of a server: two models, in LiteLLM's notation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from router.errors import SettingsError

if TYPE_CHECKING:
    from router.configured.deployments import Deployment
    from router.settings import Settings
    from router.upstream.providers import Provider


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two models as it was given.

    ``model``: ``provider/name``, or a bare name whose maker the price list knows; beside ``api_base`` whatever is
    called there. ``api_key``: None takes the provider's from the environment.
    """

    route: Literal["weak", "strong"]
    model: str | None
    api_base: str | None = None
    api_key: str | None = None

    @property
    def argument(self) -> str:
        """The argument that names the model, as messages begin with it."""
        return f"{self.route}_model"


def settings_for(base: Settings, sides: tuple[Side, Side], environ: Mapping[str, str]) -> Settings:
    """The settings with these two models in their places; a side without a model stays as it was.

    In-process there is nobody at a door: keys of callers are left out.

    Raises:
        SettingsError: a model cannot be placed, or its key is not there.
    """
    from msgspec.structs import replace

    given = [side for side in sides if _is_given(side)]
    routes = {side.route for side in given}
    deployments = tuple(each for each in base.deployments if each.route not in routes)
    cleared = {f"{route}_{name}": None for route in routes for name in ("url", "model", "api_key")}
    return replace(
        base,
        deployments=(*deployments, *(_deployment(side, environ) for side in given)),
        api_key=None,
        master_key=None,
        require_key=False,
        **cleared,
    )


def _is_given(side: Side) -> bool:
    if side.model is None and (side.api_base or side.api_key):
        raise SettingsError(f"{side.argument}: api_base or api_key is given and no model; name it.")
    return side.model is not None


def _deployment(side: Side, environ: Mapping[str, str]) -> Deployment:
    from router.configured.deployments import Deployment
    from router.configured.secret import Secret

    provider, model = _split(side)
    if side.api_base is None:
        if provider is None:
            raise SettingsError(
                f"{side.argument}: of which provider is '{side.model}'? Write 'provider/model', such as "
                f"'openai/gpt-4.1', or name its endpoint with {side.route}_api_base."
            )
        _require_key(side, provider, environ)
    # "openai/NAME" at an address of one's own is LiteLLM's way to say "whatever speaks OpenAI's protocol there".
    anybody = side.api_base is not None and (provider is None or provider.id == "openai")
    return Deployment(
        route=side.route,
        name=side.route,
        model=model,
        provider=None if anybody or provider is None else provider.id,
        url=_base_url(side, provider),
        api_key=None if side.api_key is None else Secret(side.api_key),
    )


def _split(side: Side) -> tuple[Provider | None, str]:
    """The provider that a model's name says, and the name without it."""
    from router.upstream.named import maker_of
    from router.upstream.providers import provider_called, split_model

    model = side.model or ""
    named = split_model(model)
    if named is not None:
        return named
    if side.api_base is not None:
        return None, model
    maker = maker_of(model)
    return (None if maker is None else provider_called(maker)), model


def _base_url(side: Side, provider: Provider | None) -> str | None:
    """LiteLLM asks Ollama by its own protocol at the bare address; its OpenAI-compatible one lies below ``/v1``."""
    base = side.api_base
    if base is None or provider is None or provider.id != "ollama" or base.rstrip("/").endswith("/v1"):
        return base
    return f"{base.rstrip('/')}/v1"


def _require_key(side: Side, provider: Provider, environ: Mapping[str, str]) -> None:
    if provider.local or side.api_key is not None or provider.key(environ) is not None:
        return
    wanted = " or ".join(provider.key_variables)
    raise SettingsError(
        f"{side.argument} '{side.model}' is of the provider '{provider.id}', whose key is not there: set {wanted}, or "
        f"give {side.route}_api_key."
    )
