"""What ``GET /metrics`` tells of how the server is watched and configured: its settings' file, and its traces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from router.http.services import SettingsFile
from router.metrics import Family


def settings_families(file: SettingsFile | None) -> Iterator[Family]:
    """How the settings' file fares; nothing where none is followed."""
    if file is None:
        return
    yield Family(
        "underdog_settings_refused",
        "1 while the settings' file holds something that cannot be used, else 0.",
        "gauge",
        [({}, float(file.state == "refused"))],
    )
    yield Family(
        "underdog_settings_waiting",
        "Settings of the file that wait for a restart.",
        "gauge",
        [({}, len(file.waits_for_restart))],
    )


def trace_families(spans: Mapping[str, int]) -> Iterator[Family]:
    """What became of spans; nothing where requests are not traced."""
    if spans:
        yield Family(
            "underdog_trace_spans_total",
            "Spans by what became of them: `made`, and of these `sent`, or `failed` to be.",
            "counter",
            [({"outcome": outcome}, count) for outcome, count in spans.items()],
        )
