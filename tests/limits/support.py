from __future__ import annotations

from router.principals import Limits, Scope


def scope(kind: str = "key", name: str = "a", **limits: int) -> Scope:
    """A scope with these limits."""
    return Scope(kind=kind, id=name, limits=Limits(**limits))  # type: ignore[arg-type]
