"""Which models a key may ask for, whatever name it asks by.

A key is bound to names. What a request asks for goes by several: the name that came, the route's, the model's id, that
with its provider; where the threshold decides, ``auto``. One of them must be on the list, or be another name, such as
an alias, of one that is. Whatever the operator's rules then make of the request is the operator's own choice.
"""

from __future__ import annotations

from collections.abc import Iterable

from router.calls import Call
from router.errors import InvalidRequest, ModelNotAllowed
from router.naming import AUTO, CACHE, ROUTES, tuning_of
from router.principals import Principal
from router.types import Tuning
from router.upstream.base import Upstream
from router.upstream.build import Upstreams

Place = tuple[str | None, ...]
"""What is asked for, apart from its name."""

DIALLED = ("query", "header")
"""Sources of a tuning beside which the request's ``model`` has no say."""

SHOWN = 20


def require_allowed(call: Call, upstreams: Upstreams) -> None:
    """Refuse a request for a model that the key may not ask for.

    Args:
        call: its tuning with the alias in it read.
        upstreams: what there is.

    Raises:
        ModelNotAllowed: naming what is allowed.
    """
    if not call.principal.models:
        return
    asked = call.request.model or AUTO
    names = _names(call.tuning, upstreams)
    if call.tuning.source not in DIALLED:
        names.add(asked)
    else:
        asked = AUTO
    if not _is_allowed(call.principal, names, _place(call.tuning, upstreams), upstreams):
        raise refusal(call.principal, asked)


def require_name(principal: Principal, names: Iterable[str]) -> None:
    """Refuse a model by its names alone, where no route is chosen for it.

    Raises:
        ModelNotAllowed: naming what is allowed.
    """
    known = [name for name in names if name]
    if not all(_is_on(patterns, known) for patterns in principal.models):
        raise refusal(principal, known[0])


def may_ask(principal: Principal, name: str, upstreams: Upstreams) -> bool:
    """Whether a key may ask for this name."""
    if not principal.models:
        return True
    tuning = upstreams.read(tuning_of(name))
    return _is_allowed(principal, _names(tuning, upstreams) | {name}, _place(tuning, upstreams), upstreams)


def may_have(principal: Principal, upstream: Upstream, upstreams: Upstreams) -> bool:
    """Whether a named model may answer a key's request in the place of another."""
    if not principal.models:
        return True
    return _is_allowed(principal, _named(upstream, upstreams), _place_of(upstream), upstreams)


def refusal(principal: Principal, asked: str) -> ModelNotAllowed:
    """What is said to who may not ask for a model."""
    lists = [", ".join(patterns[:SHOWN]) or "nothing" for patterns in principal.models]
    return ModelNotAllowed(
        f"Your API key may not ask for the model '{asked[:200]}'. It may ask for: {'; and of these: '.join(lists)}.",
        param="model",
    )


def _is_allowed(principal: Principal, names: set[str], place: Place, upstreams: Upstreams) -> bool:
    return all(
        _is_on(patterns, names) or any(_stands_for(pattern, place, upstreams) for pattern in patterns)
        for patterns in principal.models
    )


def _is_on(patterns: tuple[str, ...], names: Iterable[str]) -> bool:
    return any(matches(pattern, name) for pattern in patterns for name in names)


def matches(pattern: str, name: str) -> bool:
    """Whether a name fits a pattern, in which ``*`` stands for any text. Takes no longer for odd ones: no regex."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    at, end = len(first), len(name) - len(rest[-1])
    if at > end or not (name.startswith(first) and name.endswith(rest[-1])):
        return False
    for part in rest[:-1]:
        at = name.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def _stands_for(pattern: str, place: Place, upstreams: Upstreams) -> bool:
    """Whether a name on a list, such as an alias, means the same as was asked for by another."""
    if "*" in pattern:
        return False
    try:
        meant = upstreams.read(tuning_of(pattern))
    except InvalidRequest:
        return False
    # These say more than what is asked for: who may have `auto` at one threshold may not have it at any.
    if meant.threshold is not None or meant.cache_only:
        return False
    return _place(meant, upstreams) == place


def _place(tuning: Tuning, upstreams: Upstreams) -> Place:
    name = tuning.pinned_route or tuning.pinned_model
    if name is None:
        return (AUTO, tuning.operating_point)
    found = upstreams.find(name)
    if found is None:
        return ("unknown", name)
    return (found[0],) if found[0] != "named" else _place_of(found[1])


def _place_of(upstream: Upstream) -> Place:
    return ("named", upstream.provider, upstream.model, upstream.address)


def _names(tuning: Tuning, upstreams: Upstreams) -> set[str]:
    """All names of what a tuning asks for, aliases left out."""
    name = tuning.pinned_route or tuning.pinned_model
    if name is None:
        point = {f"{AUTO}:{tuning.operating_point}"} if tuning.operating_point else set()
        return {AUTO, *point, *([CACHE] if tuning.cache_only else ())}
    found = upstreams.find(name)
    if found is None:
        return {name}
    route, upstream = found
    if route == "named":
        return {name, *_named(upstream, upstreams)}
    return {name, _full(upstream), upstream.model, *(word for word, meant in ROUTES.items() if meant == route)}


def _named(upstream: Upstream, upstreams: Upstreams) -> set[str]:
    """The names of a model beside the two. Its bare id is one only where it leads to the same provider."""
    bare = upstreams.find(upstream.model)
    same = bare is not None and bare[0] == "named" and _place_of(bare[1]) == _place_of(upstream)
    return {_full(upstream), *([upstream.model] if same else ())}


def _full(upstream: Upstream) -> str:
    return f"{upstream.provider}/{upstream.model}" if upstream.provider else upstream.model
