"""Each record as one line of JSON, whoever it is from; tracebacks within it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import msgspec

from router.logs.context import REQUEST_ID

FIELDS = "fields"
"""The extra of a record that holds more fields for its line: ``logger.info(..., extra={"fields": {...}})``."""

_encode = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode


class JsonLines(logging.Formatter):
    """Writes ``time`` (RFC 3339, UTC), ``level``, ``logger``, ``message``, and what else is known.

    ``request_id``: of the request that it is about. ``exception``: a traceback, its lines joined by line ends that JSON
    escapes. Besides these, the record's own ``fields``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "time": _rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        request_id = REQUEST_ID.get()
        if request_id is not None:
            line["request_id"] = request_id
        line |= getattr(record, FIELDS, {})
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return _written(line)


def _written(line: dict[str, Any]) -> str:
    try:
        return _encode(line).decode()
    except (UnicodeEncodeError, msgspec.EncodeError, TypeError, ValueError):
        # Half a surrogate pair, say: no line may be lost over it.
        readable = {name: str(value).encode("utf-8", "replace").decode() for name, value in line.items()}
        return _encode(readable).decode()


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
