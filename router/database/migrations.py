"""Numbered steps to the newest schema, the same for both engines. A database remembers the last one that it has seen.

A step that has been released is never edited: a change of schema is a new step at the end. Steps are written in
SQLite's words (``STRICT`` tables of ``INTEGER``, ``REAL``, ``TEXT`` and ``BLOB``); ``postgres_words`` translates.
"""

from __future__ import annotations

from collections.abc import Sequence

from router.database.database import Database, Schema
from router.errors import DatabaseError

Steps = Sequence[Sequence[str]]
"""The statements of each step, step 1 first."""


def migrate(database: Database, component: str, steps: Steps) -> None:
    """Bring the component's tables to the newest schema: all missing steps in one transaction, or none.

    Several processes may do so at once: one does, the others wait and find it done.

    Args:
        database: where they are.
        component: whose tables, such as ``ledger``.
        steps: step 1 first.

    Raises:
        DatabaseError: the database belongs to another program or to a newer Underdog, or a step failed; it is as it
            was then.
    """
    with database.migrating(component) as schema:
        # Read inside: another process may have migrated while we waited for the lock.
        _refuse_what_is_not_ours(database, schema, newest=len(steps))
        if schema.version == len(steps):
            return
        for statements in steps[schema.version :]:
            for statement in statements:
                schema.apply(statement)
        schema.reached(len(steps))


def require_newest_schema(database: Database, component: str, steps: Steps) -> None:
    """For who only reads, and leaves it to the server to migrate.

    Raises:
        DatabaseError: there is nothing yet, or its schema is older or newer than ours.
    """
    with database.schema(component) as schema:
        _refuse_what_is_not_ours(database, schema, newest=len(steps))
        if not schema.version:
            raise DatabaseError(f"{database.name}: nothing is kept there yet; let the server start there once.")
        if schema.version < len(steps):
            raise DatabaseError(f"{database.name}: of an older schema; start the server once, which updates it.")


def _refuse_what_is_not_ours(database: Database, schema: Schema, *, newest: int) -> None:
    if schema.foreign:
        raise DatabaseError(f"{database.name}: this is the database of another program; choose another `home`.")
    if schema.version > newest:
        raise DatabaseError(
            f"{database.name}: written by a newer Underdog (schema {schema.version}, this one knows {newest}); "
            "upgrade Underdog, or choose another database."
        )
