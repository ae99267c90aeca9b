"""``/admin/keys`` and ``/admin/teams``: keys and teams, for the master key alone. Each is called by its id or its name.

All calls run in threads: the database may be on another machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct

from router.accounts import Accounts
from router.accounts.accounts import Page
from router.accounts.finding import find_key, find_team
from router.accounts.forms import MAX_FORM_BYTES, Name, Text
from router.accounts.keys import Key
from router.accounts.store import Which
from router.accounts.views import (
    IssuedView,
    KeyList,
    KeyView,
    TeamList,
    TeamView,
    issued_view,
    key_list,
    key_view,
    team_list,
    team_view,
)
from router.errors import DatabaseError, InvalidRequest, KeysUnavailable
from router.http.auth import require_admin
from router.http.body import read_body
from router.http.described_admin import KeyOperation, NewTeamOperation, RotationOperation, TeamOperation
from router.http.query import read_query
from router.http.services import Services

NO_STORE = {"cache-control": "no-store"}

T = TypeVar("T")
Ended = Literal["no", "yes", "any"]


class Paged(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query of a list. ``after``: the ``last_id`` of the page before."""

    name: Name | None = None
    after: Name | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class WhichKeys(Paged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query of ``GET /admin/keys``: what is given must hold of a key. ``team``: its id or its name."""

    team: Name | None = None
    user: Text | None = None
    revoked: Ended = "no"


class WhichTeams(Paged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query of ``GET /admin/teams``: what is given must hold of a team."""

    deleted: Ended = "no"


class Rotation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of a rotation. ``grace_s``: seconds for which the secret before goes on; 30 days at most."""

    grace_s: float = 0.0


@post("/admin/keys", summary="Make a key", tags=["admin"], operation_class=KeyOperation)
async def create_key(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[IssuedView]:
    """The answer has the key itself, in ``key``: it is kept nowhere, and shown once."""
    accounts = _accounts(request, services)
    given = await _body(request, services)
    issued = await _called(lambda: accounts.create_key(given))
    return Response(issued_view(issued, _now()), headers=NO_STORE)


@get("/admin/keys", summary="List keys", tags=["admin"])
async def list_keys(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[KeyList]:
    """Newest first, without the revoked ones unless ``revoked`` asks for them."""
    accounts = _accounts(request, services)
    query = read_query(request, WhichKeys)

    def listed() -> Page[Key]:
        team = None if query.team is None else find_team(accounts, query.team).id
        return accounts.keys(
            Which(
                team=team, user=query.user, name=query.name, ended=query.revoked, after=query.after, limit=query.limit
            )
        )

    return Response(key_list(await _called(listed), _now()), headers=NO_STORE)


@get("/admin/keys/{called:str}", summary="Show a key", tags=["admin"])
async def show_key(
    request: Request[Any, Any, Any], services: NamedDependency[Services], called: FromPath[str]
) -> Response[KeyView]:
    """All that was said of it; of its secret there is nothing to show."""
    accounts = _accounts(request, services)
    return Response(key_view(await _called(lambda: find_key(accounts, called)), _now()), headers=NO_STORE)


@patch("/admin/keys/{called:str}", summary="Change a key", tags=["admin"], operation_class=KeyOperation)
async def change_key(
    request: Request[Any, Any, Any], services: NamedDependency[Services], called: FromPath[str]
) -> Response[KeyView]:
    """What is not given stays; null brings a default back. It holds from the next request on."""
    accounts = _accounts(request, services)
    given = await _body(request, services)
    return Response(
        key_view(await _called(lambda: accounts.change_key(find_key(accounts, called).id, given)), _now()),
        headers=NO_STORE,
    )


@post(
    "/admin/keys/{called:str}/rotate",
    status_code=200,
    summary="Give a key a new secret",
    tags=["admin"],
    operation_class=RotationOperation,
)
async def rotate_key(
    request: Request[Any, Any, Any], services: NamedDependency[Services], called: FromPath[str]
) -> Response[IssuedView]:
    """The one before ends at once, or after ``grace_s``. The answer has the new one, in ``key``, this once."""
    accounts = _accounts(request, services)
    rotation = _rotation(await _body(request, services))
    issued = await _called(lambda: accounts.rotate_key(find_key(accounts, called).id, grace_s=rotation.grace_s))
    return Response(issued_view(issued, _now()), headers=NO_STORE)


@delete("/admin/keys/{called:str}", status_code=200, summary="Revoke a key", tags=["admin"])
async def revoke_key(
    request: Request[Any, Any, Any], services: NamedDependency[Services], called: FromPath[str]
) -> Response[KeyView]:
    """At once and for good. Its requests stay in the ledger, under its id."""
    accounts = _accounts(request, services)
    return Response(
        key_view(await _called(lambda: accounts.revoke_key(find_key(accounts, called).id)), _now()), headers=NO_STORE
    )


@post("/admin/teams", summary="Make a team", tags=["admin"], operation_class=NewTeamOperation)
async def create_team(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[TeamView]:
    """Its keys share its limits, its budget, and what is cached for them."""
    accounts = _accounts(request, services)
    given = await _body(request, services)
    return Response(team_view(await _called(lambda: accounts.create_team(given))), headers=NO_STORE)


@get("/admin/teams", summary="List teams", tags=["admin"])
async def list_teams(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[TeamList]:
    """Newest first, without the deleted ones unless ``deleted`` asks for them."""
    accounts = _accounts(request, services)
    query = read_query(request, WhichTeams)
    which = Which(name=query.name, ended=query.deleted, after=query.after, limit=query.limit)
    return Response(team_list(await _called(lambda: accounts.teams(which))), headers=NO_STORE)


@get("/admin/teams/{called:str}", summary="Show a team", tags=["admin"])
async def show_team(
    request: Request[Any, Any, Any], services: NamedDependency[Services], called: FromPath[str]
) -> Response[TeamView]:
    """All that was said of it."""
    accounts = _accounts(request, services)
    return Response(team_view(await _called(lambda: find_team(accounts, called))), headers=NO_STORE)


@patch("/admin/teams/{called:str}", summary="Change a team", tags=["admin"], operation_class=TeamOperation)
async def change_team(
    request: Request[Any, Any, Any], services: NamedDependency[Services], called: FromPath[str]
) -> Response[TeamView]:
    """What is not given stays; null brings a default back. It holds from the next request on, for all its keys."""
    accounts = _accounts(request, services)
    given = await _body(request, services)
    return Response(
        team_view(await _called(lambda: accounts.change_team(find_team(accounts, called).id, given))), headers=NO_STORE
    )


@delete("/admin/teams/{called:str}", status_code=200, summary="Delete a team, and revoke its keys", tags=["admin"])
async def delete_team(
    request: Request[Any, Any, Any], services: NamedDependency[Services], called: FromPath[str]
) -> Response[TeamView]:
    """At once and for good. Its requests stay in the ledger, under its id."""
    accounts = _accounts(request, services)
    team, _ = await _called(lambda: accounts.delete_team(find_team(accounts, called).id))
    return Response(team_view(team), headers=NO_STORE)


ADMIN_HANDLERS = (
    create_key,
    list_keys,
    show_key,
    change_key,
    rotate_key,
    revoke_key,
    create_team,
    list_teams,
    show_team,
    change_team,
    delete_team,
)


def _accounts(request: Request[Any, Any, Any], services: Services) -> Accounts:
    """Keys and teams, for whoever may have them: asked before the body is read.

    Raises:
        ApiError: the caller may not.
    """
    require_admin(services.doorman.admit(request.headers))
    return services.accounts


async def _body(request: Request[Any, Any, Any], services: Services) -> bytes:
    return await read_body(request, limit=MAX_FORM_BYTES, patience_s=services.settings.body_timeout_s)


async def _called(call: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(call)
    except DatabaseError as error:
        raise KeysUnavailable(f"Keys and teams cannot be read or changed by now. {error}") from error


def _rotation(body: bytes) -> Rotation:
    try:
        return msgspec.json.decode(body or b"{}", type=Rotation)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest('Send {"grace_s": 3600}, or nothing to end the secret before at once.') from None


def _now() -> datetime:
    return datetime.now(UTC)
