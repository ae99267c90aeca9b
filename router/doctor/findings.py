"""What was found, and what follows from it. Pure: `examine` is what looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from router.advice import Advice, Suggestion
from router.hardware import Machine
from router.hardware.pressure import is_tight
from router.upstream.nearby import NearbyServer
from router.upstream.providers import PROVIDERS, Provider

GIB = 1024**3

LITTLE_DISK = GIB
"""Below this the ledger and the cache are at risk."""


class FoundKey(Struct, frozen=True):
    """A provider's key in the environment: the variable that holds it, never what it holds.

    ``strong_model``: what it would be used for where the settings name nothing. ``shared``: such a key is often there
    for other purposes, so that it is used only where the settings name the provider.
    """

    provider: str
    variable: str
    strong_model: str | None = None
    shared: bool = False


class Report(Struct, frozen=True):
    """All findings. ``attention``: what should be mended. ``next_steps``: what one could do now."""

    machine: Machine
    servers: tuple[NearbyServer, ...]
    keys: tuple[FoundKey, ...]
    advice: Advice
    attention: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()


def found_keys(environ: Mapping[str, str], providers: Sequence[Provider] = PROVIDERS) -> tuple[FoundKey, ...]:
    """The keys of cloud providers in the environment, in the order in which they would be taken."""
    keys = []
    for provider in providers:
        found = None if provider.local else provider.key(environ)
        if found is not None:
            keys.append(FoundKey(provider.id, found[0], provider.strong_model, provider.shared_key))
    return tuple(keys)


def attention_of(machine: Machine) -> tuple[str, ...]:
    """What should be mended on a machine."""
    said = list(machine.gpus.troubles)
    if is_tight(machine.memory):
        left, total = _gib(machine.memory.available), _gib(machine.memory.total)
        said.append(f"Memory is tight: {left} of {total} are free. Close something, or take a smaller model.")
    if machine.disk.free is not None and machine.disk.free < LITTLE_DISK:
        said.append(f"The disk of {machine.disk.path} is nearly full ({_gib(machine.disk.free)} free): make space.")
    return tuple(said)


def next_steps_of(
    servers: Sequence[NearbyServer], keys: Sequence[FoundKey], advice: Advice, *, weak: bool, strong: bool
) -> tuple[str, ...]:
    """What to do next.

    Args:
        servers: model servers on this machine.
        keys: keys of providers.
        advice: models that fit.
        weak: whether the settings name a weak model.
        strong: whether they name a strong one.
    """
    steps = [
        f"{server.provider} on {server.base_url} wants a key: say it with UNDERDOG_WEAK_API_KEY."
        for server in servers
        if server.wants_key
    ]
    if not weak:
        steps += _weak_steps(servers, advice)
    if not strong and not any(key.strong_model for key in keys):
        steps.append("There is no strong model: set OPENAI_API_KEY, ANTHROPIC_API_KEY or another provider's key.")
    return tuple(steps)


def usable_model(servers: Sequence[NearbyServer]) -> tuple[NearbyServer, str] | None:
    """A model that could be the weak one at once: one that is loaded before others."""
    for server in servers:
        chats = [model for model in (*server.loaded, *server.models) if not _embeds(model)]
        if chats:
            return server, chats[0]
    return None


def _weak_steps(servers: Sequence[NearbyServer], advice: Advice) -> list[str]:
    best = advice.suggestions[0] if advice.suggestions else None
    if (usable := usable_model(servers)) is not None:
        server, model = usable
        return [f"Use what is there: underdog serve --weak-url {server.base_url} --weak-model {model}"]
    if best is None:
        return ["The small embedded LLM answers until there is another: underdog fetch"]
    return _pull_steps(best, has_ollama=any(server.provider == "ollama" for server in servers))


def _pull_steps(best: Suggestion, *, has_ollama: bool) -> list[str]:
    get = f"underdog models pull {best.name}"
    if has_ollama:
        return [f"Get a model that fits: {get}"]
    return [
        f"Get a model that fits: install Ollama (ollama.com), then {get}",
        "Or the small embedded one: underdog fetch",
    ]


def _embeds(model: str) -> bool:
    """Names of models that embed and do not chat, as far as names tell."""
    return any(sign in model.lower() for sign in ("embed", "minilm", "bge-", "rerank"))


def _gib(size: int | None) -> str:
    return "unknown" if size is None else f"{size / GIB:.1f} GiB"
