"""Looking at everything at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from router.advice import CONTEXT, advise
from router.doctor.findings import Report, attention_of, found_keys, next_steps_of
from router.hardware import look_at_machine
from router.upstream.nearby import find_servers
from router.upstream.pool.reach import is_loopback, listens
from router.upstream.providers import Provider


async def examine(
    home: Path,
    environ: Mapping[str, str],
    *,
    weak: bool = False,
    strong: bool = False,
    named: Mapping[str, str] | None = None,
    context: int = CONTEXT,
    also: Iterable[int] = (),
    ports: Mapping[int, list[Provider]] | None = None,
) -> Report:
    """Look at the machine, its model servers and the environment. Connects to loopback addresses only.

    Args:
        home: the server's home folder.
        environ: where keys and ``OLLAMA_HOST`` are looked for.
        weak: whether the settings name a weak model.
        strong: whether they name a strong one.
        named: where the models are that the settings name, by name; those on this machine should be there.
        context: tokens that a model should hold.
        also: further ports at which servers may listen.
        ports: where to look for servers instead of at their usual ports.
    """
    machine, servers = await asyncio.gather(
        asyncio.to_thread(look_at_machine, home), find_servers(environ, also=also, ports=ports)
    )
    missing = await _missing(named or {})
    keys, advice = found_keys(environ), advise(machine, context=context)
    return Report(
        machine=machine,
        servers=tuple(servers),
        keys=keys,
        advice=advice,
        attention=attention_of(machine) + missing,
        next_steps=next_steps_of(servers, keys, advice, weak=weak, strong=strong),
    )


async def _missing(named: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for each server on this machine that the settings name and nobody is."""
    here = {name: url for name, url in named.items() if is_loopback(url)}
    there = await asyncio.gather(*(listens(url) for url in here.values()))
    return tuple(
        f"Nobody listens on {url}, where the settings have a model ({name}): start its server, or change them."
        for (name, url), listening in zip(here.items(), there, strict=True)
        if not listening
    )
