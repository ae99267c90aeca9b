"""A string that does not show itself."""

from __future__ import annotations


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
