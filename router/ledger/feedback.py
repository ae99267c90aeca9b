"""What callers thought of answers: one rating for each request, kept beside its row."""

from __future__ import annotations

import sqlite3

# The row says whose request it is: nobody rates those of others. The last rating stays.
_RATE = """
    INSERT INTO feedback (request_id, rating, at)
    SELECT request_id, ?, ? FROM requests WHERE request_id = ? AND tenant = ?
    ON CONFLICT (request_id) DO UPDATE SET rating = excluded.rating, at = excluded.at
"""


def rate(connection: sqlite3.Connection, *, request_id: str, tenant: str, rating: str, at: int) -> bool:
    """Keep a rating, in place of an earlier one.

    Args:
        connection: in autocommit mode.
        request_id: the rated request.
        tenant: who rates.
        rating: ``good`` or ``bad``.
        at: when, in microseconds since 1970, UTC.

    Returns:
        False where this tenant has no such request.

    Raises:
        sqlite3.Error: it could not be written.
    """
    return connection.execute(_RATE, (rating, at, request_id, tenant)).rowcount == 1
