"""Which database the settings ask for."""

from __future__ import annotations

from typing import Literal

from router.database.database import Database
from router.database.sqlite import BUSY_TIMEOUT_S, SqliteDatabase
from router.settings import Settings

Component = Literal["ledger", "accounts"]
"""Who keeps tables: each has steps of its own, and a SQLite file of its own."""


def open_database(settings: Settings, component: Component, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Database:
    """The component's SQLite file in ``home``, or the one PostgreSQL database for all. Nothing is connected to yet.

    Args:
        settings: ``database_url`` and ``home``.
        component: whose tables are wanted. Changes to those of ``accounts`` are told to other servers at once.
        busy_timeout_s: seconds that a write waits for another's lock before it fails.

    Raises:
        DatabaseError: the URL cannot be understood.
    """
    if settings.database_url is None:
        return SqliteDatabase(settings.home_path / f"{component}.sqlite3", busy_timeout_s=busy_timeout_s)
    from router.database.postgres import PostgresDatabase  # imports psycopg

    announce = component if component != "ledger" else None
    return PostgresDatabase(settings.database_url, announce=announce, lock_timeout_s=busy_timeout_s)
