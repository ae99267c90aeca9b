"""Server-sent events, decoded as the bytes arrive (WHATWG HTML standard, section 9.2.6 "Interpreting an event stream").

Only ``data`` matters to a chat stream: other fields and comments are skipped. How the bytes were cut into pieces on the
way never changes the result.
"""

from __future__ import annotations

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""Largest event accepted by default, far above any chunk that a model writes."""

_BOM = b"\xef\xbb\xbf"
_DATA = b"data: "


class EventTooLarge(ValueError):
    """An event, or a line of one, grew past the limit."""


class EventDecoder:
    """Turns pieces of an event stream into the payloads of its events.

    Args:
        max_event_bytes: limit on the bytes held for one unfinished event.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._unfinished: list[bytes] = []  # pieces of the line that has not ended
        self._data: list[bytes] = []  # data lines of the event that has not ended
        self._held = 0  # bytes in the two together
        self._after_cr = False  # a CR ended the last piece, so that an LF now belongs to it
        self._start = True  # nothing decoded yet, so that a byte order mark may come

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next piece; return the payloads of the events that it completes, data lines joined by LF.

        Raises:
            EventTooLarge: where an unfinished event holds more than ``max_event_bytes``.
        """
        if not piece:
            return []
        if self._after_cr:
            piece = piece.removeprefix(b"\n")
        self._after_cr = piece.endswith(b"\r")
        if b"\n" not in piece and b"\r" not in piece:
            self._hold(piece)
            return []
        return self._split(piece)

    def finish(self) -> bytes | None:
        """Take the end of the stream; return the payload that lacked only its closing blank line, if there is one.

        The standard drops such an event. Upstreams that end on ``data: [DONE]`` without a blank line exist, so the
        caller gets to judge.
        """
        last = self._without_mark(b"".join(self._unfinished))
        self._unfinished = []
        if last:
            self._line(last)
        return self._dispatch() if self._data else None

    def _split(self, piece: bytes) -> list[bytes]:
        lines = piece.splitlines()
        if self._unfinished:
            lines[0] = b"".join([*self._unfinished, lines[0]])
            self._held -= sum(map(len, self._unfinished))
            self._unfinished = []
        lines[0] = self._without_mark(lines[0])
        rest = b"" if piece[-1] in b"\r\n" else lines.pop()
        payloads = []
        for line in lines:
            if line:
                self._line(line)
            elif self._data:
                payloads.append(self._dispatch())
        if rest:
            self._hold(rest)
        return payloads

    def _without_mark(self, line: bytes) -> bytes:
        if self._start:
            self._start = False
            return line.removeprefix(_BOM)
        return line

    def _line(self, line: bytes) -> None:
        if line.startswith(_DATA):  # as most servers write it
            value = line[len(_DATA) :]
        else:
            name, _, value = line.partition(b":")
            if name != b"data":
                return
        self._data.append(value)
        self._count(len(value))

    def _dispatch(self) -> bytes:
        data, self._data = self._data, []
        self._held = 0  # its line has ended, and so have all before it
        return data[0] if len(data) == 1 else b"\n".join(data)

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._unfinished.append(piece)
            self._count(len(piece))

    def _count(self, size: int) -> None:
        self._held += size
        if self._held > self._max:
            raise EventTooLarge(f"an event holds more than {self._max} bytes")
