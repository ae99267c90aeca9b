"""All keys in memory, where the door looks for each request, kept the same as those in the database.

A SQLite file is looked at by whoever asks for a key: whether another process has written to it is told within
microseconds, and the few rows that changed are read there and then, so that nobody gets in by a key that was revoked a
moment ago. A database elsewhere is never waited for: a thread of its own follows it, told by the database of changes
and asking for itself every second.

While the database is away, the keys that are known go on as they were. Whether another one is valid cannot be said.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from router.accounts import store
from router.accounts.keys import Key, Team
from router.accounts.principal import principal_of
from router.accounts.secrets import id_in
from router.database import Database, migrate
from router.errors import DatabaseError, KeysUnavailable, Unauthenticated
from router.principals import Principal, Scope

logger = logging.getLogger("underdog.accounts")

LOOK_S = 0.02
"""How often the following thread looks whether it was told of a change."""

ASK_S = 1.0
"""How often it asks the database, told or not."""

NOT_VALID = "The API key is not valid for this server; whoever runs it can make one."
"""What is said of every key that is not: nothing tells an unknown one from a wrong secret."""

NO_DIGEST = secrets.token_bytes(32)
"""Of no text: it stands in where there is nothing to compare with, so that a comparison is made all the same."""


class Keyring(Protocol):
    """Knows keys."""

    def principal(self, text: str, digest: bytes) -> Principal:
        """Who is behind a key.

        Args:
            text: what came, which has a key's prefix.
            digest: of the text.

        Raises:
            Unauthenticated: nobody, or the key is not to be used any more.
            KeysUnavailable: that cannot be said by now.
        """
        ...


class NoKeys:
    """Knows none, for servers without a database."""

    def principal(self, text: str, digest: bytes) -> Principal:
        """Nobody."""
        raise Unauthenticated(NOT_VALID)


class Known(Struct, frozen=True, kw_only=True):
    """What the door needs to know of a key. Times are seconds since 1970; the previous secret ends at its time.

    ``blocked``: by itself, or with its team.
    """

    digest: bytes = NO_DIGEST
    previous_digest: bytes = NO_DIGEST
    previous_until: float = 0.0
    expires_at: float | None = None
    revoked: bool = False
    blocked: Literal["", "key", "team"] = ""
    principal: Principal | None = None


NOBODY = Known()


class Ring:
    """Holds all keys of a database and follows it.

    Args:
        database: where they are.
        server: what all requests count against, if they do.
        clock: seconds since 1970.
    """

    def __init__(
        self, database: Database, *, server: Scope | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._server = server
        self._clock = clock
        self._keys: dict[str, Key] = {}
        self._teams: dict[str, Team] = {}
        self._known: dict[str, Known] = {}
        self._seen = -1
        self._stamp: object = None
        self._asked = time.monotonic()
        self._refreshing = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.away = False

    def open(self) -> None:
        """Bring the tables to the newest schema, and read all that is there.

        Raises:
            DatabaseError: the database cannot be used.
        """
        migrate(self._database, store.COMPONENT, store.STEPS)
        self._stamp = self._database.changed()
        self._read()

    def count_against(self, server: Scope | None) -> None:
        """Count all requests against this from now on."""
        with self._refreshing:
            self._server = server
            self._known.update({key_id: self._known_of(key) for key_id, key in list(self._keys.items())})

    def follow(self) -> None:
        """Follow the database from now on, until ``close``."""
        if self._database.shared:
            self._thread = threading.Thread(target=self._follow, name="keys", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Follow it no longer, and let go of it. Waits for a look at the database that is under way."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        self._database.close()

    def principal(self, text: str, digest: bytes) -> Principal:
        """See ``Keyring.principal``."""
        if not self._database.shared:
            self._look()
        known = self._known.get(id_in(text), NOBODY)
        now = self._clock()
        # Both are compared, whatever is there and whatever comes of the first.
        current = hmac.compare_digest(digest, known.digest)
        previous = hmac.compare_digest(digest, known.previous_digest) and now < known.previous_until
        if known.principal is None or not (current or previous):
            if self.away:
                raise KeysUnavailable(
                    "Whether this API key is valid cannot be said by now: the database of keys is away. Try again."
                )
            raise Unauthenticated(NOT_VALID)
        # Only who knows the secret hears what became of the key.
        _require_usable(known, now)
        return known.principal

    def refresh(self) -> None:
        """Read what has changed. What goes wrong is kept in mind, and tried again with the next look.

        May be called by any thread.
        """
        self._asked = time.monotonic()
        try:
            self._read()
        except Exception as error:  # noqa: BLE001 - whatever it is, the keys that are known go on
            if not self.away:
                said = error if isinstance(error, DatabaseError) else type(error).__name__
                logger.warning("keys cannot be followed, those that are known go on: %s", said)
            self.away = True
        else:
            if self.away:
                logger.warning("keys are followed again: %s", self._database.name)
            self.away = False

    def _look(self) -> None:
        stamp = self._database.changed()
        if stamp != self._stamp or (self.away and time.monotonic() - self._asked >= ASK_S):
            self.refresh()
            self._stamp = stamp

    def _follow(self) -> None:
        while not self._stopped.wait(LOOK_S):
            stamp = self._database.changed()
            if stamp != self._stamp or time.monotonic() - self._asked >= ASK_S:
                self.refresh()
                self._stamp = stamp

    def _read(self) -> None:
        with self._refreshing, self._database.reading() as connection:
            last = store.last_change(connection)
            if last == self._seen:
                return
            # An older backup was put in its place.
            since = -1 if last < self._seen else self._seen
            teams, lost_teams = store.teams_since(connection, since)
            keys, lost_keys = store.keys_since(connection, since)
            if since < 0:
                self._keys, self._teams = {}, {}
            changed = self._changed(teams, keys, lost_teams) | self._lost(lost_keys)
            # One step each, since another thread may be asking.
            if since < 0:
                self._known = changed
            else:
                self._known.update(changed)
            self._seen = last

    def _lost(self, key_ids: list[str]) -> dict[str, Known]:
        """Keys that cannot be read let nobody in, since nobody knows their bounds. All others go on."""
        for key_id in key_ids:
            self._keys.pop(key_id, None)
            logger.error("the key '%s' cannot be read and lets nobody in; restore a backup of it", key_id)
        return dict.fromkeys(key_ids, NOBODY)

    def _changed(self, teams: list[Team], keys: list[Key], lost_teams: list[str]) -> dict[str, Known]:
        """What is known from now on of the keys that these changes touch: a team's touch all of its keys."""
        self._teams |= {team.id: team for team in teams}
        for team_id in lost_teams:
            self._teams.pop(team_id, None)
            logger.error("the team '%s' cannot be read, its keys let nobody in; restore a backup of it", team_id)
        # Operators' metadata may be large, and is not asked for here.
        self._keys |= {key.id: replace(key, form=replace(key.form, metadata={})) for key in keys}
        moved = {team.id for team in teams}.union(lost_teams)
        touched = {key.id: key for key in keys}
        if moved:
            touched |= {key.id: key for key in self._keys.values() if key.form.team in moved}
        return {key.id: self._known_of(key) for key in touched.values()}

    def _known_of(self, key: Key) -> Known:
        team = self._teams.get(key.form.team) if key.form.team is not None else None
        return Known(
            digest=key.digest,
            previous_digest=key.previous_digest or NO_DIGEST,
            previous_until=key.previous_until.timestamp() if key.previous_until is not None else 0.0,
            expires_at=key.form.expires_at.timestamp() if key.form.expires_at is not None else None,
            revoked=key.revoked_at is not None,
            blocked="key" if key.form.blocked else "team" if _is_blocked_with_team(key, team) else "",
            principal=principal_of(key, team, self._server),
        )


def _is_blocked_with_team(key: Key, team: Team | None) -> bool:
    if key.form.team is None:
        return False
    # A team that cannot be found must not let its keys off its limits.
    return team is None or team.form.blocked or team.deleted_at is not None


def _require_usable(known: Known, now: float) -> None:
    if known.revoked:
        raise Unauthenticated("This API key was revoked. Ask whoever gave it to you for another.", code="key_revoked")
    if known.expires_at is not None and now >= known.expires_at:
        raise Unauthenticated("This API key has expired. Ask whoever gave it to you for another.", code="key_expired")
    if known.blocked == "key":
        raise Unauthenticated("This API key is blocked for now. Ask whoever gave it to you.", code="key_blocked")
    if known.blocked:
        raise Unauthenticated("The team of this API key is blocked. Ask whoever runs this server.", code="team_blocked")
