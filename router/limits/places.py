"""How many requests of each scope this process is answering just now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from router.principals import Scope


class Places:
    """Counts requests under way. Not for several threads."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()

    def crowded(self, scopes: Sequence[Scope]) -> Scope | None:
        """The first scope that has no place left; None where all have one."""
        for scope in scopes:
            most = scope.limits.concurrent_requests
            if most is not None and self._held[scope.name] >= most:
                return scope
        return None

    def take(self, scopes: Sequence[Scope]) -> tuple[str, ...]:
        """Take a place in each scope that limits them, to be handed back with ``free``."""
        names = tuple(scope.name for scope in scopes if scope.limits.concurrent_requests is not None)
        for name in names:
            self._held[name] += 1
        return names

    def free(self, names: Sequence[str]) -> None:
        """Hand places back."""
        for name in names:
            self._held[name] -= 1
            if self._held[name] <= 0:
                del self._held[name]
