"""Keys and teams as rows: the tables, and the statements that read and write them.

Every change takes a number, the next one in the one row of ``account_changes``, before it does anything else. That row
is locked until the change is committed, so that changes happen one after the other and become visible in the order of
their numbers: who has seen all up to one of them asks for those above it, and misses none.

What is asked by has columns; the rest of a form is kept as JSON, amounts in it as exact decimal text. Times are whole
microseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from router.accounts.forms import F, KeyForm, TeamForm, as_json, kept_form
from router.accounts.keys import Key, Team
from router.database import Connection, Steps
from router.errors import DatabaseError

COMPONENT = "accounts"

STEPS: Steps = (
    (
        "CREATE TABLE account_changes (change INTEGER NOT NULL) STRICT",
        "INSERT INTO account_changes (change) VALUES (0)",
        """
        CREATE TABLE teams (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            form TEXT NOT NULL,                 -- JSON
            created_at INTEGER NOT NULL,        -- microseconds since 1970-01-01, UTC
            deleted_at INTEGER,
            change INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE UNIQUE INDEX team_names ON teams (name) WHERE deleted_at IS NULL",
        "CREATE INDEX teams_by_change ON teams (change)",
        """
        CREATE TABLE keys (
            id TEXT PRIMARY KEY,
            name TEXT,
            team TEXT REFERENCES teams (id),
            user_id TEXT,
            form TEXT NOT NULL,                 -- JSON
            digest BLOB NOT NULL,               -- SHA-256 of the key's text
            previous_digest BLOB,               -- of its text before the last rotation, as long as that counts
            previous_until INTEGER,
            created_at INTEGER NOT NULL,
            rotated_at INTEGER,
            revoked_at INTEGER,
            change INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX keys_by_change ON keys (change)",
        "CREATE INDEX keys_by_team ON keys (team)",
        "CREATE INDEX keys_by_age ON keys (created_at, id)",
    ),
)

_KEY_COLUMNS = (
    "id, form, digest, previous_digest, previous_until, created_at, rotated_at, revoked_at, change, name, team, user_id"
)
_TEAM_COLUMNS = "id, form, created_at, deleted_at, change, name"
_KEYS = f"SELECT {_KEY_COLUMNS} FROM keys"  # noqa: S608 - constants
_TEAMS = f"SELECT {_TEAM_COLUMNS} FROM teams"  # noqa: S608 - constants
T = TypeVar("T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Which(Struct, frozen=True, kw_only=True):
    """Which keys or teams are wanted: all that is given must hold. ``after``: the id of the last one before."""

    team: str | None = None
    user: str | None = None
    name: str | None = None
    ended: Literal["no", "yes", "any"] = "no"
    after: str | None = None
    limit: int = 100


def next_change(connection: Connection) -> int:
    """The number of the change that begins here; others wait until it is committed."""
    return int(connection.execute("UPDATE account_changes SET change = change + 1 RETURNING change").fetchone()[0])


def last_change(connection: Connection) -> int:
    """The number of the last change."""
    return int(connection.execute("SELECT change FROM account_changes").fetchone()[0])


def key_of(connection: Connection, key_id: str) -> Key | None:
    """The key of this id."""
    row = connection.execute(f"{_KEYS} WHERE id = ?", (key_id,)).fetchone()
    return None if row is None else _key(row)


def keys_where(connection: Connection, which: Which) -> list[Key]:
    """Keys, newest first; one more than the limit where there are more."""
    conditions, values = _conditions({"team": which.team, "user_id": which.user, "name": which.name})
    return [_key(row) for row in _page(connection, "keys", _KEYS, "revoked_at", which, conditions, values)]


def keys_since(connection: Connection, change: int) -> tuple[list[Key], list[str]]:
    """Keys that changed after that change, the revoked ones too; and the ids of those that cannot be read."""
    rows = connection.execute(f"{_KEYS} WHERE change > ? ORDER BY change", (change,))
    return _readable(rows, _key)


def live_keys_of(connection: Connection, team_id: str) -> list[Key]:
    """The keys of a team that are not revoked."""
    rows = connection.execute(f"{_KEYS} WHERE team = ? AND revoked_at IS NULL", (team_id,))
    return [_key(row) for row in rows]


def put_key(connection: Connection, key: Key) -> None:
    """Write a key, in the place of what it was before."""
    values = (
        key.id,
        as_json(key.form).decode(),
        key.digest,
        key.previous_digest,
        _micros(key.previous_until),
        _micros(key.created_at),
        _micros(key.rotated_at),
        _micros(key.revoked_at),
        key.change,
        key.form.name,
        key.form.team,
        key.form.user,
    )
    _put(connection, "keys", _KEY_COLUMNS, values)


def team_of(connection: Connection, team_id: str) -> Team | None:
    """The team of this id."""
    row = connection.execute(f"{_TEAMS} WHERE id = ?", (team_id,)).fetchone()
    return None if row is None else _team(row)


def team_called(connection: Connection, name: str) -> Team | None:
    """The one team of this name that is not deleted."""
    sql = f"{_TEAMS} WHERE name = ? AND deleted_at IS NULL"
    row = connection.execute(sql, (name,)).fetchone()
    return None if row is None else _team(row)


def teams_where(connection: Connection, which: Which) -> list[Team]:
    """Teams, newest first; one more than the limit where there are more."""
    conditions, values = _conditions({"name": which.name})
    return [_team(row) for row in _page(connection, "teams", _TEAMS, "deleted_at", which, conditions, values)]


def teams_since(connection: Connection, change: int) -> tuple[list[Team], list[str]]:
    """Teams that changed after that change, the deleted ones too; and the ids of those that cannot be read."""
    rows = connection.execute(f"{_TEAMS} WHERE change > ? ORDER BY change", (change,))
    return _readable(rows, _team)


def put_team(connection: Connection, team: Team) -> None:
    """Write a team, in the place of what it was before."""
    values = (
        team.id,
        as_json(team.form).decode(),
        _micros(team.created_at),
        _micros(team.deleted_at),
        team.change,
        team.form.name,
    )
    _put(connection, "teams", _TEAM_COLUMNS, values)


def _put(connection: Connection, table: str, columns: str, values: Sequence[Any]) -> None:
    names = columns.split(", ")
    kept = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
    places = ", ".join("?" for _ in names)
    sql = f"INSERT INTO {table} ({columns}) VALUES ({places}) ON CONFLICT (id) DO UPDATE SET {kept}"  # noqa: S608 - ours
    connection.execute(sql, values)


def _conditions(wanted: dict[str, str | None]) -> tuple[list[str], list[Any]]:
    given = {column: value for column, value in wanted.items() if value is not None}
    return [f"{column} = ?" for column in given], list(given.values())


def _page(
    connection: Connection,
    table: str,
    select: str,
    ended: str,
    which: Which,
    conditions: list[str],
    values: list[Any],
) -> list[Any]:
    if which.ended != "any":
        conditions.append(f"{ended} IS {'NOT ' if which.ended == 'yes' else ''}NULL")
    if which.after is not None:
        conditions.append(f"(created_at, id) < (SELECT created_at, id FROM {table} WHERE id = ?)")  # noqa: S608 - ours
        values.append(which.after)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    sql = f"{select}{where} ORDER BY created_at DESC, id DESC LIMIT ?"
    return connection.execute(sql, (*values, which.limit + 1)).fetchall()


def _readable(rows: Iterable[Sequence[Any]], read: Callable[[Sequence[Any]], T]) -> tuple[list[T], list[str]]:
    found: list[T] = []
    unreadable: list[str] = []
    for row in rows:
        try:
            found.append(read(row))
        except DatabaseError:
            unreadable.append(row[0])
    return found, unreadable


def _key(row: Sequence[Any]) -> Key:
    return Key(
        id=row[0],
        form=_form(KeyForm, row),
        digest=bytes(row[2]),
        previous_digest=None if row[3] is None else bytes(row[3]),
        previous_until=_moment(row[4]),
        created_at=_EPOCH + timedelta(microseconds=row[5]),
        rotated_at=_moment(row[6]),
        revoked_at=_moment(row[7]),
        change=row[8],
    )


def _team(row: Sequence[Any]) -> Team:
    return Team(
        id=row[0],
        form=_form(TeamForm, row),
        created_at=_EPOCH + timedelta(microseconds=row[2]),
        deleted_at=_moment(row[3]),
        change=row[4],
    )


def _form(kind: type[F], row: Sequence[Any]) -> F:
    try:
        return kept_form(kind, row[1])
    except msgspec.DecodeError as error:
        raise DatabaseError(f"keys and teams: the form of '{row[0]}' cannot be read; restore a backup.") from error


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)
