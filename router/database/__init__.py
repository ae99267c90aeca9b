"""Where keys and the ledger are kept: a SQLite file each, or PostgreSQL for both. One SQL for both engines.

Statements are written once: ``?`` for values, ``ON CONFLICT`` for rows that exist, whole numbers, text, bytes and
floats as column types (truths are 0 or 1). Money is exact decimal text on both, added up by ``exact_add(a, b)`` and the
aggregate ``exact_sum(amount)``. What differs is said here and nowhere else.
"""

from router.database.database import Connection, Database
from router.database.migrations import Steps, migrate, require_newest_schema
from router.database.opening import open_database

__all__ = ["Connection", "Database", "Steps", "migrate", "open_database", "require_newest_schema"]
