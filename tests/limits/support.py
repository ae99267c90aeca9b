from __future__ import annotations

from router.errors import RateLimited
from router.limits import Limiter
from router.principals import Limits, Scope


def scope(kind: str = "key", name: str = "a", **limits: int) -> Scope:
    """A scope with these limits."""
    return Scope(kind=kind, id=name, limits=Limits(**limits))  # type: ignore[arg-type]


async def admitted(limiter: Limiter, *scopes: Scope, tokens: int = 10, of: int = 20) -> int:
    """How many of so many requests are let in."""
    count = 0
    for _ in range(of):
        try:
            await limiter.take(scopes, tokens=tokens)
        except RateLimited:
            continue
        count += 1
    return count
