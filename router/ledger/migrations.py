"""The schema, as numbered steps. A file remembers the last step that it has seen in ``user_version``.

A step that has been released is never edited: a change of schema is a new step at the end.

Money is kept as exact decimal text (``0.0000025``). Price lists quote up to 18 decimals per million tokens, so no
integer unit that fits 64 bits (nano-, even pico-dollars) is exact; text is, it has no largest amount, and it reads as
dollars in any SQL shell. The price is that SQL must not add it up where exactness matters: ``rollup`` does that in
Python. Times are whole microseconds since 1970, UTC: exact, short, and ordered as numbers.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from router.errors import LedgerError

APPLICATION_ID = 0x55444C47
"""Marks the file as a ledger of Underdog ("UDLG") in SQLite's header, so that no other database is taken for one."""

Migration = tuple[str, ...]
"""The SQL statements of one step."""

MIGRATIONS: tuple[Migration, ...] = (
    (
        """
        CREATE TABLE requests (
            seq INTEGER PRIMARY KEY,            -- order of writing
            request_id TEXT NOT NULL UNIQUE,
            at INTEGER NOT NULL,                -- microseconds since 1970-01-01, UTC
            tenant TEXT NOT NULL,
            key_id TEXT,
            endpoint TEXT NOT NULL,
            requested_model TEXT,
            route TEXT,
            model TEXT,
            reason TEXT,
            win_rate REAL,
            threshold REAL,
            artifact TEXT,
            cache TEXT,
            cache_similarity REAL,
            stream INTEGER NOT NULL,            -- 0 or 1
            status INTEGER NOT NULL,
            outcome TEXT NOT NULL,
            error_code TEXT,
            finish_reason TEXT,
            prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            tokens_estimated INTEGER NOT NULL,  -- 0 or 1
            cost_usd TEXT,                      -- exact decimal; NULL: price not known
            baseline_cost_usd TEXT,             -- the same
            latency_ms REAL NOT NULL,
            first_token_ms REAL,
            decision_us REAL
        ) STRICT
        """,
        "CREATE INDEX requests_by_tenant ON requests (tenant, seq)",
        """
        CREATE TABLE rollup (                   -- totals of `requests`; '' in the key stands for NULL
            tenant TEXT NOT NULL,
            route TEXT NOT NULL,
            reason TEXT NOT NULL,
            cache TEXT NOT NULL,
            outcome TEXT NOT NULL,
            error_code TEXT NOT NULL,
            requests INTEGER NOT NULL,
            prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            estimated INTEGER NOT NULL,         -- requests whose tokens were estimated
            priced INTEGER NOT NULL,            -- requests whose cost is known
            baselined INTEGER NOT NULL,         -- requests whose baseline cost is known
            compared INTEGER NOT NULL,          -- requests where both are known
            cost_usd TEXT NOT NULL,             -- exact decimals
            baseline_cost_usd TEXT NOT NULL,
            saved_usd TEXT NOT NULL,            -- over the compared requests
            first_at INTEGER NOT NULL,          -- microseconds since 1970-01-01, UTC
            last_at INTEGER NOT NULL,
            PRIMARY KEY (tenant, route, reason, cache, outcome, error_code)
        ) STRICT, WITHOUT ROWID
        """,
    ),
    (
        """
        CREATE TABLE feedback (
            request_id TEXT PRIMARY KEY REFERENCES requests (request_id),
            rating TEXT NOT NULL CHECK (rating IN ('good', 'bad')),
            at INTEGER NOT NULL                 -- microseconds since 1970-01-01, UTC
        ) STRICT, WITHOUT ROWID
        """,
    ),
    (
        "ALTER TABLE requests ADD COLUMN scored_tokens INTEGER",
        "ALTER TABLE requests ADD COLUMN unfamiliarity REAL",
    ),
    (
        "ALTER TABLE requests ADD COLUMN cache_key TEXT",
        "ALTER TABLE requests ADD COLUMN cache_entry TEXT",
        "ALTER TABLE requests ADD COLUMN cache_verdict REAL",
        "ALTER TABLE requests ADD COLUMN cache_verifier TEXT",
        "CREATE INDEX reworded ON requests (seq) WHERE cache_entry IS NOT NULL",
        """
        CREATE TABLE rated_pairs (              -- only where the operator lets questions be kept
            request_id TEXT PRIMARY KEY REFERENCES requests (request_id),
            a TEXT NOT NULL,                    -- JSON: the messages whose answer was given
            b TEXT NOT NULL                     -- JSON: the messages that it was given to
        ) STRICT, WITHOUT ROWID
        """,
    ),
    (
        "ALTER TABLE requests ADD COLUMN team TEXT",
        "ALTER TABLE requests ADD COLUMN user_id TEXT",
        "ALTER TABLE requests ADD COLUMN provider TEXT",
        "ALTER TABLE requests ADD COLUMN deployment TEXT",
        "ALTER TABLE requests ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE requests ADD COLUMN rule TEXT",
        "ALTER TABLE requests ADD COLUMN cached_tokens INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE requests ADD COLUMN cache_written_tokens INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE requests ADD COLUMN reasoning_tokens INTEGER NOT NULL DEFAULT 0",
    ),
)


def migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring the open file to the newest schema: all missing steps in one transaction, or none.

    Args:
        connection: in autocommit mode.
        path: named in errors.
        migrations: step 1 first.

    Raises:
        LedgerError: the file belongs to another program, or to a newer Underdog.
        sqlite3.Error: a step failed; the file is as it was.
    """
    if _version(connection) == len(migrations) and _application_id(connection) == APPLICATION_ID:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have migrated while we waited for the lock, so the version is read again inside.
        current = _version(connection)
        _refuse_what_is_not_ours(connection, path, current, newest=len(migrations))
        for statements in migrations[current:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def require_newest_schema(connection: sqlite3.Connection, path: Path) -> None:
    """For who only reads the open file, and leaves it to the server to migrate it.

    Raises:
        LedgerError: the file belongs to another program, or its schema is older or newer than ours.
    """
    current = _version(connection)
    _refuse_what_is_not_ours(connection, path, current, newest=len(MIGRATIONS))
    if current < len(MIGRATIONS):
        raise LedgerError(f"ledger {path}: of an older schema; start the server once, which updates it.")


def _refuse_what_is_not_ours(connection: sqlite3.Connection, path: Path, current: int, *, newest: int) -> None:
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if tables and _application_id(connection) != APPLICATION_ID:
        raise LedgerError(f"ledger {path}: this is the database of another program; choose another `home`.")
    if current > newest:
        raise LedgerError(
            f"ledger {path}: written by a newer Underdog (schema {current}, this one knows {newest}); "
            "upgrade Underdog, or choose another `home`."
        )


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _application_id(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA application_id").fetchone()[0])
