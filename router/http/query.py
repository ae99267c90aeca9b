"""Reading a query whole: a misspelt condition must not become none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from litestar import Request
from msgspec import Struct

from router.configured.complaint import complaint
from router.errors import InvalidRequest

T = TypeVar("T", bound=Struct)


def require_known(request: Request[Any, Any, Any], known: Iterable[str]) -> None:
    """See that a query has no condition but these.

    Raises:
        InvalidRequest: it has another one.
    """
    known = tuple(known)
    for name in request.query_params:
        if name not in known:
            names = ", ".join(f"'{each}'" for each in known)
            raise InvalidRequest(f"The query cannot have '{name[:60]}': it may have {names}.", param=name[:60])


def read_query(request: Request[Any, Any, Any], kind: type[T]) -> T:
    """The query of a request.

    Raises:
        InvalidRequest: it has a condition that is unknown, or a value that cannot be one.
    """
    given = {name: request.query_params[name] for name in request.query_params}
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        wrong = next((name for name in given if f"`$.{name}`" in str(error) or f"`{name}`" in str(error)), None)
        known = ", ".join(f"'{field.name}'" for field in msgspec.structs.fields(kind))
        said = complaint(kind, given, error)
        raise InvalidRequest(f"The query cannot be understood: {said} It may have {known}.", param=wrong) from error
