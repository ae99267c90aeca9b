"""The dial over real sockets: what it tells of the last requests, and what setting it does. Attackers set nothing."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from router.app import create_app
from router.configured.secret import Secret
from router.errors import LedgerError
from router.http.console import dial as handlers
from router.http.services import Services
from router.http.turns import MOST_WAITING
from router.ledger.decided import PastRequest
from router.settings import Settings, Sources
from router.upstream.scripted import ScriptedServer
from tests.ledger.support import a_row
from tests.live import LiveServer, live_server

DIAL = "/console/api/dial"
CHAT = "/v1/chat/completions"
MASTER, SHARED = "master-key", "shared-key"
NOWHERE = "http://127.0.0.1:9/v1"
MODELS: dict[str, Any] = {
    "weak_url": NOWHERE,
    "weak_model": "small",
    "strong_url": NOWHERE,
    "strong_model": "big",
    "cache": False,
}
COMMENTED = "# how bold we are\nthreshold = 0.25  # for now\n"


@asynccontextmanager
async def server(
    home: Path, *, rows: int = 0, sources: Sources | None = None, **settings: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, Services]]:
    """A client of a server with these settings, whose ledger has rows with rising win rates, every other one strong."""
    app = create_app(Settings(home=str(home), **MODELS, **settings), environ={}, sources=sources)
    services = app.state.services
    written = []
    for number in range(rows):
        went = "strong" if number % 2 else "weak"
        row = a_row(
            f"req-{number}",
            artifact=services.gateway.in_use.artifact,
            win_rate=0.7 + number / 1_000,
            route=went,
            cost_usd=Decimal("0.002") if went == "strong" else Decimal("0.0001"),
            baseline_cost_usd=Decimal("0.002"),
            uncertain_usd=Decimal(0) if went == "strong" else Decimal("0.0015"),
        )
        written.append(services.gateway.ledger.submit(row))
    for each in written:
        await each
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8080") as client:
        yield client, services
    await app.state.gateway.ledger.aclose()


def bearing(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def followed(file: Path, **environ: str) -> Sources:
    return Sources(config=file, environ=environ)


# What it tells.


async def test_figures_are_made_one_at_a_time_and_of_many_who_ask_some_are_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work, most_at_work, may_go_on = 0, 0, threading.Event()
    made = handlers._view

    def slow(*given: Any) -> Any:
        nonlocal at_work, most_at_work
        at_work += 1
        most_at_work = max(most_at_work, at_work)
        may_go_on.wait(60)
        at_work -= 1
        return made(*given)

    monkeypatch.setattr(handlers, "_view", slow)
    file = tmp_path / "underdog.toml"
    file.write_text(COMMENTED)
    async with server(tmp_path, rows=20, sources=followed(file)) as (client, _):
        asked = [asyncio.create_task(client.get(DIAL)) for _ in range(MOST_WAITING + 5)]
        refused = [await each for each in itertools.islice(asyncio.as_completed(asked), 5)]
        setting = asyncio.create_task(client.put(DIAL, json={"threshold": 0.5}))
        may_go_on.set()
        statuses = [(await each).status_code for each in asked]
        assert (await setting).status_code == 200
    assert {each.status_code for each in refused} == {429}
    assert (statuses.count(200), statuses.count(429), most_at_work) == (MOST_WAITING, 5, 1)


async def test_it_tells_the_artifacts_curve_its_points_and_where_the_threshold_comes_from(tmp_path: Path) -> None:
    async with server(tmp_path) as (client, services):
        answer = await client.get(DIAL)
    told, dial = answer.json(), services.gateway.in_use.dial
    assert answer.headers["cache-control"] == "no-store"
    assert told["curve"]["threshold"] == dial.curve.threshold.tolist()
    assert set(told["points"]) == {"cheap", "balanced", "best"}
    assert told["threshold"] == dial.default
    assert (told["threshold_from"], told["threshold_place"]) == ("default", None)
    assert (told["may_apply"], told["own"], told["left_out"]) == (False, None, {})
    assert "follows no settings' file" in told["why_not"]


async def test_it_tells_what_the_last_requests_would_have_cost_at_every_threshold(tmp_path: Path) -> None:
    prices = [{"model": "small", "input": 1, "output": 2}]
    settings = json.dumps(prices)
    async with server(tmp_path, rows=100, prices=Sources(environ={"UNDERDOG_PRICES": settings}).read().prices) as (
        client,
        services,
    ):
        own = (await client.get(DIAL, params={"last": 60})).json()["own"]
        in_use = services.gateway.in_use.dial
    k = len(own["threshold"])
    assert own["n"] == 60
    assert 150 <= k <= 210
    assert (own["threshold"][0], own["threshold"][-1]) == (0.0, 1.0)
    assert in_use.default in own["threshold"]
    for name in ("strong_share", "quality", "quality_low", "quality_high"):
        assert len(own[name]) == k
        assert own[name] == sorted(own[name], reverse=True)
    costs = [Decimal(cost) for cost in own["cost_usd"]]
    assert costs == sorted(costs, reverse=True)
    # Every request costs the strong model the same 0.002, be it told by the ledger or by what it did cost.
    assert Decimal(own["all_strong_usd"]) == costs[0] == 60 * Decimal("0.002")
    small = 12 * Decimal("0.000001") + 34 * Decimal("0.000002")
    assert Decimal(own["all_weak_usd"]) == costs[-1] == 30 * Decimal("0.0001") + 30 * small
    assert own["actual"]["strong_share"] == 0.5
    assert Decimal(own["actual"]["cost_usd"]) == 30 * Decimal("0.002") + 30 * Decimal("0.0001")
    for low, point, high in zip(own["cost_low_usd"], own["cost_usd"], own["cost_high_usd"], strict=True):
        assert Decimal(low) <= Decimal(point) <= Decimal(high)


async def test_what_no_threshold_moves_is_left_out_and_counted(tmp_path: Path) -> None:
    async with server(tmp_path, rows=10) as (client, services):
        for number, changes in enumerate(
            (
                {"reason": "pinned"},
                {"reason": "rule", "rule": "mine"},
                {"cache": "exact"},
                {"cache": "semantic"},
                {"outcome": "error", "status": 502},
                {"artifact": "default/0"},
                {"reason": "embeddings", "route": None, "win_rate": None},
            )
        ):
            label = {"artifact": services.gateway.in_use.artifact, "uncertain_usd": Decimal(0)}
            await services.gateway.ledger.record(a_row(f"odd-{number}", **{**label, **changes}))
        told = (await client.get(DIAL)).json()
    expected = {"pinned": 1, "rule": 1, "cache": 2, "error": 1, "other-artifact": 1, "embeddings": 1}
    assert told["left_out"] == told["own"]["left_out"] == expected
    assert told["own"]["n"] == 10


async def test_amounts_are_null_where_no_price_is_known_and_the_rest_stands(tmp_path: Path) -> None:
    async with server(tmp_path) as (client, services):
        row = a_row(artifact=services.gateway.in_use.artifact, cost_usd=None, baseline_cost_usd=None)
        await services.gateway.ledger.record(row)
        own = (await client.get(DIAL)).json()["own"]
    assert own["cost_usd"] is own["cost_low_usd"] is own["all_strong_usd"] is own["actual"]["cost_usd"] is None
    assert own["quality"][0] == 1.0


@pytest.mark.parametrize("last", ["0", "20001", "-1", "many", "1.5", "nan"])
async def test_a_number_of_requests_that_is_none_is_refused(tmp_path: Path, last: str) -> None:
    async with server(tmp_path) as (client, _):
        assert (await client.get(DIAL, params={"last": last})).status_code == 400
        assert (await client.get(DIAL, params={"limit": "5"})).status_code == 400


# Setting it.


@pytest_asyncio.fixture
async def model() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(model="any") as started:
        yield started


@asynccontextmanager
async def running(home: Path, model: ScriptedServer, file: Path, **environ: str) -> AsyncIterator[LiveServer]:
    urls = ["--weak-url", model.base_url, "--weak-model", "weak", "--strong-url", model.base_url]
    arguments = [*urls, "--strong-model", "strong", "--config", str(file), "--no-cache"]
    async with live_server(home, *arguments, environ=environ) as started:
        yield started


async def decided_by(http: httpx.AsyncClient) -> tuple[str, str]:
    answer = await http.post(CHAT, json={"messages": [{"role": "user", "content": "Good morning!"}]})
    return answer.headers["x-router-threshold"], answer.headers["x-router-route"]


async def test_the_next_request_is_decided_by_what_was_set_and_so_is_it_after_a_restart(
    tmp_path: Path, model: ScriptedServer
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(COMMENTED)
    async with running(tmp_path / "home", model, file) as started, started.http() as http:
        assert await decided_by(http) == ("0.2500", "strong")
        before = (await http.get(DIAL)).json()
        assert (before["threshold_from"], before["threshold_place"]) == ("file", f"{file}, line 2")
        assert (before["may_apply"], before["why_not"], before["own"]["n"]) == (True, None, 1)
        answer = await http.put(DIAL, json={"threshold": 0.987654321})
        assert answer.status_code == 200, answer.text
        assert answer.json()["threshold"] == 0.987654321
        assert await decided_by(http) == ("0.9877", "weak")
        assert (await http.get("/health")).json()["settings"]["state"] == "in use"
    assert file.read_text() == COMMENTED.replace("0.25", "0.987654321")
    async with running(tmp_path / "home", model, file) as again, again.http() as http:
        assert await decided_by(http) == ("0.9877", "weak")
        assert (await http.get(DIAL)).json()["threshold"] == 0.987654321


async def test_where_there_is_no_file_yet_one_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with server(tmp_path / "home", sources=Sources(environ={}, flags=MODELS)) as (client, services):
        assert (await client.get(DIAL)).json()["may_apply"] is True
        answer = await client.put(DIAL, json={"threshold": 0})
        assert (answer.status_code, answer.json()["threshold_from"]) == (200, "file")
        assert services.gateway.in_use.dial.default == 0.0
    assert (tmp_path / "underdog.toml").read_text() == "threshold = 0.0\n"


@pytest.mark.parametrize(
    "body",
    [
        "NaN",
        '{"threshold": NaN}',
        '{"threshold": Infinity}',
        '{"threshold": 1e999}',
        '{"threshold": -0.0001}',
        '{"threshold": 1.0001}',
        '{"threshold": "0.5"}',
        '{"threshold": true}',
        '{"threshold": null}',
        '{"threshold": [0.5]}',
        '{"threshold": 0.5, "api_key": "mine"}',
        '{"threshold": 0.5}, {}',
        "{}",
        "",
        "0.5",
        "\x00",
        '{"threshold": 0.5' + " " * 2_000 + "}",
    ],
)
async def test_nonsense_is_refused_and_changes_nothing(tmp_path: Path, body: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(COMMENTED)
    async with server(tmp_path / "home", sources=followed(file), threshold=0.25) as (client, services):
        answer = await client.put(DIAL, content=body)
        assert answer.status_code in (400, 413)
        assert answer.json()["error"]["message"]
        assert services.settings.threshold == 0.25
    assert file.read_text() == COMMENTED


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"host": "rebound.evil.example"},
    ],
)
async def test_no_page_of_another_site_sees_or_sets_it(tmp_path: Path, headers: dict[str, str]) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(COMMENTED)
    async with server(tmp_path / "home", sources=followed(file)) as (client, _):
        assert (await client.get(DIAL, headers=headers)).status_code == 403
        assert (await client.put(DIAL, json={"threshold": 0.5}, headers=headers)).status_code == 403
        allowed = await client.options(DIAL, headers={**headers, "access-control-request-method": "PUT"})
        assert "access-control-allow-origin" not in allowed.headers
    assert file.read_text() == COMMENTED


async def test_who_has_no_key_or_a_key_of_the_database_neither_sees_nor_sets_it(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(COMMENTED)
    keys = {"master_key": Secret(MASTER), "api_key": Secret(SHARED)}
    async with server(tmp_path / "home", sources=followed(file), **keys) as (client, _):
        made = await client.post("/admin/keys", json={"name": "ada"}, headers=bearing(MASTER))
        for headers, status in (({}, 401), (bearing("guess"), 401), (bearing(made.json()["key"]), 403)):
            assert (await client.get(DIAL, headers=headers)).status_code == status
            assert (await client.put(DIAL, json={"threshold": 0.5}, headers=headers)).status_code == status
        seen = (await client.get(DIAL, headers=bearing(SHARED))).json()
        assert (seen["may_apply"], "master key" in seen["why_not"]) == (False, True)
        assert (await client.put(DIAL, json={"threshold": 0.5}, headers=bearing(SHARED))).status_code == 403
        assert file.read_text() == COMMENTED
        assert (await client.get(DIAL, headers=bearing(MASTER))).json()["may_apply"] is True


async def test_what_comes_before_the_file_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(COMMENTED)
    flags = Sources(config=file, environ={}, flags={"threshold": "0.4"})
    for sources, source, place in (
        (flags, "flag", "--threshold"),
        (followed(file, UNDERDOG_THRESHOLD="0.4"), "environment", "UNDERDOG_THRESHOLD"),
    ):
        async with server(tmp_path / "home", sources=sources, threshold=0.4) as (client, _):
            told = (await client.get(DIAL)).json()
            assert (told["threshold"], told["threshold_from"], told["threshold_place"]) == (0.4, source, place)
            assert place in told["why_not"]
            answer = await client.put(DIAL, json={"threshold": 0.5})
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "cannot_apply")
            assert answer.json()["error"]["message"] == told["why_not"]
    assert file.read_text() == COMMENTED


async def test_a_file_with_a_mistake_is_to_be_mended_first(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(COMMENTED)
    async with server(tmp_path / "home", sources=followed(file), threshold=0.25) as (client, services):
        for mistake in ("retrys = 3\n", "retries = -3\n", "threshold = \n"):
            file.write_text(COMMENTED + mistake)
            answer = await client.put(DIAL, json={"threshold": 0.5})
            assert answer.status_code == 409
            assert file.read_text() == COMMENTED + mistake
            assert services.settings.threshold == 0.25


async def test_a_file_that_cannot_be_written_stays_and_so_does_what_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(COMMENTED)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    async with server(tmp_path / "home", sources=followed(file), threshold=0.25) as (client, services):
        answer = await client.put(DIAL, json={"threshold": 0.5})
        assert answer.status_code == 409
        assert "cannot be written (Permission denied)" in answer.json()["error"]["message"]
        assert services.gateway.in_use.dial.default == 0.25
    assert file.read_text() == COMMENTED


async def test_a_folder_that_cannot_be_written_is_named_before_anybody_tries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(COMMENTED)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    async with server(tmp_path / "home", sources=followed(file)) as (client, _):
        told = (await client.get(DIAL)).json()
        assert (told["may_apply"], str(tmp_path) in told["why_not"]) == (False, True)
        assert (await client.put(DIAL, json={"threshold": 0.5})).status_code == 409
    assert file.read_text() == COMMENTED


async def test_it_is_set_also_while_the_ledger_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(COMMENTED)

    async def away(_: int) -> list[PastRequest]:
        raise LedgerError("The ledger is away.")

    async with server(tmp_path / "home", rows=3, sources=Sources(config=file, environ={}, flags=MODELS)) as (
        client,
        services,
    ):
        monkeypatch.setattr(services.gateway.ledger, "decided", away)
        assert (await client.get(DIAL)).status_code == 503
        answer = await client.put(DIAL, json={"threshold": 0.5})
        assert (answer.status_code, answer.json()["threshold"], answer.json()["own"]) == (200, 0.5, None)
        assert "cannot be read just now" in answer.json()["note"]


async def test_of_many_who_set_it_at_once_the_last_one_stands_in_the_file_and_in_use(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(COMMENTED)
    sources = Sources(config=file, environ={}, flags=MODELS)
    async with server(tmp_path / "home", sources=sources) as (client, services):
        wishes = [number / 10 for number in range(1, 10)]
        answers = await asyncio.gather(*(client.put(DIAL, json={"threshold": wish}) for wish in wishes))
        assert [answer.status_code for answer in answers] == [200] * len(wishes)
        assert services.settings.threshold in wishes
        assert file.read_text() == COMMENTED.replace("0.25", str(services.settings.threshold))


async def test_one_of_several_servers_says_that_the_others_have_files_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with server(tmp_path) as (client, services):
        assert (await client.get(DIAL)).json()["note"] is None
        monkeypatch.setattr(services.replicas, "status", lambda: "shared")
        assert "Each server follows a settings' file of its own" in (await client.get(DIAL)).json()["note"]
