"""The nouns: a key, a team, and what becomes of them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from router.accounts.forms import KeyForm, TeamForm
from router.accounts.secrets import label

State = Literal["active", "blocked", "expired", "revoked"]


class Key(Struct, frozen=True, kw_only=True):
    """A key as it is kept: its secret's digest, never the secret. Times are aware UTC.

    After a rotation the secret before ends with ``previous_until``, where that was granted. ``change`` numbers the
    change that made it what it is: among all keys and teams, later changes have higher numbers.
    """

    id: str
    form: KeyForm
    digest: bytes
    created_at: datetime
    change: int
    previous_digest: bytes | None = None
    previous_until: datetime | None = None
    rotated_at: datetime | None = None
    revoked_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Key({self.label})"

    @property
    def label(self) -> str:
        """What its text begins with, by which its holder knows it."""
        return label(self.id)

    def state(self, now: datetime) -> State:
        """What has become of it."""
        if self.revoked_at is not None:
            return "revoked"
        expires_at = self.form.expires_at
        if expires_at is not None and expires_at <= now:
            return "expired"
        return "blocked" if self.form.blocked else "active"


class Team(Struct, frozen=True, kw_only=True):
    """A team as it is kept. A deleted one stays, without keys: reports name it."""

    id: str
    form: TeamForm
    created_at: datetime
    change: int
    deleted_at: datetime | None = None
