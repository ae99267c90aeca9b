"""What the ``model`` of a request may say besides a model's id."""

from __future__ import annotations

import re
from decimal import Decimal

from router.errors import InvalidRequest
from router.types import Route, Tuning

ROUTES: dict[str, Route] = {"weak": "weak", "local": "weak", "strong": "strong", "cloud": "strong"}
"""Names of the two routes."""

AUTO = "auto"
CACHE = "cache"

_ROUTELLM_NAME = re.compile(r"router-[A-Za-z0-9_]+-(?P<threshold>[^-]+)")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
"""Plain decimal notation. Python's own ``float`` would take ``0_1``, other scripts' digits and ``nan`` as well."""


def tuning_of(model: str) -> Tuning:
    """How a request wants to be routed, by its ``model`` alone.

    Args:
        model: ``auto``, ``auto:NAME``, ``weak``/``local``, ``strong``/``cloud``, ``cache``, RouteLLM's
            ``router-NAME-THRESHOLD``, or a model id, which pins it.

    Raises:
        InvalidRequest: the threshold in a RouteLLM name is no number in 0..1.
    """
    if model in (AUTO, ""):
        return Tuning(source="server")
    if model == CACHE:
        return Tuning(cache_only=True, source="model")
    if model.startswith(f"{AUTO}:"):
        return Tuning(operating_point=model.removeprefix(f"{AUTO}:"), source="model")
    if model in ROUTES:
        return Tuning(pinned_route=ROUTES[model], source="model")
    routellm = _ROUTELLM_NAME.fullmatch(model)
    if routellm:
        return Tuning(threshold=fraction(routellm["threshold"], param="model", of="The threshold in "), source="model")
    return Tuning(pinned_model=model, source="model")


def is_reserved(name: str) -> bool:
    """Whether a name means something already, so that no alias may have it."""
    return name in {"", AUTO, CACHE, *ROUTES} or name.startswith(f"{AUTO}:") or bool(_ROUTELLM_NAME.fullmatch(name))


def fraction(text: str, *, param: str, of: str = "") -> float:
    """A number from 0 to 1 in plain decimal notation.

    Raises:
        InvalidRequest: it is none; ``param`` names the field.
    """
    plain = text.strip(" ")
    if _NUMBER.fullmatch(plain) and 0.0 <= (value := float(plain)) <= 1.0:
        return value
    raise InvalidRequest(f"{of}'{param}' must be a number from 0 to 1, not '{text[:40]}'.", param=param)


def plain(value: float) -> str:
    """A number in plain decimal notation, all its digits, as `fraction` reads it."""
    return f"{Decimal(repr(value)):f}"
