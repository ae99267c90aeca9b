"""What keys see of usage: their own, exactly, over real sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer
from tests.e2e.keyed import MASTER, Visitor, visiting
from tests.live import routed

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRICES = json.dumps(
    [{"model": "weak-model", "input": 1, "output": 1}, {"model": "strong-model", "input": 10, "output": 10}]
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def visitor(
    tmp_path_factory: pytest.TempPathFactory, weak: ScriptedServer, strong: ScriptedServer
) -> AsyncIterator[Visitor]:
    home = tmp_path_factory.mktemp("usage")
    async with (
        routed(home, weak, strong, UNDERDOG_MASTER_KEY=MASTER, UNDERDOG_PRICES=PRICES) as server,
        visiting(server) as one,
    ):
        yield one


async def usage(visitor: Visitor, key: str | None, query: str = "") -> Any:
    answer = await visitor.ask("GET", f"/v1/usage{query}", key)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_each_sees_its_own_and_the_master_key_all(visitor: Visitor) -> None:
    team = await visitor.team(name="research")
    ada = await visitor.key(name="ada", team=team["id"], user="ada")
    bob = await visitor.key(name="bob", team=team["id"], user="bob")
    eve = await visitor.key(name="eve")
    spent: dict[str, Decimal] = {}
    for key, times in ((ada, 1), (bob, 2), (eve, 3)):
        for number in range(times):
            answer = await visitor.chat(key["key"], f"Question {number} of {key['name']}?", model="strong")
            assert answer.status_code == 200
            cost = Decimal(answer.headers["x-router-cost-usd"])
            spent[key["name"]] = spent.get(key["name"], Decimal(0)) + cost

    for key, times in ((ada, 1), (bob, 2), (eve, 3)):
        report = await usage(visitor, key["key"], "?by=key,user,route")
        assert [row["by"]["key"] for row in report["rows"]] == [key["id"]]
        assert report["total"]["requests"] == times
        assert Decimal(report["total"]["cost_usd"]) == spent[key["name"]] > 0
        assert report["total"]["saved_usd"] == "0"

    for query in (f"?key={bob['id']}", "?user=bob", "?tenant=local", f"?team={team['id']}x"):
        refused = await visitor.ask("GET", f"/v1/usage{query}", ada["key"])
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "admin_only")
    assert (await visitor.ask("GET", "/v1/usage", None)).status_code == 401
    misspelt = await visitor.ask("GET", "/v1/usage?teams=research", MASTER)
    assert (misspelt.status_code, misspelt.json()["error"]["param"]) == (400, "teams"), "it must not become everybody's"
    twice = await visitor.ask("GET", "/v1/usage", ada["key"], headers={"x-api-key": bob["key"]})
    assert twice.status_code == 401

    for called in (team["id"], "research"):
        by_key = await usage(visitor, MASTER, f"?by=key&team={called}")
        assert {row["by"]["key"]: row["requests"] for row in by_key["rows"]} == {ada["id"]: 1, bob["id"]: 2}
    assert (await usage(visitor, MASTER, "?team=nobody"))["rows"] == []
    assert (await usage(visitor, MASTER))["total"]["requests"] == 6
    for called in (eve["id"], "eve"):
        told = json.loads(await visitor.underdog("report", "--by", "key", "--key", called, "--json"))
        assert [(row["by"]["key"], row["requests"]) for row in told["rows"]] == [(eve["id"], 3)]
    table = await visitor.underdog("report", "--by", "team,key", "--team", "research")
    assert "research" in table
    assert "ada" in table
    assert team["id"] not in table, "people know it by its name"

    rotated = (await visitor.admin("POST", f"keys/{ada['id']}/rotate", {})).json()
    assert (await visitor.ask("GET", "/v1/usage", ada["key"])).status_code in (200, 401)
    assert (await usage(visitor, rotated["key"]))["total"]["requests"] == 1, "a rotated key keeps its figures"


async def test_a_key_sees_what_is_left_of_its_own_budget_and_not_of_its_teams(visitor: Visitor) -> None:
    team = await visitor.team(name="thrifty", budget_usd="50")
    key = await visitor.key(name="dee", team=team["id"], budget_usd="1.5", budget_period="day")
    answer = await visitor.chat(key["key"], "What is left?", model="strong")
    cost = Decimal(answer.headers["x-router-cost-usd"])
    report = await usage(visitor, key["key"])
    (budget,) = report["budgets"]
    assert budget["scope"] == f"key:{key['id']}"
    assert (budget["usd"], Decimal(budget["spent_usd"]), budget["reserved_usd"]) == ("1.5", cost, "0")
    assert Decimal(budget["left_usd"]) == Decimal("1.5") - cost
    assert budget["starts"] < budget["ends"]
    for query in (f"?team={team['id']}", "?team=thrifty"):
        (budget,) = (await usage(visitor, MASTER, query))["budgets"]
        assert (budget["scope"], budget["usd"]) == (f"team:{team['id']}", "50")
        assert Decimal(budget["spent_usd"]) == cost
    both = (await usage(visitor, MASTER, "?team=thrifty&key=dee"))["budgets"]
    assert [budget["scope"] for budget in both] == [f"team:{team['id']}", f"key:{key['id']}"]
