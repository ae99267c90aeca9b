"""Short names for models: what each of them stands for, in the order of preference."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence

from router.errors import InvalidRequest, SettingsError
from router.naming import is_reserved, tuning_of
from router.types import Tuning

Targets = tuple[str, ...]

SHIPPED: Mapping[str, Targets] = {
    "haiku": ("anthropic/claude-haiku-5-5", "openrouter/anthropic/claude-haiku-5.5"),
    "sonnet": ("anthropic/claude-sonnet-5-5", "openrouter/anthropic/claude-sonnet-5.5"),
    "opus": ("anthropic/claude-opus-5-5", "openrouter/anthropic/claude-opus-5.5"),
    "gpt-4o": ("openai/gpt-4o", "openrouter/openai/gpt-4o"),
    "gpt-4o-mini": ("openai/gpt-4o-mini", "openrouter/openai/gpt-4o-mini"),
    "gpt-4.1": ("openai/gpt-4.1", "openrouter/openai/gpt-4.1"),
    "gpt-4.1-mini": ("openai/gpt-4.1-mini", "openrouter/openai/gpt-4.1-mini"),
    "gpt-4.1-nano": ("openai/gpt-4.1-nano", "openrouter/openai/gpt-4.1-nano"),
    "o3": ("openai/o3", "openrouter/openai/o3"),
    "o4-mini": ("openai/o4-mini", "openrouter/openai/o4-mini"),
    "gemini-pro": ("google/gemini-2.5-pro", "openrouter/google/gemini-2.5-pro"),
    "gemini-flash": ("google/gemini-3.8-flash", "openrouter/google/gemini-3.8-flash"),
    "grok": ("x-ai/grok-4.7", "openrouter/x-ai/grok-4.7"),
    "deepseek": ("deepseek/deepseek-chat", "openrouter/deepseek/deepseek-chat"),
    "mistral-large": ("mistral/mistral-large-latest", "openrouter/mistralai/mistral-large"),
    "mistral-small": ("mistral/mistral-small-latest", "openrouter/mistralai/mistral-small-3.2-24b-instruct"),
    "llama": (
        "groq/llama-3.3-70b-versatile",
        "together/meta-llama/Llama-3.3-70B-Instruct-Turbo",
        "openrouter/meta-llama/llama-3.3-70b-instruct",
        "ollama/llama3.3",
    ),
    "gpt-oss": ("groq/openai/gpt-oss-120b", "cerebras/gpt-oss-120b", "openrouter/openai/gpt-oss-120b"),
    "kimi": ("moonshotai/kimi-k3", "openrouter/moonshotai/kimi-k3"),
    "glm": ("zai/glm-5.3", "openrouter/z-ai/glm-5.3"),
}
"""The names that need no configuration. Of each, the first that can be asked here is meant."""


class Aliases:
    """Reads names as what they stand for.

    A name of the operator's comes before everything else, one of the shipped ones after the models that are there.

    Args:
        own: the operator's names, each with what it stands for: a model's id, ``auto:NAME``, a route, another alias;
            of several the first that can be asked. An empty target takes a shipped name away.
        has: whether a model id, or a route, can be asked here.

    Raises:
        SettingsError: a name means something already, or leads back to itself.
    """

    def __init__(self, own: Mapping[str, str | Sequence[str]], *, has: Callable[[str], bool]) -> None:
        given = {name: _targets(target) for name, target in own.items()}
        for name, targets in given.items():
            _require_sound(name, targets)
        every = {**SHIPPED, **given}
        self._own = {name: _spelt_out(name, every, ()) for name, targets in given.items() if targets}
        self._shipped = {name: _spelt_out(name, every, ()) for name in SHIPPED if name not in given}
        self._has = has

    def read(self, tuning: Tuning) -> Tuning:
        """The tuning that is meant where a caller pinned an alias; any other is given back as it is."""
        name = tuning.pinned_model
        if name is None:
            return tuning
        targets = self._own.get(name) or (None if self._has(name) else self._shipped.get(name))
        return tuning if targets is None else self._first(targets) or tuning_of(targets[0])

    def among(self, has: Callable[[str], bool]) -> Aliases:
        """The same names where other models can be asked."""
        other = copy.copy(self)
        other._has = has
        return other

    @property
    def usable(self) -> list[str]:
        """The names that lead somewhere here."""
        names = {**self._own, **self._shipped}
        return [name for name, targets in names.items() if self._first(targets) is not None]

    def _first(self, targets: Targets) -> Tuning | None:
        for target in targets:
            tuning = tuning_of(target)
            name = tuning.pinned_route or tuning.pinned_model
            if name is None or self._has(name):
                return tuning
        return None


def _require_sound(name: str, targets: Targets) -> None:
    if is_reserved(name):
        raise SettingsError(f"aliases: '{name}' means something already; choose another name.")
    for target in targets:
        try:
            tuning_of(target)
        except InvalidRequest as error:
            raise SettingsError(f"aliases: '{name}': '{target}' cannot be asked for: {error.message}") from error


def _targets(target: str | Sequence[str]) -> Targets:
    return tuple(name for name in ((target,) if isinstance(target, str) else target) if name)


def _spelt_out(name: str, aliases: Mapping[str, Targets], path: Targets) -> Targets:
    """The targets of a name, aliases among them replaced by theirs.

    A name may stand for a model of the same name, as ``gpt-4o`` does; only a longer way back is a loop. A model that is
    there comes before a shipped name here as well.
    """
    if name in path:
        raise SettingsError(f"aliases: '{name}' leads back to itself ({' -> '.join((*path, name))}).")
    found: list[str] = []
    for target in aliases.get(name, ()):
        if target == name or target not in aliases:
            found.append(target)
        else:
            found += [target] if aliases[target] == SHIPPED.get(target) else []
            found += _spelt_out(target, aliases, (*path, name))
    return tuple(dict.fromkeys(found))
