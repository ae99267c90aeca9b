"""Where keys and the ledger are kept: a SQLite file each, or PostgreSQL for both. One SQL for both engines.

Statements are written once: ``?`` for values, ``ON CONFLICT`` for rows that exist, whole numbers, text, bytes and
floats as column types. What differs is said here and nowhere else.
"""

from router.database.database import Connection, Database

__all__ = ["Connection", "Database"]
