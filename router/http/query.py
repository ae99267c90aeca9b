"""Reading a query whole: a misspelt condition must not become none."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from litestar import Request
from msgspec import Struct

from router.configured.complaint import complaint
from router.errors import InvalidRequest

T = TypeVar("T", bound=Struct)


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
