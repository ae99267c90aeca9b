"""Server-sent events, read by commands that ask a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def events_in(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Server-sent events, by name and data, from the lines of a stream; an event that is not whole is none."""
    kind, data = "message", list[str]()
    for line in lines:
        if line.startswith("event:"):
            kind = line.removeprefix("event:").strip()
        elif line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif not line:
            if data:
                yield kind, "\n".join(data)
            kind, data = "message", []
