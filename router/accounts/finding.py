"""Finding keys and teams by what people call them."""

from __future__ import annotations

from router.accounts.accounts import Accounts
from router.accounts.keys import Key, Team
from router.accounts.secrets import ID_LENGTH, PREFIX
from router.accounts.store import Which
from router.errors import InvalidRequest, UnknownAccount

MANY = 100_000

SHOWN = 5
"""Keys of one name that are told apart for who has to choose."""


def find_key(accounts: Accounts, called: str) -> Key:
    """A key by its id, by its text or what that begins with, or by a name that no other key has.

    Raises:
        InvalidRequest: several keys have the name.
        UnknownAccount: there is none.
        DatabaseError: the database cannot be used.
    """
    if called.startswith(PREFIX):
        called = called.removeprefix(PREFIX)[:ID_LENGTH]
    try:
        return accounts.key(called)
    except UnknownAccount:
        found = accounts.keys(Which(name=called, limit=SHOWN))
        if not found.items:
            raise
    if len(found.items) > 1:
        ids = ", ".join(key.id for key in found.items)
        more = ", ..." if found.has_more else ""
        raise InvalidRequest(f"Several keys are called '{called[:60]}'; name one by its id: {ids}{more}.")
    return found.items[0]


def find_team(accounts: Accounts, called: str) -> Team:
    """A team by its id or its name.

    Raises:
        UnknownAccount: there is none.
        DatabaseError: the database cannot be used.
    """
    try:
        return accounts.team(called)
    except UnknownAccount:
        found = accounts.teams(Which(name=called, limit=1)).items
        if not found:
            raise
    return found[0]


def team_names(accounts: Accounts) -> dict[str, str]:
    """The names of all teams, the deleted ones too, by id.

    Raises:
        DatabaseError: the database cannot be used.
    """
    return {team.id: team.form.name for team in accounts.teams(Which(ended="any", limit=MANY)).items}
