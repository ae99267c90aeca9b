"""Who may look at the console, and who may change something: over HTTP, as an attacker would try it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from router import __version__
from router.app import create_app
from router.configured.secret import Secret
from router.errors import AdminOnly
from router.http.console.access import tuner, watcher
from router.http.services import Services
from router.settings import Settings

MASTER, SHARED = "master-key", "shared-key"
SESSION = "/console/api/session"


@asynccontextmanager
async def console(home: Path, **settings: Any) -> AsyncIterator[tuple[httpx.AsyncClient, Services]]:
    """A client of a server with these settings, and the parts behind it."""
    app = create_app(
        Settings(home=str(home), weak_url="http://127.0.0.1:9/v1", weak_model="small", cache=False, **settings)
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8080") as client:
        yield client, app.state.services
    await app.state.gateway.ledger.aclose()


def bearing(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def test_an_open_server_shows_it_to_whoever_is_on_its_machine(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, services):
        answer = await client.get(SESSION)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        in_use = services.gateway.in_use
        assert answer.json() == {
            "version": __version__,
            "artifact": in_use.artifact,
            "threshold": in_use.dial.default,
            "points": {name: point.threshold for name, point in in_use.dial.operating_points.items()},
            "models": {"weak": "small", "strong": None},
            "open": True,
            "may": {"tune": True, "administer": False},
            "keeps_prompts": False,
            "charts": True,
            "endpoints_base": "v1",
        }


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"host": "rebound.evil.example"},
        {"host": "rebound.evil.example:8080", "sec-fetch-site": "same-origin"},
        {"host": "localhost.evil.example"},
        {"host": ""},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://localhost:3000"},
        {"origin": "http://127.0.0.1:8080"},
        {"host": "192.168.1.5:8080", "origin": "http://localhost:8080"},
    ],
)
async def test_no_page_but_its_own_sees_it(tmp_path: Path, headers: dict[str, str]) -> None:
    async with console(tmp_path) as (client, _):
        answer = await client.get(SESSION, headers=headers)
        assert (answer.status_code, answer.json()["error"]["type"]) == (403, "invalid_request_error")


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "192.168.1.5:8080", "LocalHost"])
async def test_its_own_page_does_by_whatever_name_of_this_machine(tmp_path: Path, host: str) -> None:
    async with console(tmp_path) as (client, _):
        for own in ({}, {"sec-fetch-site": "same-origin", "origin": f"http://{host.lower()}"}):
            assert (await client.get(SESSION, headers={"host": host, **own})).status_code == 200


async def test_a_key_opens_it_from_wherever(tmp_path: Path) -> None:
    async with console(tmp_path, master_key=Secret(MASTER)) as (client, _):
        elsewhere = {"host": "underdog.example", "origin": "http://localhost:3000", "sec-fetch-site": "same-site"}
        assert (await client.get(SESSION, headers=bearing(MASTER) | elsewhere)).status_code == 200


async def test_a_closed_server_wants_its_own_key(tmp_path: Path) -> None:
    async with console(tmp_path, master_key=Secret(MASTER), api_key=Secret(SHARED)) as (client, _):
        for headers in ({}, bearing("wrong"), bearing("ud-unknown"), {"authorization": "Basic master-key"}):
            assert (await client.get(SESSION, headers=headers)).status_code == 401
        master = (await client.get(SESSION, headers=bearing(MASTER))).json()
        shared = (await client.get(SESSION, headers=bearing(SHARED))).json()
    assert (master["open"], master["may"]) == (False, {"tune": True, "administer": True})
    assert shared["may"] == {"tune": False, "administer": False}


async def test_a_key_of_the_database_sees_nothing_of_it_whatever_it_may_do(tmp_path: Path) -> None:
    async with console(tmp_path, master_key=Secret(MASTER)) as (client, _):
        for form in ({"name": "ada"}, {"name": "bob", "user": "bob", "models": ["*"]}):
            made = await client.post("/admin/keys", json=form, headers=bearing(MASTER))
            answer = await client.get(SESSION, headers=bearing(made.json()["key"]))
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "admin_only")


async def test_only_the_master_key_changes_anything_where_there_is_one(tmp_path: Path) -> None:
    async with console(tmp_path, api_key=Secret(SHARED)) as (_, services):
        assert tuner(services, bearing(SHARED)).key_id == "server"
        services.settings = replace(services.settings, master_key=Secret(MASTER))
        assert watcher(services, bearing(SHARED)).key_id == "server"
        with pytest.raises(AdminOnly):
            tuner(services, bearing(SHARED))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", SESSION),
        ("GET", "/console/api/requests"),
        ("GET", "/console/api/dial"),
        ("GET", "/cache/entries"),
        ("GET", "/console/api/requests/<b>"),
        ("GET", "/console/api/requests?limit=<b>"),
        ("GET", "/console/api/<b>"),
        ("GET", "/console/assets/<b>"),
        ("PATCH", SESSION),
        ("PUT", "/console/api/dial"),
        ("GET", "/console/api/live"),
    ],
)
async def test_no_answer_is_kept_by_a_cache_or_taken_for_a_page_not_even_an_error(
    tmp_path: Path, method: str, path: str
) -> None:
    async with console(tmp_path) as (client, _):
        for headers in [{"origin": "https://evil.example"}] + ([{}] if not path.endswith("live") else []):
            answer = await client.request(method, path, headers=headers)
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
