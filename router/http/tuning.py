"""Where a caller's wishes are read: query, header, model name. First found wins; the rest is not looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from router.errors import InvalidRequest
from router.naming import fraction, tuning_of
from router.principals import Privacy
from router.types import Tuning

DIALS = ("threshold", "quality", "strong_share")

PRIVACY_HEADER = "x-router-privacy"

MAX_MODEL_CHARS = 512
"""A name goes into headers, logs, traces and the ledger, and is kept in memory for a while."""

_OTHER_QUERY = frozenset({"api-version", "beta"})
"""What the official clients of Azure and of Anthropic add to every address."""


def tuning_for(*, query: Iterable[tuple[str, str]], headers: Mapping[str, str], model: str) -> Tuning:
    """Read how this request wants to be routed.

    Args:
        query: query parameters as they came; ``threshold``, ``quality`` and ``strong_share`` are dials, each 0..1.
        headers: request headers; ``x-router-threshold``, ``x-router-quality`` and ``x-router-strong-share`` likewise.
        model: the request's ``model``; see `router.naming`.

    Raises:
        InvalidRequest: a dial is no number in 0..1 or is given twice, two dials are given in one place, or a query
            parameter is unknown; or the model's name is too long to be one.
    """
    if len(model) > MAX_MODEL_CHARS:
        raise InvalidRequest(
            f"'model' has more than {MAX_MODEL_CHARS} characters, as no model's name does.", param="model"
        )
    return (
        _from_dials(_query_dials(query), source="query")
        or _from_dials({_header(dial): headers.get(_header(dial)) for dial in DIALS}, source="header")
        or tuning_of(model)
    )


def wants_local_only(lines: Sequence[str]) -> bool:
    """Whether a request asks to stay on the server's machine and its network.

    It can only ask for less than the server and its key allow: ``any`` changes nothing.

    Args:
        lines: of the header ``x-router-privacy``.

    Raises:
        InvalidRequest: one of them says something else: who mistypes a wish for privacy must hear of it.
    """
    wishes = {line.strip().lower() for line in lines}
    for wish in sorted(wishes - set(get_args(Privacy))):
        raise InvalidRequest(
            f"'{PRIVACY_HEADER}' is 'local-only', or 'any', which changes nothing; not '{wish[:60]}'.",
            param=PRIVACY_HEADER,
        )
    return "local-only" in wishes


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
    value = fraction(text, param=name)
    return Tuning(
        threshold=value if dial == "threshold" else None,
        quality=value if dial == "quality" else None,
        strong_share=value if dial == "strong_share" else None,
        source=source,
    )
