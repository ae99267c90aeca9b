"""``GET /v1/usage``: one's own figures, and nobody else's. Who asks is played; the rest is the server."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.app import create_app
from router.http.auth import Doorman
from router.ledger import Ledger
from router.principals import ANONYMOUS, Principal
from router.settings import Settings
from tests.ledger.support import a_row

CALLERS = {
    "ada": Principal(tenant="team:red", key_id="k-ada", team="red", user="ada"),
    "bob": Principal(tenant="team:red", key_id="k-bob", team="red", user="bob"),
    "eve": Principal(tenant="key:k-eve", key_id="k-eve"),
    "master": Principal(tenant="local", key_id="master", admin=True),
    "nobody": ANONYMOUS,
}
SPENT = {"ada": "0.1", "bob": "0.2", "eve": "0.4", "nobody": "0.8"}


@pytest.fixture
async def http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    """A server whose ledger has one request of each caller; the header ``x-caller`` says who asks."""

    def admit(_: Doorman, headers: Mapping[str, str]) -> Principal:
        return CALLERS[headers["x-caller"]]

    monkeypatch.setattr(Doorman, "admit", admit)
    app = create_app(Settings(home=str(tmp_path), weak_url="http://127.0.0.1:9/v1", weak_model="m", cache=False))
    ledger: Ledger = app.state.gateway.ledger
    for name, usd in SPENT.items():
        who = CALLERS[name]
        names = {"tenant": who.tenant, "key_id": who.key_id, "team": who.team, "user_id": who.user}
        await ledger.record(a_row(name, cost_usd=Decimal(usd), **names))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        yield client
    await ledger.aclose()


async def usage(http: httpx.AsyncClient, caller: str, **query: Any) -> Any:
    answer = await http.get("/v1/usage", params=query, headers={"x-caller": caller})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_caller_sees_its_own_key_and_nothing_else(http: httpx.AsyncClient) -> None:
    for caller, by in itertools.product(SPENT, ("", "key", "team,user", "tenant", "day")):
        report = await usage(http, caller, **({"by": by} if by else {}))
        assert report["total"]["cost_usd"] == SPENT[caller]
        assert report["total"]["requests"] == 1
        assert len(report["rows"]) == 1


async def test_the_master_key_sees_all_and_whom_it_asks_for(http: httpx.AsyncClient) -> None:
    assert (await usage(http, "master"))["total"]["cost_usd"] == "1.5"
    assert (await usage(http, "master", team="red"))["total"]["cost_usd"] == "0.3"
    assert (await usage(http, "master", key="k-eve"))["total"]["cost_usd"] == "0.4"
    by_user = await usage(http, "master", by="user")
    assert {row["by"]["user"]: row["cost_usd"] for row in by_user["rows"]} == {"ada": "0.1", "bob": "0.2", None: "1.2"}


OTHERS: list[dict[str, str]] = [
    {"key": "k-bob"},
    {"key": "master"},
    {"key": ""},
    {"key": "' OR '1'='1"},
    {"user": "bob"},
    {"team": "blue"},
    {"team": ""},
    {"tenant": "key:k-eve"},
    {"tenant": "local"},
    {"key": "K-ADA"},
    {"key": "k-ada "},
    {"key": "%"},
]


async def test_anothers_usage_is_refused(http: httpx.AsyncClient) -> None:
    for query in OTHERS:
        answer = await http.get("/v1/usage", params=query, headers={"x-caller": "ada"})
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "admin_only"
        assert answer.json()["error"]["param"] == next(iter(query))


async def test_ones_own_names_may_be_said_and_widen_nothing(http: httpx.AsyncClient) -> None:
    report = await usage(http, "ada", key="k-ada", team="red", user="ada", tenant="team:red")
    assert report["total"]["cost_usd"] == "0.1"


async def test_a_name_that_is_said_twice_does_not_slip_past(http: httpx.AsyncClient) -> None:
    for query in ("key=k-ada&key=k-bob", "key=k-bob&key=k-ada", "key=k-ada&Key=k-bob", "key[]=k-bob"):
        answer = await http.get(f"/v1/usage?{query}", headers={"x-caller": "ada"})
        assert answer.status_code in (200, 400, 403)
        if answer.status_code == 200:
            assert answer.json()["total"]["cost_usd"] == "0.1"


SILLY: list[dict[str, str]] = [
    {"since": "yesterday"},
    {"since": "0000-00-00"},
    {"since": "9999-12-31T23:59:59+00:00"},
    {"until": "-271821-04-20"},
    {"since": "99999999999999999999"},
    {"since": "2026-01-02", "until": "2026-01-01"},
    {"tz": "../../../etc/passwd"},
    {"tz": "Europe/Berlin\x00"},
    {"tz": ""},
    {"by": "day,week"},
    {"by": "key); DROP TABLE quarters; --"},
    {"by": "request_id"},
    {"model": "x" * 10_000},
]


async def test_a_silly_question_is_the_callers_mistake(http: httpx.AsyncClient) -> None:
    for query in SILLY:
        answer = await http.get("/v1/usage", params=query, headers={"x-caller": "ada"})
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["type"] == "invalid_request_error"
        assert (await usage(http, "ada"))["total"]["requests"] == 1


async def test_sql_in_a_name_is_a_name(http: httpx.AsyncClient) -> None:
    report = await usage(http, "ada", model="smollm2' OR 1=1; DROP TABLE quarters; --", route="%")
    assert report["total"]["requests"] == 0
    assert (await usage(http, "ada", model="smollm2", route="weak"))["total"]["requests"] == 1


async def test_the_report_says_what_it_rests_on(http: httpx.AsyncClient) -> None:
    report = await usage(http, "ada", since="2026-11-01", until="2026-12-01", tz="Europe/Berlin", by="day")
    assert (report["time_zone"], report["grouped_by"]) == ("Europe/Berlin", ["day"])
    assert report["since"] == "2026-11-01T00:00:00+01:00"
    assert report["baseline_lengths"] == ["0.62", "2.79"]
    assert report["rows"][0]["by"] == {"day": "2026-11-22"}


async def test_the_description_has_it(http: httpx.AsyncClient) -> None:
    described = (await http.get("/openapi/openapi.json")).json()["paths"]["/v1/usage"]["get"]
    names = {parameter["name"] for parameter in described["parameters"]}
    assert names == {"since", "until", "by", "tz", "model", "route", "tenant", "team", "key", "user"}


async def test_statistics_are_the_tenants_own_and_all_for_the_master_key(http: httpx.AsyncClient) -> None:
    counts = {}
    for caller in ("ada", "eve", "nobody", "master"):
        counts[caller] = (await http.get("/stats", headers={"x-caller": caller})).json()["requests"]
    assert counts == {"ada": 2, "eve": 1, "nobody": 1, "master": 4}
