"""The operator's own function, asked about every request after the rules."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import re
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from router.errors import HookFailed, SettingsError
from router.policy import NO_RULING
from router.rules.facts import Facts
from router.types import Decision, Ruling

logger = logging.getLogger("underdog.hook")

_AT_FIELD = re.compile(r" - at `\$\.(?P<field>\w+)`$")

SLOW_S = 0.02
"""A hook that takes longer holds up every other request: the log says so."""


class Override(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a hook may answer, as this record or as a dict of the same fields; all of them may be left out.

    ``route`` or ``model``: where the request goes. ``threshold``: what its win rate is compared with instead.
    ``cache``: False keeps it away from the cache. ``refuse``: the sentence with which it is turned away. ``reason``:
    the hook's own word for it, shown as ``x-router-rule``.
    """

    route: Literal["weak", "strong"] | None = None
    model: str | None = None
    threshold: Annotated[float, Meta(ge=0, le=1)] | None = None
    cache: bool | None = None
    refuse: str | None = None
    reason: str | None = None


class _UnusableOverrideError(Exception):
    """What a hook returned is no override. Its text holds nothing of what was returned."""


Function = Callable[[Facts, Decision], Override | Mapping[str, Any] | None]


class Hook:
    """Asks the operator's function, which runs on the event loop: it must be quick, and may not wait for anything.

    Args:
        function: given the facts of a request and the decision so far, an override or None.
        name: how it is shown.
        required: whether a request fails where the function does. It should: a caller who finds out what makes it fail
            would otherwise get past it.
    """

    def __init__(self, function: Function, *, name: str, required: bool = True) -> None:
        self._function = function
        self._name = name
        self._required = required

    def ruling(self, facts: Facts, decision: Decision) -> Ruling:
        """What the function says of a request.

        Raises:
            HookFailed: it failed, and is required.
        """
        started = time.perf_counter()
        try:
            said = self._ruling(self._function(facts, decision))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not ours
            logger.error("the hook %s failed: %s", self._name, _without_values(error))
            if self._required:
                raise HookFailed("The operator's hook failed, so this request is not answered.") from None
            return NO_RULING
        if (took := time.perf_counter() - started) > SLOW_S:
            logger.warning("the hook %s took %.0f ms, in which nothing else was answered", self._name, took * 1000)
        return said

    def _ruling(self, said: Any) -> Ruling:
        if said is None:
            return NO_RULING
        override = said if isinstance(said, Override) else _read(said)
        if override.route is not None and override.model is not None:
            raise _UnusableOverrideError("both a route and a model")
        threshold = override.threshold
        return Ruling(
            name=(override.reason or self._name)[:200],
            route=override.route,
            model=override.model,
            min_threshold=0.0 if threshold is None else threshold,
            max_threshold=1.0 if threshold is None else threshold,
            cache=override.cache is not False,
            refuse=override.refuse,
            by="hook",
        )


def _read(said: Any) -> Override:
    try:
        return msgspec.convert(said, Override)
    except msgspec.ValidationError as error:
        at = _AT_FIELD.search(str(error))
        what = f"'{at['field']}' cannot be used" if at else "no dict, or a field that is unknown"
        raise _UnusableOverrideError(f"{what}; None or a dict of {', '.join(Override.__struct_fields__)}") from None


def _without_values(error: Exception) -> str:
    """An error by its type and place alone: its message may quote a prompt."""
    if isinstance(error, _UnusableOverrideError):
        return f"it returned something else than it may ({error})"
    places = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    filename, line = places[min(1, len(places) - 1)]  # the first is our own call, the second the hook's line
    return f"{type(error).__name__} at {Path(filename).name}:{line}"


def overridden(rules: Ruling, hook: Ruling) -> Ruling:
    """What rules and hook say together: the hook has the last word, but switches no cache on again."""
    if hook is NO_RULING:
        return rules
    moves = hook.route is not None or hook.model is not None or hook.min_threshold > 0 or hook.max_threshold < 1
    kept = hook if moves else rules
    return Ruling(
        name=", ".join(ruling.name for ruling in (rules, hook) if ruling.name),
        route=kept.route,
        model=kept.model,
        min_threshold=kept.min_threshold,
        max_threshold=kept.max_threshold,
        cache=rules.cache and hook.cache,
        refuse=hook.refuse,
        by=kept.by,
    )


def load_hook(place: str, *, required: bool) -> Hook:
    """Import a hook.

    Args:
        place: ``package.module:function``, or a file: ``./hook.py:function``.
        required: see ``Hook``.

    Raises:
        SettingsError: it cannot be imported, or is no function.
    """
    where, _, name = place.rpartition(":")
    if not where or not name:
        raise SettingsError(f"hook: '{place}' must be package.module:function or ./file.py:function.")
    try:
        module = _from_file(Path(where).expanduser()) if where.endswith(".py") else importlib.import_module(where)
    except Exception as error:
        raise SettingsError(f"hook: '{where}' cannot be imported: {type(error).__name__}: {error}.") from error
    function = getattr(module, name, None)
    if not callable(function):
        raise SettingsError(f"hook: '{where}' has no function '{name}'.")
    if inspect.iscoroutinefunction(function):
        raise SettingsError(f"hook: '{name}' is asynchronous; it is not waited for, so make it a plain function.")
    return Hook(function, name=name, required=required)


def _from_file(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path.absolute()}")
    spec = importlib.util.spec_from_file_location(f"underdog_hook_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
