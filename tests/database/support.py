"""A process of its own that migrates and writes: ``support.py URL_OR_PATH``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from router.configured.secret import Secret
from router.database import Database, migrate
from router.database.sqlite import SqliteDatabase

REPOSITORY = Path(__file__).parents[2]
ROWS = 50

STEPS = (
    (
        "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price TEXT) STRICT",
        "CREATE TABLE sums (name TEXT PRIMARY KEY, n INTEGER NOT NULL, price TEXT NOT NULL) STRICT, WITHOUT ROWID",
    ),
    ("ALTER TABLE things ADD COLUMN weight REAL", "ALTER TABLE things ADD COLUMN body BLOB"),
)
COUNT = """
    INSERT INTO sums (name, n, price) VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET n = sums.n + excluded.n, price = exact_add(sums.price, excluded.price)
"""


def opened(where: str, *, announce: str | None = None) -> Database:
    """The database at a path or URL."""
    if not where.startswith("postgresql"):
        return SqliteDatabase(Path(where), busy_timeout_s=30)
    from router.database.postgres import PostgresDatabase

    return PostgresDatabase(Secret(where), announce=announce)


def start_child(where: str) -> subprocess.Popen[bytes]:
    """Start this file as a process."""
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen([sys.executable, __file__, where], env=environ)


def main(where: str) -> None:
    """Migrate, then add to two sums many times, in either order."""
    database = opened(where)
    migrate(database, "ledger", STEPS)
    for _ in range(ROWS):
        with database.writing() as connection:
            connection.executemany(COUNT, [("one", 1, "0.1"), ("two", 2, "0.02")])
    database.close()


if __name__ == "__main__":
    main(sys.argv[1])
