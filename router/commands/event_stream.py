"""Server-sent events, read by commands that ask a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def events_in(pieces: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Server-sent events, by name and data, from the pieces of a stream; an event that is not whole is none."""
    kind, data = "message", list[str]()
    for line in _lines(pieces):
        if line.startswith("event:"):
            kind = line.removeprefix("event:").strip()
        elif line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif not line:
            if data:
                yield kind, "\n".join(data)
            kind, data = "message", []


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Lines end with a line feed, and with nothing else that ends them in Unicode: JSON writes such signs unescaped."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
