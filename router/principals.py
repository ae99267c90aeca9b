"""Who is asking, and what is counted against whom."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from msgspec import Struct

Period = Literal["day", "week", "month"]
"""How long a budget is meant to last; weeks begin on Monday."""

Privacy = Literal["any", "local-only"]
"""Where prompts may go: anywhere that is configured, or nowhere beyond this machine and its network."""

WhenSpent = Literal["refuse", "weak"]
"""What becomes of requests once a budget is spent: they are refused, or the weak model answers them all."""


class Limits(Struct, frozen=True, kw_only=True):
    """What may be asked within a minute, and at once; None: without limit.

    ``tokens_per_minute`` counts those of prompts and of answers.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_requests: int | None = None


UNLIMITED = Limits()


class Budget(Struct, frozen=True, kw_only=True):
    """Money for a period, which begins at midnight in ``time_zone`` (a name of the IANA data base).

    ``pace``: whether the threshold is moved so that the money lasts.
    """

    usd: Decimal
    period: Period = "month"
    time_zone: str = "UTC"
    when_spent: WhenSpent = "refuse"
    pace: bool = True


class Scope(Struct, frozen=True, kw_only=True):
    """What requests are counted against: the server as a whole, a team, or a key. ``id`` never changes.

    ``title``: what people call it, where they do. ``revision`` grows whenever the team or the key is changed, such as
    given a budget once more.
    """

    kind: Literal["server", "team", "key"]
    id: str
    title: str | None = None
    limits: Limits = UNLIMITED
    budget: Budget | None = None
    revision: int = 0

    @property
    def name(self) -> str:
        """What tells it from all others, as counters are named by."""
        return f"{self.kind}:{self.id}"


class Principal(Struct, frozen=True):
    """Who is asking. ``tenant`` partitions everything that is kept: cache, ledger, statistics.

    ``scopes``: what the request is counted against; each of them must have room for it. ``models``: the names that
    ``model`` may carry, ``*`` standing for any text: a list of the key's and one of its team's, where they have one;
    each must have the name. ``threshold``: the key's own default, and the bounds of any that is asked for. ``admin``:
    may administer keys and teams, and look at everybody's figures. ``local_only``: its requests reach nothing but this
    machine and its network.
    """

    tenant: str
    key_id: str | None = None
    team: str | None = None
    user: str | None = None
    admin: bool = False
    scopes: tuple[Scope, ...] = ()
    models: tuple[tuple[str, ...], ...] = ()
    threshold: float | None = None
    min_threshold: float = 0.0
    max_threshold: float = 1.0
    local_only: bool = False


ANONYMOUS = Principal(tenant="local")
"""The one caller of a server that runs open on loopback."""
