"""Keys and teams, seen over HTTP: with the official client, with the master key, and without either."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer
from tests.e2e.keyed import MASTER, SHARED, Visitor, visiting
from tests.live import EASY, LiveServer, routed

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def closed(
    tmp_path_factory: pytest.TempPathFactory, weak: ScriptedServer, strong: ScriptedServer
) -> AsyncIterator[LiveServer]:
    environ = {
        "UNDERDOG_MASTER_KEY": MASTER,
        "UNDERDOG_API_KEY": SHARED,
        "UNDERDOG_DEPLOYMENTS": json.dumps([{"route": "named", "model": "special", "url": strong.base_url}]),
        "UNDERDOG_ALIASES": '{"house": "special"}',
    }
    async with routed(tmp_path_factory.mktemp("closed"), weak, strong, **environ) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def visitor(closed: LiveServer) -> AsyncIterator[Visitor]:
    async with visiting(closed) as one:
        yield one


async def test_the_official_client_asks_with_a_key_and_the_ledger_says_whose(visitor: Visitor) -> None:
    team = await visitor.team(name="search")
    key = await visitor.key(name="ci", team=team["id"], user="ann")
    async with visitor.server.client(api_key=key["key"]) as client:
        raw = await client.chat.completions.with_raw_response.create(
            model="auto", messages=[{"role": "user", "content": EASY}]
        )
    row = await visitor.server.ledger_row(raw.headers["x-request-id"])
    assert (row["key_id"], row["team"], row["user_id"]) == (key["id"], team["id"], "ann")
    assert row["tenant"] == f"team:{team['id']}"
    for secret, key_id in ((SHARED, "server"), (MASTER, "master")):
        answer = await visitor.chat(secret)
        row = await visitor.server.ledger_row(answer.headers["x-request-id"])
        assert (row["key_id"], row["tenant"], row["team"]) == (key_id, "local", None)


async def test_a_key_ends_at_once_whoever_ends_it(visitor: Visitor) -> None:
    by_http, by_command, rotated = [await visitor.key(name=name) for name in ("http", "command", "rotated")]
    for key in (by_http, by_command, rotated):
        assert (await visitor.chat(key["key"])).status_code == 200
    assert (await visitor.admin("DELETE", f"keys/{by_http['id']}")).json()["state"] == "revoked"
    await visitor.underdog("keys", "revoke", by_command["id"], "--yes")
    fresh = (await visitor.admin("POST", f"keys/{rotated['id']}/rotate")).json()
    for key, code in ((by_http, "key_revoked"), (by_command, "key_revoked"), (rotated, "invalid_api_key")):
        async with visitor.server.client(api_key=key["key"]) as client:
            with pytest.raises(openai.AuthenticationError) as caught:
                await client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "Hi"}])
        assert caught.value.code == code
    assert (await visitor.chat(fresh["key"])).status_code == 200


async def test_both_secrets_hold_through_a_grace(visitor: Visitor) -> None:
    key = await visitor.key()
    fresh = (await visitor.admin("POST", f"keys/{key['id']}/rotate", {"grace_s": 3600})).json()
    assert fresh["previous_until"] is not None
    for text in (key["key"], fresh["key"]):
        assert (await visitor.chat(text)).status_code == 200


async def test_a_made_key_is_let_in_by_a_running_server_at_once(visitor: Visitor) -> None:
    made = json.loads(await visitor.underdog("keys", "create", "--json"))
    assert (await visitor.chat(made["key"])).status_code == 200


async def test_the_admin_api_makes_lists_changes_and_ends(visitor: Visitor) -> None:
    team = await visitor.team(name="billing", budget_usd="1000.10", budget_time_zone="Europe/Berlin")
    key = await visitor.key(
        name="exact", team=team["id"], budget_usd=0.1, metadata={"cost_centre": "7"}, models=["auto", "gpt-*"]
    )
    assert (Decimal(team["budget_usd"]), Decimal(key["budget_usd"])) == (Decimal("1000.10"), Decimal("0.1"))
    shown = (await visitor.admin("GET", f"keys/{key['id']}")).json()
    assert shown == {name: value for name, value in key.items() if name != "key"}
    changed = (
        await visitor.admin("PATCH", f"keys/{key['id']}", {"budget_usd": "0.000000000000000001", "name": None})
    ).json()
    assert Decimal(changed["budget_usd"]) == Decimal("0.000000000000000001")
    assert changed["name"] is None
    assert changed["metadata"] == {"cost_centre": "7"}
    for called in (team["id"], "billing"):
        listed = (await visitor.admin("GET", f"keys?team={called}&limit=1")).json()
        assert [entry["id"] for entry in listed["data"]] == [key["id"]]
    assert (listed["object"], listed["has_more"], listed["last_id"]) == ("list", False, key["id"])
    for path in (f"keys/{key['id']}", f"keys/{key['label']}", "teams/billing"):
        assert (await visitor.admin("GET", path)).status_code == 200
    assert (await visitor.admin("PATCH", "teams/billing", {"blocked": True})).json()["blocked"] is True
    assert (await visitor.chat(key["key"])).json()["error"]["code"] == "team_blocked"
    assert (await visitor.admin("DELETE", f"teams/{team['id']}")).json()["deleted_at"] is not None
    assert (await visitor.admin("GET", f"keys?team={team['id']}")).json()["data"] == []
    assert len((await visitor.admin("GET", f"keys?team={team['id']}&revoked=yes")).json()["data"]) == 1
    assert (await visitor.admin("GET", "teams?name=billing")).json()["data"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "param"),
    [
        ("POST", "keys", {"requests_per_minute": 2**63}, 400, "requests_per_minute"),
        ("POST", "keys", {"budget_usd": "1e30"}, 400, "budget_usd"),
        ("POST", "keys", {"budget_usd": "NaN"}, 400, "budget_usd"),
        ("POST", "keys", {"budget": 3}, 400, "budget"),
        ("POST", "keys", {"team": "nobody"}, 400, "team"),
        ("POST", "keys", {"team": "'; DROP TABLE keys; --"}, 400, "team"),
        ("POST", "keys", {"admin": True}, 400, "admin"),
        ("POST", "keys", [], 400, None),
        ("POST", "keys", {"metadata": {"x": "y" * 100_000}}, 413, None),
        ("POST", "teams", {}, 400, "name"),
        ("GET", "keys?limit=0", None, 400, "limit"),
        ("GET", "keys?limit=99999999999999999999", None, 400, "limit"),
        ("GET", "keys?tem=a", None, 400, "tem"),
        ("GET", "keys?name=%00", None, 400, "name"),
        ("GET", "keys?team=nobody", None, 404, None),
        ("GET", "keys/nobody", None, 404, None),
        ("GET", "keys/%27%20OR%201%3D1%20--", None, 404, None),
        ("GET", "keys/%00", None, 404, None),
        ("DELETE", "keys/nobody", None, 404, None),
        ("PATCH", "teams/nobody", {}, 404, None),
        ("POST", "keys/nobody/rotate", {"grace_s": "NaN"}, 400, None),
        ("PUT", "keys", {}, 405, None),
    ],
)
async def test_what_is_wrong_is_named_and_never_a_fault(
    visitor: Visitor, method: str, path: str, body: Any, status: int, param: str | None
) -> None:
    answer = await visitor.admin(method, path, body)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["param"] == param
    assert error["message"]


@pytest.mark.parametrize(
    ("query", "said"),
    [("limit=0", "limit: must be at least 1."), ("tem=a", "unknown field 'tem'; did you mean 'team'?")],
)
async def test_a_wrong_condition_is_named_with_what_may_stand_there(visitor: Visitor, query: str, said: str) -> None:
    message = (await visitor.admin("GET", f"keys?{query}")).json()["error"]["message"]
    assert f"cannot be understood: {said} It may have 'name', 'after'" in message


async def test_what_an_operator_sees_is_kept_in_no_cache(visitor: Visitor) -> None:
    key = await visitor.key()
    for method, path in (
        ("GET", "keys"),
        ("GET", f"keys/{key['id']}"),
        ("GET", "teams"),
        ("DELETE", f"keys/{key['id']}"),
    ):
        assert (await visitor.admin(method, path)).headers["cache-control"] == "no-store"


ADMIN_PATHS = [
    ("POST", "keys"), ("GET", "keys"), ("GET", "keys/{id}"), ("PATCH", "keys/{id}"), ("DELETE", "keys/{id}"),
    ("POST", "keys/{id}/rotate"), ("POST", "teams"), ("GET", "teams"), ("GET", "teams/{team}"),
    ("PATCH", "teams/{team}"), ("DELETE", "teams/{team}"),
]  # fmt: skip


async def test_nobody_but_the_master_key_administers(visitor: Visitor) -> None:
    team = await visitor.team(name="ambitious")
    key = await visitor.key(team=team["id"])
    for method, path in ADMIN_PATHS:
        where = path.format(id=key["id"], team=team["id"])
        for caller, status, code in (
            (key["key"], 403, "admin_only"),
            (SHARED, 403, "admin_only"),
            (None, 401, "invalid_api_key"),
            (f"{MASTER}x", 401, "invalid_api_key"),
        ):
            answer = await visitor.admin(method, where, {"requests_per_minute": None}, key=caller)
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), (method, where)
    assert (await visitor.chat(key["key"])).status_code == 200
    assert (await visitor.admin("GET", f"keys/{key['id']}")).json()["state"] == "active"


async def test_a_team_shares_its_cache_and_nobody_else_has_a_look(visitor: Visitor) -> None:
    question = "What do the two of us share?"
    team = await visitor.team(name="sharers")
    ann, bob = [await visitor.key(team=team["id"], user=user) for user in ("ann", "bob")]
    eve = await visitor.key(team=(await visitor.team(name="others"))["id"])
    alone, also_alone = await visitor.key(), await visitor.key()
    first = await visitor.chat(ann["key"], question)
    assert first.headers["x-router-cache"] == "miss"
    assert (await visitor.chat(bob["key"], question)).headers["x-router-cache"] == "exact"
    for stranger in (eve, alone, also_alone):
        assert (await visitor.chat(stranger["key"], question)).headers["x-router-cache"] == "miss"
    for key in (SHARED, MASTER):
        assert (await visitor.chat(key, question)).headers["x-router-cache"] in ("miss", "exact")
    entry = (await visitor.ask("GET", "/cache/entries", ann["key"])).json()["entries"][0]["id"]
    seen_by_eve = (await visitor.ask("GET", "/cache/entries", eve["key"])).json()["entries"]
    assert entry not in [each["id"] for each in seen_by_eve]
    request_id = first.headers["x-request-id"]
    for stranger in (eve["key"], alone["key"], SHARED, MASTER):
        assert (await visitor.ask("GET", f"/cache/entries/{entry}", stranger)).status_code == 404
        assert (await visitor.ask("DELETE", f"/cache/entries/{entry}", stranger)).status_code == 404
        rating = {"request_id": request_id, "rating": "bad"}
        assert (await visitor.ask("POST", "/v1/feedback", stranger, json=rating)).status_code == 404
    assert (await visitor.ask("DELETE", "/cache/entries", eve["key"])).json()["evicted"] == 1
    assert (await visitor.chat(bob["key"], question)).headers["x-router-cache"] == "exact"
    rating = {"request_id": request_id, "rating": "good"}
    assert (await visitor.ask("POST", "/v1/feedback", bob["key"], json=rating)).status_code == 200


async def test_nobody_sees_figures_that_are_not_theirs(visitor: Visitor) -> None:
    team = await visitor.team(name="counted")
    key, other = await visitor.key(team=team["id"]), await visitor.key()
    await visitor.chat(key["key"], "Count me")
    tenant = f"team:{team['id']}"
    assert (await visitor.ask("GET", "/stats", key["key"])).json()["requests"] == 1
    assert (await visitor.ask("GET", "/stats", other["key"])).json()["requests"] == 0
    assert (await visitor.ask("GET", f"/stats?tenant={tenant}", MASTER)).json()["requests"] == 1
    assert (await visitor.ask("GET", f"/stats?tenant={tenant}", key["key"])).json()["requests"] == 1
    for caller in (other["key"], SHARED):
        assert (await visitor.ask("GET", f"/stats?tenant={tenant}", caller)).status_code == 403
    assert (await visitor.ask("GET", "/v1/usage", other["key"])).json()["total"]["requests"] == 0
    assert (await visitor.ask("GET", f"/v1/usage?key={key['id']}", MASTER)).json()["total"]["requests"] == 1
    for whose in (f"key={key['id']}", f"team={team['id']}", f"tenant={tenant}", "key=server", "tenant=local"):
        for caller in (other["key"], key["key"]) if whose in ("key=server", "tenant=local") else (other["key"],):
            assert (await visitor.ask("GET", f"/v1/usage?{whose}", caller)).status_code == 403
    for path in ("/metrics", "/cache/stats"):
        assert (await visitor.ask("GET", path, key["key"])).status_code == 403
        assert (await visitor.ask("GET", path, SHARED)).status_code == 200
        assert (await visitor.ask("GET", path, MASTER)).status_code == 200
        assert (await visitor.ask("GET", path, None)).status_code == 401


async def test_a_key_asks_for_the_models_on_its_list_alone(visitor: Visitor) -> None:
    key = (await visitor.key(models=["auto", "house"]))["key"]
    for model in ("auto", "auto:cheap", "special", "house", "router-mf-0.5"):
        assert (await visitor.chat(key, model=model)).status_code == 200, model
    async with visitor.server.client(api_key=key) as client:
        for model in ("strong", "strong-model", "weak-model", "local", "nothing-like-it"):
            with pytest.raises(openai.PermissionDeniedError, match="auto, house") as caught:
                await client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hi"}])
            assert (caught.value.code, caught.value.param) == ("model_not_allowed", "model")
        with pytest.raises(openai.PermissionDeniedError):
            await client.embeddings.create(model="text-embedding-3-large", input="Hi")
        with pytest.raises(openai.PermissionDeniedError):
            await client.responses.create(model="strong", input="Hi")
        listed = [model.id async for model in client.models.list()]
        assert {"auto", "auto:balanced", "special", "house"} <= set(listed)
        assert not {"weak", "strong", "weak-model", "strong-model"} & set(listed)
        assert (await client.models.retrieve("house")).id == "house"
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("strong-model")
    body = {"model": "strong", "messages": [{"role": "user", "content": "x"}]}
    assert (await visitor.ask("POST", "/v1/route", key, json=body)).status_code == 403
    nothing = (await visitor.key(models=[]))["key"]
    assert (await visitor.chat(nothing)).status_code == 403
    for headers in ({}, {"anthropic-version": "2023-06-01"}):
        assert (await visitor.ask("GET", "/v1/models", nothing, headers=headers)).json()["data"] == []


async def test_the_bounds_of_a_key_hold_against_whatever_is_asked_for(visitor: Visitor) -> None:
    key = (await visitor.key(min_threshold=1))["key"]
    for model in ("auto", "auto:best", "strong", "router-mf-0"):
        answer = await visitor.chat(key, f"Bound me, {model}", model=model)
        assert answer.headers["x-router-route"] == "weak", model
    answer = await visitor.chat(key, "Bound me, dial", query="?threshold=0")
    assert (answer.headers["x-router-route"], answer.headers["x-router-reason"]) == ("weak", "key")
    default = (await visitor.key(threshold=0))["key"]
    answer = await visitor.chat(default, "By default")
    assert (answer.headers["x-router-route"], float(answer.headers["x-router-threshold"])) == ("strong", 0.0)


async def test_two_servers_on_one_database_heed_each_other(
    tmp_path: Path, postgres_url: str, weak: ScriptedServer, strong: ScriptedServer
) -> None:
    environ = {"UNDERDOG_MASTER_KEY": MASTER, "UNDERDOG_DATABASE_URL": postgres_url}
    async with (
        routed(tmp_path / "here", weak, strong, **environ) as here,
        routed(tmp_path / "there", weak, strong, **environ) as there,
        visiting(here) as at_one,
        visiting(there) as at_the_other,
    ):
        key = await at_one.key()
        assert (await at_one.chat(key["key"])).status_code == 200
        assert await eventually(at_the_other, key["key"], 200)
        assert (await at_the_other.admin("DELETE", f"keys/{key['id']}")).status_code == 200
        assert (await at_the_other.chat(key["key"])).status_code == 401
        assert await eventually(at_one, key["key"], 401)


async def eventually(visitor: Visitor, key: str, status: int) -> bool:
    """Whether a key is answered with this status before long."""
    for _ in range(1000):
        if (await visitor.chat(key)).status_code == status:
            return True
        await asyncio.sleep(0.02)
    return False
