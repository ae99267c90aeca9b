"""``GET /v1/usage``: what a key has used; of everybody, where the master key asks."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import Parameter
from msgspec import Struct

from router.accounts import Accounts
from router.accounts.finding import find_key, find_team
from router.accounts.principal import scope_of
from router.errors import AdminOnly, DatabaseError, InvalidRequest, UnknownAccount
from router.gateway import Gateway
from router.http.query import require_known
from router.http.services import Services
from router.ledger.baseline import lengths_of
from router.ledger.usage import BY, Terms, UsageReport, dollars
from router.ledger.usage_query import usage_query
from router.principals import Principal, Scope
from router.settings import Settings

CONDITIONS = ("since", "until", "by", "tz", "model", "route", "tenant", "team", "key", "user")


class BudgetLeft(Struct, frozen=True, kw_only=True):
    """What is left of a budget in its present period: exact US dollars as text, aware times.

    ``reserved_usd`` is held for requests under way, and neither spent nor left.
    """

    scope: str
    usd: str
    spent_usd: str
    reserved_usd: str
    left_usd: str
    starts: datetime
    ends: datetime


class Usage(UsageReport, frozen=True, kw_only=True):
    """A report, and how budgets stand: the key's own; for the master key, whom it asks for, or the server's."""

    budgets: list[BudgetLeft]


def _asked(description: str) -> Any:
    return Parameter(description=description, required=False)


@get("/v1/usage", summary="Sum up what a key has used", tags=["status"])
async def usage(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    since: Annotated[str | None, _asked("A day or a time from which on; without an offset in `tz`.")] = None,
    until: Annotated[str | None, _asked("The same, up to which; not included.")] = None,
    by: Annotated[str | None, _asked(f"What to tell apart, with commas between: {', '.join(BY)}.")] = None,
    tz: Annotated[str, _asked("Time zone in which days begin, such as Europe/Berlin.")] = "UTC",
    model: Annotated[str | None, _asked("Only what this model answered.")] = None,
    route: Annotated[str | None, _asked("Only what this route answered.")] = None,
    tenant: Annotated[str | None, _asked("Only this tenant's; for the master key.")] = None,
    team: Annotated[str | None, _asked("Only this team's, by id or name; for the master key.")] = None,
    key: Annotated[
        str | None, _asked("Only this key's, by id or name; for the master key, and for its holder.")
    ] = None,
    user: Annotated[str | None, _asked("Only this user's; for the master key.")] = None,
) -> Usage:
    """The caller's own key only; the master key sees everybody's. On an open server, all that came without a key.

    Amounts are exact US dollars as text. Periods begin and end with a quarter of an hour.
    """
    principal = services.doorman.admit(request.headers)
    require_known(request, CONDITIONS)
    only = _allowed(principal, {"tenant": tenant, "team": team, "key": key, "user": user})
    # What a team has spent would tell of its other keys.
    scopes = [scope for scope in principal.scopes if scope.kind == "key" or principal.admin]
    if principal.admin and (team or key):
        found, scopes = await asyncio.to_thread(_looked_up, services.accounts, team, key)
        only |= found
    try:
        query = usage_query(
            by=() if by is None else (by,), since=since, until=until, tz=tz, model=model, route=route, **only
        )
        report = await services.gateway.ledger.usage(query, terms_of(services.settings))
    except ValueError as error:
        raise InvalidRequest(f"{error}.") from None
    return Usage(**msgspec.structs.asdict(report), budgets=await _budgets(scopes, services.gateway))


def terms_of(settings: Settings) -> Terms:
    """How sums become figures on this server."""
    return Terms(lengths_of(settings.baseline_lengths), Decimal(str(settings.compute_usd_per_hour)))


async def _budgets(scopes: list[Scope], gateway: Gateway) -> list[BudgetLeft]:
    states = await gateway.admission.budgets(scopes, gateway.in_use.scorer.curve)
    return [
        BudgetLeft(
            scope=state.scope,
            usd=dollars(state.usd),
            spent_usd=dollars(state.spent),
            reserved_usd=dollars(state.reserved),
            left_usd=dollars(state.left),
            starts=state.starts,
            ends=state.ends,
        )
        for state in states
    ]


def _looked_up(accounts: Accounts, team: str | None, key: str | None) -> tuple[dict[str, str], list[Scope]]:
    """The ids of a team and a key that are called so, and what they count against.

    What nobody is called by is left out: it may be in the ledger all the same.

    Raises:
        InvalidRequest: several keys have the name.
    """
    ids: dict[str, str] = {}
    scopes: list[Scope] = []
    for kind, called, find in (("team", team, find_team), ("key", key, find_key)):
        if called:
            with contextlib.suppress(UnknownAccount, DatabaseError):
                found = find(accounts, called)
                ids[kind] = found.id
                scopes.append(scope_of(found))
    return ids, scopes


def _allowed(principal: Principal, asked: dict[str, str | None]) -> dict[str, str | None]:
    """What the figures are narrowed to, whatever was asked for.

    Raises:
        AdminOnly: somebody else's are asked for.
    """
    if principal.admin:
        return asked
    own = {"tenant": principal.tenant, "team": principal.team, "key": principal.key_id, "user": principal.user}
    for name, value in asked.items():
        if value is not None and value != own[name]:
            raise AdminOnly(f"'{name}': only the master key may look at others' usage.", param=name)
    return {"tenant": principal.tenant, "key": principal.key_id}
