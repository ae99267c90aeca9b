"""LiteLLM's proxy, moved: ``config.yaml`` as its documentation describes it in October 2026.

Sources: https://docs.litellm.ai/docs/proxy/configs and .../config_settings; how load is shared:
``litellm/router_strategy/simple_shuffle.py`` in https://github.com/BerriAI/litellm.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from router.commands.elsewhere.litellm_models import EMBEDDING, Group, Models
from router.commands.elsewhere.litellm_remedies import NO_SUCH, REMEDIES
from router.commands.elsewhere.litellm_routes import Routes
from router.commands.elsewhere.litellm_settings import move_settings
from router.commands.elsewhere.moving import Move, Moved, variable_named
from router.commands.elsewhere.pairing import paired
from router.commands.elsewhere.source import Entry, read_source
from router.configured.prices import PriceEntry
from router.upstream.providers import known_provider


def moved(path: Path, environ: Mapping[str, str], weak: str | None, strong: str | None) -> Moved:
    """LiteLLM's file as ours.

    Args:
        path: the file.
        environ: where ``os.environ/NAME`` is looked up for what is no secret.
        weak: the group to route easy prompts to, ``embedded`` for none; None finds it.
        strong: that for hard ones, ``none`` for none; None finds it.

    Raises:
        SettingsError: the file cannot be read.
        click.UsageError: which model is which cannot be told, or a name is not there.
    """
    source, move = read_source(path), Move(environ)
    _environment(source, move)
    models = Models(source, move)
    chosen = paired([group.candidate for group in models.chatting], weak, strong)
    routes = Routes(models.chatting, chosen, move)
    move_settings(source, move, routes)
    _embeddings([group for group in models.groups.values() if group.mode == EMBEDDING], move)
    if models.prices:
        move.put("prices", [_price(entry) for entry in models.prices])
    return move.finished(source, chosen, REMEDIES, NO_SUCH)


def _environment(source: Entry, move: Move) -> None:
    """What the file puts into the environment there is the environment's own business here."""
    given = source.get("environment_variables")
    for name, entry in (given.fields() if given is not None else {}).items():
        if variable_named(entry) is None and entry.value is not None:
            move.environ.setdefault(name, str(entry.value))
        move.remark(entry, "the environment itself gives variables: set it before the server starts")


def _embeddings(groups: list[Group], move: Move) -> None:
    """One model for embeddings moves; callers may ask its endpoint for others by their ids."""
    for number, group in enumerate(groups):
        deployment = group.deployments[0]
        provider, model = deployment.get("provider"), deployment["model"]
        url = deployment.get("url") or _address_of(provider, move)
        if number > 0 or url is None:
            move.remark(group.entry, f"embeddings come from one place (docs/openai.md); '{group.name}' is left out")
            continue
        move.put("embeddings_url", url)
        move.put("embeddings_model", model)
        for variable in deployment.get("api_key_env", ()) or _variable_of(provider):
            move.needs("UNDERDOG_EMBEDDINGS_API_KEY", "key for embeddings", required=False, was=variable)
        if group.name != model:
            move.remark(group.called, f"ask for '{model}', or for no model: '{group.name}' is no name here")


def _address_of(provider: str | None, move: Move) -> str | None:
    """A provider's own address; None where a variable in it is not set."""
    known = known_provider(provider, "model_list") if provider is not None else None
    if known is None or not all(move.environ.get(variable) for variable in known.variables):
        return None
    return known.url(move.environ)


def _variable_of(provider: str | None) -> tuple[str, ...]:
    return known_provider(provider, "model_list").key_variables[:1] if provider is not None else ()


def _price(entry: PriceEntry) -> dict[str, str]:
    amounts = {name: getattr(entry, name) for name in ("input", "output", "cached_input", "cache_write")}
    texts = {name: format(amount, "f") for name, amount in amounts.items() if amount is not None}
    return {"model": entry.model} | texts
