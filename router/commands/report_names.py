"""The names that keys and teams have for people: the ledger knows them by ids that never change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from router.commands.account_options import accounts_at
from router.errors import DatabaseError, UnknownAccount

if TYPE_CHECKING:
    from router.accounts.keys import Key, Team

T = TypeVar("T")

Names = dict[tuple[str, str], str]
"""What teams and keys are called, by kind (``team``, ``key``) and id."""


class Ids(NamedTuple):
    """What the ledger calls a team and a key. ``strangers``: those of the two that nobody here is called by."""

    team: str | None
    key: str | None
    strangers: tuple[str, ...] = ()


def ids_of(home: str | None, config: Path | None, *, team: str | None, key: str | None) -> Ids:
    """The ids of a team and a key that are given by id, by name, or by what a key's text begins with.

    What nobody is called by stays as it is: it may be in the ledger all the same.

    Raises:
        InvalidRequest: several keys have the name.
    """
    if not team and not key:
        return Ids(team, key)
    from router.accounts.finding import find_key, find_team

    found_team, found_key = "", ""
    with suppress(DatabaseError), accounts_at(home, config) as accounts:
        if team:
            found_team = _if_known(partial(find_team, accounts, team), _id, "")
        if key:
            found_key = _if_known(partial(find_key, accounts, key), _id, "")
    asked = (("team", team, found_team), ("key", key, found_key))
    strangers = tuple(f"{kind} '{called}'" for kind, called, found in asked if called and not found)
    return Ids(found_team or team, found_key or key, strangers)


def names_of(home: str | None, config: Path | None, *, teams: Iterable[str], keys: Iterable[str]) -> Names:
    """The names of these teams and keys, as far as they have one."""
    wanted_teams, wanted_keys = sorted(set(teams)), sorted(set(keys))
    names: Names = {}
    if wanted_teams or wanted_keys:
        with suppress(DatabaseError), accounts_at(home, config) as accounts:
            names |= {("team", id): _if_known(partial(accounts.team, id), _name, "") for id in wanted_teams}
            names |= {("key", id): _if_known(partial(accounts.key, id), _name, "") for id in wanted_keys}
    return {which: name for which, name in names.items() if name}


def _if_known(find: Callable[[], T], tell: Callable[[T], str], otherwise: str) -> str:
    try:
        return tell(find())
    except UnknownAccount:
        return otherwise


def _id(found: Key | Team) -> str:
    return found.id


def _name(found: Key | Team) -> str:
    return found.form.name or ""
