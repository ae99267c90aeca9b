"""Keys and teams as operators see them, over HTTP and as JSON of the command line. No secret and no digest of one."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct

from router.accounts.accounts import Issued, Page
from router.accounts.forms import KeyForm, TeamForm
from router.accounts.keys import Key, State, Team


class KeyView(KeyForm, frozen=True, kw_only=True):
    """A key: its form, and what became of it. ``label`` is what its text begins with."""

    id: str
    label: str
    state: State
    created_at: datetime
    rotated_at: datetime | None = None
    previous_until: datetime | None = None
    revoked_at: datetime | None = None
    object: str = "key"


class IssuedView(KeyView, frozen=True, kw_only=True):
    """A key with its new text, which is shown this once."""

    key: str

    def __repr__(self) -> str:
        return f"IssuedView({self.label})"


class TeamView(TeamForm, frozen=True, kw_only=True):
    """A team: its form, and what became of it."""

    id: str
    created_at: datetime
    deleted_at: datetime | None = None
    object: str = "team"


class _Page(Struct, frozen=True, kw_only=True):
    """A page of a list, as OpenAI has them; ``last_id`` is where the next one goes on."""

    first_id: str | None
    last_id: str | None
    has_more: bool
    object: str = "list"


class KeyList(_Page, frozen=True, kw_only=True):
    """Keys, newest first."""

    data: list[KeyView]


class TeamList(_Page, frozen=True, kw_only=True):
    """Teams, newest first."""

    data: list[TeamView]


def key_view(key: Key, now: datetime) -> KeyView:
    """What is shown of a key."""
    return KeyView(
        **msgspec.structs.asdict(key.form),
        id=key.id,
        label=key.label,
        state=key.state(now),
        created_at=key.created_at,
        rotated_at=key.rotated_at,
        previous_until=key.previous_until,
        revoked_at=key.revoked_at,
    )


def issued_view(issued: Issued, now: datetime) -> IssuedView:
    """What is shown of a key that was just made or rotated: its text too."""
    return IssuedView(**msgspec.structs.asdict(key_view(issued.key, now)), key=issued.text.reveal())


def team_view(team: Team) -> TeamView:
    """What is shown of a team."""
    return TeamView(
        **msgspec.structs.asdict(team.form), id=team.id, created_at=team.created_at, deleted_at=team.deleted_at
    )


def key_list(page: Page[Key], now: datetime) -> KeyList:
    """What is shown of a page of keys."""
    first, last = _ends([key.id for key in page.items])
    data = [key_view(key, now) for key in page.items]
    return KeyList(data=data, first_id=first, last_id=last, has_more=page.has_more)


def team_list(page: Page[Team]) -> TeamList:
    """What is shown of a page of teams."""
    first, last = _ends([team.id for team in page.items])
    data = [team_view(team) for team in page.items]
    return TeamList(data=data, first_id=first, last_id=last, has_more=page.has_more)


def _ends(ids: list[str]) -> tuple[str | None, str | None]:
    return (ids[0], ids[-1]) if ids else (None, None)
