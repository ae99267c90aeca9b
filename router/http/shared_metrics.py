"""What ``GET /metrics`` tells of what servers share."""

from __future__ import annotations

from collections.abc import Iterator

from router.metrics import Family
from router.shared.status import SharedStatus


def shared_families(status: SharedStatus | None) -> Iterator[Family]:
    """Every metric of sharing; none where this server is alone."""
    if status is None:
        return
    yield Family("underdog_shared_up", "1 while Redis answers, else 0.", "gauge", [({}, float(status.state == "up"))])
    yield Family(
        "underdog_shared_lag_seconds", "By how much this server is behind the others.", "gauge", [({}, status.lag_s)]
    )
    yield Family("underdog_shared_waiting", "Messages that Redis has not yet.", "gauge", [({}, status.waiting)])
    for name, about, value in (
        ("received", "Messages from other servers.", status.received),
        ("skipped", "Those that could not be understood.", status.skipped),
        ("published", "Messages and leases of this server that Redis took.", status.published),
        ("dropped", "Those that it never will.", status.dropped),
    ):
        yield Family(f"underdog_shared_{name}_total", about, "counter", [({}, value)])
