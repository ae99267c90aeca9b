"""RouteLLM, moved: the command line of ``python -m routellm.openai_server``, in whatever file it stands.

It has no file for its server but this line; its YAML holds what its routers were trained on. Source:
``routellm/openai_server.py`` in https://github.com/lm-sys/RouteLLM at commit 0b64fda.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from router.commands.elsewhere.litellm_providers import served
from router.commands.elsewhere.moving import Chosen, Move, Moved
from router.commands.elsewhere.source import Entry, text_of
from router.errors import SettingsError
from router.upstream.providers import known_provider

PORT = 6060
STRONG, WEAK = "gpt-4-1106-preview", "anyscale/mistralai/Mixtral-8x7B-Instruct-v0.1"
"""What RouteLLM takes where the line names no models."""

_SERVER = re.compile(r"\broutellm[./]openai_server(\.py)?\b")
_REPEATED = frozenset({"--routers"})
_BARE = frozenset({"--verbose"})

REMEDIES = {
    "--routers": "all names `router-NAME-THRESHOLD` are answered by our classifier; thresholds are on its scale",
    "--config": "routers are Underdog's artifact; `train-router` fits it on votes of your own",
    "--workers": "run several servers that share a database and Redis (docs/scaling.md)",
    "--verbose": "nothing to do",
}


def moved(path: Path, environ: Mapping[str, str], weak: str | None, strong: str | None) -> Moved:
    """RouteLLM's command line as our file.

    Args:
        path: a file that holds the command: a script, a unit, a Dockerfile.
        environ: of keys, whether they are set.
        weak: another weak model, as RouteLLM names models; None takes the line's.
        strong: another strong one.

    Raises:
        SettingsError: the file cannot be read, or holds no such command.
    """
    source, move = _words(path), Move(environ)
    base = source.get("--base-url") or source.get("--alt-base-url")
    parts = move.address(base)
    url = parts.geturl() if parts is not None else None
    named = {
        "weak": weak or _said(source, "--weak-model", WEAK),
        "strong": strong or _said(source, "--strong-model", STRONG),
    }
    deployments = [
        deployment
        for route, model in named.items()
        if (deployment := _deployment(route, model, url, source, move)) is not None
    ]
    if deployments:
        move.put("deployments", deployments)
    port = move.number(source.get("--port"))
    move.put("port", PORT if port is None else int(port))
    taken = {deployment["route"] for deployment in deployments}
    weak, strong = (model if route in taken else None for route, model in named.items())
    because = (
        "as the command names them" if len(taken) == len(named) else "of what the command names, a part was left out"
    )
    chosen = Chosen(weak=weak, strong=strong, because=because)
    return move.finished(source, chosen, REMEDIES, "Underdog has nothing like it")


def _said(source: Entry, flag: str, default: str) -> str:
    entry = source.get(flag)
    return default if entry is None else str(entry.take())


def _deployment(route: str, model: str, url: str | None, source: Entry, move: Move) -> dict[str, Any] | None:
    by = served(model, None, has_base=url is not None)
    if by.unspoken is not None:
        move.remark(source.get(f"--{route}-model") or source, f"'{model}': {by.unspoken}; left out")
        return None
    table: dict[str, Any] = {"route": route, "model": by.model}
    provider = known_provider(by.provider, "deployments") if by.provider is not None else None
    if provider is not None:
        table["provider"] = provider.id
    if url is not None:
        table["url"] = url
    key = source.get("--api-key") or source.get("--alt-api-key")
    variable = provider.key_variables[0] if provider is not None and provider.key_variables else "UPSTREAM_API_KEY"
    if key is not None:
        move.remark(key, f"is a key, which is not copied: put it into the environment as {variable}")
        table["api_key_env"] = [variable]
    if key is not None or (provider is not None and not provider.local):
        move.needs(variable, f"key of the {route} model")
    return table


def _words(path: Path) -> Entry:
    """The flags of the command, each with the line of the file that it stands on."""
    lines = text_of(path).splitlines()
    for number, line in enumerate(lines, start=1):
        if (found := _SERVER.search(line)) is not None:
            rest = line[found.end() :].removeprefix('"')  # closes the name in a list of a Dockerfile
            return Entry("", number, _flags(rest, lines[number:], number))
    raise SettingsError(f"{path}: holds no command with routellm.openai_server.")


def _flags(rest: str, after: list[str], number: int) -> dict[str, Entry]:
    flags: dict[str, Entry] = {}
    name: str | None = None
    for offset, line in enumerate([rest, *after]):
        goes_on = line.rstrip().endswith("\\")
        for word in _split(line.rstrip().removesuffix("\\")):
            if word in {";", "&&", "||", "|", "&"}:
                return flags
            if word.startswith("--"):
                name, _, value = word.partition("=")
                known = flags.setdefault(name, Entry(name, number + offset, None))
                known.value = value or (True if name in _BARE else known.value)
            elif name is not None:
                known = flags[name]
                known.value = f"{known.value} {word}" if name in _REPEATED and known.value else word
        if not goes_on:
            break
    return flags


def _split(text: str) -> list[str]:
    """Words as a shell has them; in a list of a Dockerfile or a unit they stand in quotes with commas between."""
    try:
        words = shlex.split(text.replace('",', '" ').replace("]", " "), comments=True)
    except ValueError:
        words = text.split()
    return [word for word in words if word not in {"[", ","}]
