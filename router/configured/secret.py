"""A string that does not show itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct


class Secret(str):
    """A string that does not show itself: ``repr`` and formatting give stars. ``reveal()`` gives the value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def reveal(self) -> str:
        """The value itself: for the header that carries it, and nothing else."""
        return str.__str__(self)


def holds_secrets(value: Any) -> bool:
    """Whether a setting's value is a secret, or has one in it."""
    if isinstance(value, Struct):
        return any(holds_secrets(getattr(value, field)) for field in value.__struct_fields__)
    if isinstance(value, Mapping):
        return any(map(holds_secrets, value.values()))
    return isinstance(value, Secret) or (isinstance(value, list | tuple) and any(map(holds_secrets, value)))
