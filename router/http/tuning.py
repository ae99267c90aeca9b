"""Where a caller's wishes are read: query, header, model name. First found wins; the rest is not looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from router.errors import InvalidRequest
from router.types import Route, Tuning

DIALS = ("threshold", "quality", "strong_share")

_ROUTES: dict[str, Route] = {"weak": "weak", "local": "weak", "strong": "strong", "cloud": "strong"}
_ROUTELLM_NAME = re.compile(r"router-[A-Za-z0-9_]+-(?P<threshold>[^-]+)")
_OTHER_QUERY = frozenset({"api-version", "beta"})
"""What the official clients of Azure and of Anthropic add to every address."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
"""Plain decimal notation. Python's own ``float`` would take ``0_1``, other scripts' digits and ``nan`` as well."""


def tuning_for(*, query: Iterable[tuple[str, str]], headers: Mapping[str, str], model: str) -> Tuning:
    """Read how this request wants to be routed.

    Args:
        query: query parameters as they came; ``threshold``, ``quality`` and ``strong_share`` are dials, each 0..1.
        headers: request headers; ``x-router-threshold``, ``x-router-quality`` and ``x-router-strong-share`` likewise.
        model: the request's ``model``: ``auto``, ``auto:NAME``, ``weak``/``local``, ``strong``/``cloud``, ``cache``,
            RouteLLM's ``router-NAME-THRESHOLD``, or a model id, which pins it.

    Raises:
        InvalidRequest: a dial is no number in 0..1 or is given twice, two dials are given in one place, or a query
            parameter is unknown.
    """
    return (
        _from_dials(_query_dials(query), source="query")
        or _from_dials({_header(dial): headers.get(_header(dial)) for dial in DIALS}, source="header")
        or _from_model(model)
    )


def _query_dials(query: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    dials: dict[str, str | None] = {}
    for name, text in query:
        if name in dials:
            raise InvalidRequest(f"Give '{name}' only once.", param=name)
        if name in DIALS:
            dials[name] = text
        elif name not in _OTHER_QUERY:
            known = ", ".join(DIALS)
            raise InvalidRequest(f"Unknown query parameter '{name[:60]}'. Known: {known}.", param=name[:60])
    return dials


def _header(dial: str) -> str:
    return "x-router-" + dial.replace("_", "-")


def _from_dials(given: Mapping[str, str | None], *, source: str) -> Tuning | None:
    present = {name: text for name, text in given.items() if text is not None}
    if not present:
        return None
    if len(present) > 1:
        names = " and ".join(f"'{name}'" for name in present)
        raise InvalidRequest(f"Give only one of {names}: each sets the threshold.", param=list(present)[1])
    (name, text), *_ = present.items()
    dial = name.removeprefix("x-router-").replace("-", "_")
    value = _fraction(text, param=name)
    return Tuning(
        threshold=value if dial == "threshold" else None,
        quality=value if dial == "quality" else None,
        strong_share=value if dial == "strong_share" else None,
        source=source,
    )


def _from_model(model: str) -> Tuning:
    if model in ("auto", ""):
        return Tuning(source="server")
    if model == "cache":
        return Tuning(cache_only=True, source="model")
    if model.startswith("auto:"):
        return Tuning(operating_point=model.removeprefix("auto:"), source="model")
    if model in _ROUTES:
        return Tuning(pinned_route=_ROUTES[model], source="model")
    routellm = _ROUTELLM_NAME.fullmatch(model)
    if routellm:
        return Tuning(threshold=_fraction(routellm["threshold"], param="model", of="The threshold in "), source="model")
    return Tuning(pinned_model=model, source="model")


def _fraction(text: str, *, param: str, of: str = "") -> float:
    plain = text.strip(" ")
    if _NUMBER.fullmatch(plain) and 0.0 <= (value := float(plain)) <= 1.0:
        return value
    raise InvalidRequest(f"{of}'{param}' must be a number from 0 to 1, not '{text[:40]}'.", param=param)
