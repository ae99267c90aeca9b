"""Finding model servers on the ports where they usually listen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
from msgspec import Struct

from router.upstream.nearby.asking import Heard, Stranger, loopback_client
from router.upstream.nearby.ollama import ollama_url
from router.upstream.nearby.signs import MODEL_LIST, OURSELVES, recognised, rows_of
from router.upstream.providers import PROVIDERS, Provider, provider_called

PATIENCE_S = 8.0
"""For one port altogether."""

UNKNOWN_SERVER = "openai-compatible"
"""Stands for a provider where a server speaks OpenAI's protocol and shows no sign that we know."""


class NearbyServer(Struct, frozen=True):
    """A model server on this machine.

    Attributes:
        provider: its id in the provider table, or `UNKNOWN_SERVER`.
        base_url: what `--weak-url` wants.
        models: the ids of what it has.
        loaded: those that are in memory, where it tells.
        loaded_bytes: what these take of memory, and of GPU memory; where it tells.
        wants_key: it does not say what it has without one.
        key_variable: the variable that such a key is looked for in.
    """

    provider: str
    base_url: str
    models: tuple[str, ...] = ()
    loaded: tuple[str, ...] = ()
    loaded_bytes: int | None = None
    loaded_gpu_bytes: int | None = None
    wants_key: bool = False
    key_variable: str | None = None


def usual_ports(environ: Mapping[str, str]) -> dict[int, list[Provider]]:
    """The ports of all local servers in the provider table, and that of ``OLLAMA_HOST``, with who may be there."""
    ports: dict[int, list[Provider]] = {}
    for provider in PROVIDERS:
        if provider.local:
            ports.setdefault(_port(provider.base_url), []).append(provider)
    ollama = provider_called("ollama")
    assert ollama is not None
    at_ollama = ports.setdefault(_port(ollama_url(environ)), [])
    return ports if ollama in at_ollama else ports | {_port(ollama_url(environ)): [*at_ollama, ollama]}


async def find_servers(
    environ: Mapping[str, str], *, also: Iterable[int] = (), ports: Mapping[int, list[Provider]] | None = None
) -> list[NearbyServer]:
    """All model servers that answer, in the order of their ports.

    Asks loopback addresses only, all ports at once, for seconds at most.

    Args:
        environ: where ``OLLAMA_HOST`` is looked for.
        also: further ports.
        ports: where to look instead of at the usual ones.
    """
    wanted = dict(usual_ports(environ) if ports is None else ports)
    wanted |= {port: [] for port in also if port not in wanted}
    async with loopback_client() as client:
        found = await asyncio.gather(*(_patiently(client, port, wanted[port]) for port in sorted(wanted)))
    return [server for server in found if server is not None]


async def _patiently(client: httpx.AsyncClient, port: int, usual: list[Provider]) -> NearbyServer | None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await _look(client, port, usual)
    except TimeoutError:
        return None


async def _look(client: httpx.AsyncClient, port: int, usual: list[Provider]) -> NearbyServer | None:
    stranger = await Stranger.at(client, port)
    if stranger is None:
        return None
    name = await recognised(stranger)
    if name == OURSELVES:
        return None
    listed = await stranger.hear(MODEL_LIST)
    if name is None:
        if listed is None or not _speaks_openai(listed):
            return None
        # Who else would be on a port that only one of them uses.
        name = usual[0].id if len(usual) == 1 else UNKNOWN_SERVER
    provider = provider_called(name)
    return NearbyServer(
        provider=name,
        base_url=f"{stranger.url}/v1",
        models=await _models(name, stranger),
        wants_key=listed is not None and listed.status in {401, 403},
        key_variable=next(iter(provider.key_variables), None) if provider else None,
        **await _loaded(name, stranger),
    )


def _speaks_openai(listed: Heard) -> bool:
    return listed.well and bool(rows_of(listed.json.get("data")) or listed.json.get("object") == "list")


async def _models(name: str, stranger: Stranger) -> tuple[str, ...]:
    """What it has. Ollama and LM Studio say more on paths of their own: what does not run here, and what embeds."""
    if name == "lmstudio" and (heard := await stranger.hear("/api/v0/models")) and heard.well:
        return _texts((row for row in rows_of(heard.json.get("data")) if row.get("type") != "embeddings"), "id")
    if name == "ollama" and (heard := await stranger.hear("/api/tags")) and heard.well:
        return _texts((row for row in rows_of(heard.json.get("models")) if not row.get("remote_host")), "name")
    heard = await stranger.hear(MODEL_LIST)
    models = _texts(rows_of(heard.json.get("data")), "id") if heard and heard.well else ()
    if not models and name == "tgi" and (heard := await stranger.hear("/info")):
        models = _texts([heard.json], "model_id")
    return models


async def _loaded(name: str, stranger: Stranger) -> dict[str, Any]:
    if name == "lmstudio" and (heard := await stranger.hear("/api/v0/models")):
        rows = rows_of(heard.json.get("data"))
        return {"loaded": _texts((row for row in rows if row.get("state") == "loaded"), "id")}
    if name == "ollama" and (heard := await stranger.hear("/api/ps")) and heard.well:
        rows = rows_of(heard.json.get("models"))
        return {
            "loaded": _texts(rows, "name"),
            "loaded_bytes": _sum(rows, "size"),
            "loaded_gpu_bytes": _sum(rows, "size_vram"),
        }
    return {}


def _texts(rows: Iterable[dict[str, Any]], field: str) -> tuple[str, ...]:
    return tuple(row[field] for row in rows if isinstance(row.get(field), str))


def _sum(rows: list[dict[str, Any]], field: str) -> int:
    return sum(row[field] for row in rows if isinstance(row.get(field), int))


def _port(url: str) -> int:
    return urlsplit(url).port or 80
