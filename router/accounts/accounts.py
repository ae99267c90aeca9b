"""Making, changing and ending keys and teams. Every change is one transaction, and at once seen by all servers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from router.accounts import store
from router.accounts.forms import KeyForm, TeamForm, read_form
from router.accounts.keys import Key, Team
from router.accounts.secrets import ID_CHARS, ID_LENGTH, new_id, new_secret
from router.accounts.store import Which
from router.configured.secret import Secret
from router.database import Connection, Database
from router.errors import InvalidRequest, UnknownAccount

MAX_GRACE_S = 30 * 86_400
"""How long the secret before a rotation may go on at most."""

_ID = re.compile(rf"[{ID_CHARS}]{{{ID_LENGTH}}}")
T = TypeVar("T")


class Issued(Struct, frozen=True):
    """A key with a new secret, and the text that its holder needs. It is nowhere else, and cannot be had again."""

    key: Key
    text: Secret


class Page(Struct, Generic[T], frozen=True):
    """A page of a list, newest first."""

    items: list[T]
    has_more: bool


class Accounts:
    """Keys and teams in a database, whose tables are there.

    Args:
        database: where they are.
        clock: the time, aware.
        changed: called after each change of ours, by the thread that made it.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        changed: Callable[[], object] = lambda: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._changed = changed

    def create_key(self, given: bytes) -> Issued:
        """A new key.

        Args:
            given: its form as a JSON object.

        Raises:
            InvalidRequest: the form is wrong, or its team is not there.
            DatabaseError: the database cannot be used.
        """
        now = self._clock()
        form = read_form(KeyForm, given, now=now)
        key_id = new_id()
        secret = new_secret(key_id)

        def create(connection: Connection, change: int) -> Key:
            key = Key(id=key_id, form=_in_team(connection, form), digest=secret.digest, created_at=now, change=change)
            store.put_key(connection, key)
            return key

        return Issued(self._change(create), secret.text)

    def keys(self, which: Which) -> Page[Key]:
        """A page of keys.

        Raises:
            DatabaseError: the database cannot be used.
        """
        with self._database.reading() as connection:
            return _page(store.keys_where(connection, which), which)

    def key(self, key_id: str) -> Key:
        """One key.

        Raises:
            UnknownAccount: there is none of this id.
            DatabaseError: the database cannot be used.
        """
        with self._database.reading() as connection:
            return _key(connection, key_id)

    def change_key(self, key_id: str, given: bytes) -> Key:
        """Change what is given of a key's form; null brings a default back.

        Raises:
            InvalidRequest: the form is wrong, its team is not there, or the key is revoked.
            UnknownAccount: there is none of this id.
            DatabaseError: the database cannot be used.
        """

        def change_form(connection: Connection, change: int) -> Key:
            key = _live_key(connection, key_id)
            form = read_form(KeyForm, given, now=self._clock(), before=key.form)
            if form.team != key.form.team:
                form = _in_team(connection, form)
            return _put(connection, replace(key, form=form, change=change))

        return self._change(change_form)

    def rotate_key(self, key_id: str, *, grace_s: float = 0) -> Issued:
        """Give a key a new secret. Its id, its limits and its history stay.

        Args:
            key_id: the key's.
            grace_s: seconds for which the secret before goes on; 0 ends it at once.

        Raises:
            InvalidRequest: the key is revoked, or the grace is too long.
            UnknownAccount: there is none of this id.
            DatabaseError: the database cannot be used.
        """
        if not 0 <= grace_s <= MAX_GRACE_S:
            raise InvalidRequest(f"grace_s: must be a number from 0 to {MAX_GRACE_S}.", param="grace_s")
        now = self._clock()

        def rotate(connection: Connection, change: int) -> Issued:
            key = _live_key(connection, key_id)
            secret = new_secret(key_id)
            rotated = replace(
                key,
                digest=secret.digest,
                previous_digest=key.digest if grace_s else None,
                previous_until=now + timedelta(seconds=grace_s) if grace_s else None,
                rotated_at=now,
                change=change,
            )
            return Issued(_put(connection, rotated), secret.text)

        return self._change(rotate)

    def revoke_key(self, key_id: str) -> Key:
        """End a key at once and for good. One that is revoked stays as it is.

        Raises:
            UnknownAccount: there is none of this id.
            DatabaseError: the database cannot be used.
        """
        now = self._clock()

        def revoke(connection: Connection, change: int) -> Key:
            key = _key(connection, key_id)
            return key if key.revoked_at else _put(connection, replace(key, revoked_at=now, change=change))

        return self._change(revoke)

    def create_team(self, given: bytes) -> Team:
        """A new team.

        Args:
            given: its form as a JSON object.

        Raises:
            InvalidRequest: the form is wrong, or another team has the name.
            DatabaseError: the database cannot be used.
        """
        now = self._clock()
        form = read_form(TeamForm, given, now=now)

        def create(connection: Connection, change: int) -> Team:
            _require_free(connection, form.name)
            team = Team(id=new_id(), form=form, created_at=now, change=change)
            store.put_team(connection, team)
            return team

        return self._change(create)

    def teams(self, which: Which) -> Page[Team]:
        """A page of teams.

        Raises:
            DatabaseError: the database cannot be used.
        """
        with self._database.reading() as connection:
            return _page(store.teams_where(connection, which), which)

    def team(self, team_id: str) -> Team:
        """One team.

        Raises:
            UnknownAccount: there is none of this id.
            DatabaseError: the database cannot be used.
        """
        with self._database.reading() as connection:
            return _team(connection, team_id)

    def change_team(self, team_id: str, given: bytes) -> Team:
        """Change what is given of a team's form; null brings a default back.

        Raises:
            InvalidRequest: the form is wrong, another team has the name, or the team is deleted.
            UnknownAccount: there is none of this id.
            DatabaseError: the database cannot be used.
        """

        def change_form(connection: Connection, change: int) -> Team:
            team = _live_team(connection, team_id)
            form = read_form(TeamForm, given, now=self._clock(), before=team.form)
            if form.name != team.form.name:
                _require_free(connection, form.name)
            changed = replace(team, form=form, change=change)
            store.put_team(connection, changed)
            return changed

        return self._change(change_form)

    def delete_team(self, team_id: str) -> tuple[Team, int]:
        """Delete a team and revoke all of its keys, and say how many. One that is deleted stays as it is.

        Raises:
            UnknownAccount: there is none of this id.
            DatabaseError: the database cannot be used.
        """
        now = self._clock()

        def delete(connection: Connection, change: int) -> tuple[Team, int]:
            team = _team(connection, team_id)
            if team.deleted_at:
                return team, 0
            keys = store.live_keys_of(connection, team_id)
            for key in keys:
                _put(connection, replace(key, revoked_at=now, change=change))
            deleted = replace(team, deleted_at=now, change=change)
            store.put_team(connection, deleted)
            return deleted, len(keys)

        return self._change(delete)

    def _change(self, make: Callable[[Connection, int], T]) -> T:
        with self._database.writing() as connection:
            made = make(connection, store.next_change(connection))
        self._changed()
        return made


def _page(found: list[T], which: Which) -> Page[T]:
    return Page(found[: which.limit], len(found) > which.limit)


def _put(connection: Connection, key: Key) -> Key:
    store.put_key(connection, key)
    return key


def _key(connection: Connection, key_id: str) -> Key:
    # What is no id asks for nothing: it may be text that no database takes.
    key = store.key_of(connection, key_id) if _ID.fullmatch(key_id) else None
    if key is None:
        raise UnknownAccount(
            f"There is no key '{key_id[:60]}'. GET /admin/keys, or `underdog keys list`, has them all."
        )
    return key


def _live_key(connection: Connection, key_id: str) -> Key:
    key = _key(connection, key_id)
    if key.revoked_at is not None:
        raise InvalidRequest(f"The key '{key_id}' is revoked, for good. Create another.", code="key_revoked")
    return key


def _team(connection: Connection, team_id: str) -> Team:
    team = store.team_of(connection, team_id) if _ID.fullmatch(team_id) else None
    if team is None:
        raise UnknownAccount(
            f"There is no team '{team_id[:60]}'. GET /admin/teams, or `underdog teams list`, has them all."
        )
    return team


def _live_team(connection: Connection, team_id: str) -> Team:
    team = _team(connection, team_id)
    if team.deleted_at is not None:
        raise InvalidRequest(f"The team '{team_id}' is deleted, for good. Create another.", code="team_deleted")
    return team


def _in_team(connection: Connection, form: KeyForm) -> KeyForm:
    """The form with its team's id, whichever way the team was called."""
    if form.team is None:
        return form
    team = store.team_of(connection, form.team) or store.team_called(connection, form.team)
    if team is None or team.deleted_at is not None:
        raise InvalidRequest(f"team: there is no team '{form.team[:60]}'; create it first.", param="team")
    return replace(form, team=team.id)


def _require_free(connection: Connection, name: str) -> None:
    if store.team_called(connection, name) is not None:
        raise InvalidRequest(f"name: another team is called '{name}'; choose another name.", param="name")
