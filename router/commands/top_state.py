"""What is known of a watched server by now."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from router.commands.top_feed import Lost, Told

KEPT = 200
"""Newest requests that are kept: more than any terminal has lines."""

_NO_TIME_S = 1.0


@dataclass
class State:
    """The newest of everything. ``lost``: why the server is not heard just now; None where it is.

    ``fresh``: requests that came since they were last taken.
    """

    session: dict[str, Any] = field(default_factory=dict)
    snapshot: dict[str, Any] | None = None
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT))
    fresh: list[dict[str, Any]] = field(default_factory=list)
    lost: str | None = None

    def take(self, event: Told | Lost) -> None:
        """Something was told, or the server is heard no more."""
        if isinstance(event, Lost):
            self.lost = event.why
        elif event.kind == "session":
            self.session = event.content
        elif event.kind == "snapshot":
            self.lost = None
            # The charts' past is not shown, and is told only once.
            self.snapshot = {name: value for name, value in event.content.items() if name != "series"}
        elif event.kind == "requests":
            self._take_requests(event.content)

    def taken(self) -> list[dict[str, Any]]:
        """The requests that came since this was last asked."""
        fresh, self.fresh = self.fresh, []
        return fresh

    @property
    def per_second(self) -> float:
        """Requests a second over the last minute, or since the server started where that is less."""
        if self.snapshot is None:
            return 0.0
        span = min(60.0, max(float(self.snapshot["uptime_s"]), _NO_TIME_S))
        return int(self.snapshot["minute"]["requests"]) / span

    def _take_requests(self, lines: list[dict[str, Any]]) -> None:
        # Told again after an interruption.
        known = {line["request_id"] for line in self.requests}
        new = [line for line in lines if line["request_id"] not in known]
        self.requests.extend(new)
        self.fresh = [*self.fresh, *new][-KEPT:]


def shares(figures: dict[str, Any]) -> dict[str, float | None]:
    """The routes' shares of what went to either, and the cache's of what was looked up there; None where nothing was.

    As in the console: what failed before it was routed, or passed the cache by, is in none.
    """
    routes, cache = figures["by_route"], figures["by_cache"]
    weak, strong = routes.get("weak", 0), routes.get("strong", 0)
    hits = cache.get("exact", 0) + cache.get("semantic", 0)
    counts = {
        "weak": (weak, weak + strong),
        "strong": (strong, weak + strong),
        "cached": (hits, hits + cache.get("miss", 0)),
    }
    return {name: count / total if total else None for name, (count, total) in counts.items()}
