"""``underdog models``: what Ollama has, and getting more."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import click

from router.commands.options import EMBEDDED, json_option, print_json

if TYPE_CHECKING:
    from router.upstream.nearby import OllamaModel

url_option = click.option("--url", help="Where Ollama listens.  [default: OLLAMA_HOST, else http://127.0.0.1:11434]")


@click.group("models")
def command() -> None:
    """Local models: list what Ollama has, show what a model is, pull another."""


@command.command("list")
@url_option
@json_option
def list_(url: str | None, as_json: bool) -> None:
    """List the models that Ollama has."""
    from router.commands.models_tables import show_models

    models = asyncio.run(_models(_url(url)))
    if as_json:
        print_json(models)
    else:
        show_models(models)


@command.command()
@click.argument("name")
@url_option
@json_option
def show(name: str, url: str | None, as_json: bool) -> None:
    """Show what is known of a model: from our table, and from Ollama where it has it."""
    from router.advice import LOCAL_MODELS
    from router.commands.models_tables import show_model
    from router.errors import OllamaError

    known = next((model for model in LOCAL_MODELS if any(build.name == name for build in model.builds)), None)
    try:
        told = asyncio.run(_show(_url(url), name))
    except OllamaError:
        if known is None:
            raise
        told = {}
    if as_json:
        print_json({"name": name, "known": known, "ollama": told})
    else:
        show_model(name, known, told)


@command.command()
@click.argument("name", required=False)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@url_option
@json_option
def pull(name: str | None, yes: bool, url: str | None, as_json: bool) -> None:
    """Let Ollama download a model; without NAME the one that `underdog doctor` recommends.

    A download that was broken off goes on where it stopped. Where there is no Ollama and no NAME is given, the small
    embedded LLM is fetched instead.
    """
    from router.commands.models_pull import fetch_embedded, pull_model, recommended, warning_of

    def agreed(question: str) -> None:
        if not yes:
            click.confirm(question, default=True, abort=True, err=True)

    if name is None and not asyncio.run(_answers(_url(url))):
        agreed(f"No Ollama answers on {_url(url)}. Fetch the small embedded LLM (98 MB, Apache-2.0) instead?")
        weights = fetch_embedded()
        if as_json:
            print_json({"name": EMBEDDED, "url": None, "file": str(weights)})
        else:
            click.echo(f"{weights} is there: underdog serve")
        return
    if name is not None and (warning := warning_of(name)) is not None:
        click.echo(f"Warning: {warning}", err=True)
    if name is None:
        suggestion = recommended()
        name = suggestion.name
        agreed(f"Pull {name} ({suggestion.need.weights / 1e9:.1f} GB, {suggestion.licence})?")
    asyncio.run(pull_model(_url(url), name))
    served_at = f"{_url(url)}/v1"
    if as_json:
        print_json({"name": name, "url": served_at, "file": None})
    else:
        click.echo(f"{name} is there: underdog serve --weak-url {served_at} --weak-model {name}")


def _url(url: str | None) -> str:
    from router.upstream.nearby import ollama_url

    return url.rstrip("/") if url else ollama_url(os.environ)


async def _answers(url: str) -> bool:
    from router.errors import OllamaError

    try:
        await _models(url)
    except OllamaError:
        return False
    return True


async def _models(url: str) -> list[OllamaModel]:
    from router.upstream.nearby import Ollama

    async with Ollama.at(url) as ollama:
        return await ollama.models()


async def _show(url: str, name: str) -> dict[str, Any]:
    from router.upstream.nearby import Ollama

    async with Ollama.at(url) as ollama:
        return await ollama.show(name)
