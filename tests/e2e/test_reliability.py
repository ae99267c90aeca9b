"""What a caller sees of deployments, retries, fallbacks, limits and a server that stops; against a live server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, HARD, LiveServer, live_server, routed

PATH = "/v1/chat/completions"
UNUSED = "http://127.0.0.1:9/v1"
TOO_LONG = Turn(
    status=400,
    error_body='{"error": {"message": "This model\'s maximum context length is 8 tokens.", "type": "invalid"}}',
)
FILTERED = Turn(status=400, error_body='{"error": {"message": "No.", "code": "content_filter"}}')


def asking(text: str = EASY, **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **fields}


def deployment(route: str, server: ScriptedServer | str, name: str, **fields: Any) -> dict[str, Any]:
    url = server if isinstance(server, str) else server.base_url
    return {"route": route, "url": url, "model": f"{name}-model", "name": name, **fields}


@asynccontextmanager
async def deployed(home: Path, *deployments: dict[str, Any], **settings: str) -> AsyncIterator[LiveServer]:
    environ = {"UNDERDOG_DEPLOYMENTS": json.dumps(deployments)}
    environ |= {f"UNDERDOG_{name.upper()}": value for name, value in settings.items()}
    async with live_server(home, environ=environ) as server:
        yield server


async def test_a_failing_deployment_is_hidden_and_the_answer_says_who_gave_it(tmp_path: Path) -> None:
    async with (
        ScriptedServer(turns=[Turn(status=500)]) as bad,
        ScriptedServer(turns=[Turn(reply="Paris.")]) as good,
        deployed(tmp_path, deployment("weak", bad, "bad"), deployment("weak", good, "good"), cache="false") as server,
        server.http() as http,
    ):
        answers = [await http.post(PATH, json=asking(stream=bool(n % 2))) for n in range(10)]
        health = (await http.get("/health")).json()
        metrics = (await http.get("/metrics")).text
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["x-router-deployment"] for answer in answers} == {"good"}
    assert {answer.headers["x-router-model"] for answer in answers} == {"good-model"}
    attempts = [int(answer.headers["x-router-attempts"]) for answer in answers]
    assert set(attempts) == {1, 2}
    rows = server.ledger_rows()
    assert [(row["status"], row["outcome"], row["model"]) for row in rows] == [(200, "ok", "good-model")] * 10
    assert {row["request_id"] for row in rows} == {answer.headers["x-request-id"] for answer in answers}
    assert [each["deployment"] for each in health["upstreams"]["weak"]["deployments"]] == ["bad", "good"]
    retried = sum(attempts) - 10
    assert (
        f'underdog_deployment_failures_total{{route="weak",deployment="bad",kind="server-error"}} {retried}' in metrics
    )
    assert f'underdog_upstream_retries_total{{route="weak",outcome="made"}} {retried}' in metrics
    assert 'underdog_deployment_requests_total{route="weak",deployment="good"} 10' in metrics


async def test_an_upstreams_500_is_a_bad_gateway_to_the_caller(tmp_path: Path) -> None:
    async with (
        ScriptedServer(turns=[Turn(status=500, error_message="Boom.")]) as weak,
        routed(tmp_path, weak, None, "--retries", "1") as server,
        server.http() as http,
    ):
        answer = await http.post(PATH, json=asking())
    assert (answer.status_code, answer.json()["error"]["message"]) == (502, "Boom.")
    assert answer.headers["x-router-attempts"] == "2"
    assert "x-router-deployment" not in answer.headers


async def test_a_key_that_was_rejected_shows_in_health_and_nowhere_by_its_value(tmp_path: Path) -> None:
    async with (
        ScriptedServer(api_key="sk-right") as strict,
        deployed(tmp_path, deployment("weak", strict, "strict", api_key="sk-marked-secret")) as server,
        server.http() as http,
    ):
        answer = await http.post(PATH, json=asking())
        health = await http.get("/health")
        ready = await http.get("/ready")
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "upstream_key_rejected"
    assert "sk-marked-secret" not in answer.text + health.text + ready.text
    assert health.json()["upstreams"]["weak"]["deployments"][0]["resting_s"] > 0
    assert (health.status_code, ready.status_code) == (200, 503)


# Fallbacks.


@pytest.mark.parametrize("stream", [False, True])
async def test_a_prompt_too_long_for_one_model_goes_to_the_other(tmp_path: Path, stream: bool) -> None:
    async with (
        ScriptedServer(turns=[TOO_LONG]) as weak,
        ScriptedServer(turns=[Turn()]) as strong,
        routed(tmp_path, weak, strong) as server,
        server.http() as http,
    ):
        answer = await http.post(f"{PATH}?threshold=1", json=asking(stream=stream))
        pinned = await http.post(PATH, json=asking(model="weak"))
        row = await server.ledger_row(answer.headers["x-request-id"])
    assert (answer.status_code, answer.headers["x-router-reason"]) == (200, "context-fallback")
    assert (answer.headers["x-router-model"], answer.headers["x-router-attempts"]) == ("strong-model", "2")
    assert (row["route"], row["model"], row["reason"]) == ("strong", "strong-model", "context-fallback")
    assert (pinned.status_code, len(weak.chats)) == (400, 2)


async def test_a_prompt_too_long_for_both_gets_the_first_models_own_words(tmp_path: Path) -> None:
    other = Turn(status=400, error_message="prompt is too long: 9 tokens > 8 maximum")
    async with (
        ScriptedServer(turns=[TOO_LONG]) as weak,
        ScriptedServer(turns=[other]) as strong,
        routed(tmp_path, weak, strong) as server,
        server.http() as http,
    ):
        answer = await http.post(f"{PATH}?threshold=1", json=asking())
    assert (answer.status_code, answer.headers["x-router-route"]) == (400, "weak")
    assert "8 tokens" in answer.json()["error"]["message"]
    assert len(server.ledger_rows()) == 1


FILTERED_ANSWER = Turn(reply="I", finish_reason="content_filter")


@pytest.mark.parametrize("turn", [FILTERED, FILTERED_ANSWER], ids=["refused", "cut off"])
async def test_a_filtered_request_goes_elsewhere_only_where_the_operator_says_so(tmp_path: Path, turn: Turn) -> None:
    fallbacks = {"UNDERDOG_CONTENT_FILTER_FALLBACKS": '["no-such-model", "strong-model"]'}
    async with ScriptedServer(turns=[turn]) as weak, ScriptedServer(turns=[Turn(reply="Fine.")]) as strong:
        async with routed(tmp_path / "none", weak, strong) as server, server.http() as http:
            alone = await http.post(f"{PATH}?threshold=1", json=asking())
        async with routed(tmp_path / "some", weak, strong, **fallbacks) as server, server.http() as http:
            moved = await http.post(f"{PATH}?threshold=1", json=asking())
        assert len(strong.chats) == 1
    if turn is FILTERED:
        assert alone.json()["error"]["code"] == "content_filter"
    else:
        assert alone.json()["choices"][0]["finish_reason"] == "content_filter"
    assert (moved.status_code, moved.headers["x-router-reason"]) == (200, "content-filter-fallback")
    assert moved.json()["choices"][0]["message"]["content"] == "Fine."
    assert [row["model"] for row in server.ledger_rows()] == ["strong-model"]


async def test_where_the_filters_fallback_fails_too_the_first_answer_stands(tmp_path: Path) -> None:
    fallbacks = {"UNDERDOG_CONTENT_FILTER_FALLBACKS": '["strong"]'}
    async with (
        ScriptedServer(turns=[FILTERED_ANSWER]) as weak,
        ScriptedServer(turns=[Turn(status=400)]) as strong,
        routed(tmp_path, weak, strong, **fallbacks) as server,
        server.http() as http,
    ):
        answer = await http.post(f"{PATH}?threshold=1", json=asking())
    assert (answer.status_code, answer.headers["x-router-reason"]) == (200, "win-rate")
    assert answer.headers["x-router-model"] == "weak-model"
    assert [row["model"] for row in server.ledger_rows()] == ["weak-model"]


async def test_no_fallback_means_none_for_long_prompts_either(tmp_path: Path) -> None:
    async with (
        ScriptedServer(turns=[TOO_LONG]) as weak,
        ScriptedServer() as strong,
        routed(tmp_path, weak, strong, "--no-fallback") as server,
        server.http() as http,
    ):
        answer = await http.post(f"{PATH}?threshold=1", json=asking())
    assert (answer.status_code, strong.chats) == (400, [])


async def test_a_weak_model_that_fails_is_stood_in_for_by_the_strong_one(tmp_path: Path) -> None:
    async with (
        ScriptedServer() as strong,
        deployed(tmp_path, deployment("weak", UNUSED, "w"), deployment("strong", strong, "s")) as server,
        server.http() as http,
    ):
        answers = [await http.post(f"{PATH}?threshold=1", json=asking(seed=n)) for n in range(4)]
    assert {(answer.status_code, answer.headers["x-router-reason"]) for answer in answers} == {(200, "weak-failed")}
    # Once its circuit is open, the weak model costs no more attempts.
    assert [int(answer.headers["x-router-attempts"]) for answer in answers] == [4, 3, 1, 1]


# Limits, readiness, the end.


async def test_one_request_more_than_there_is_room_for_is_turned_away_at_once(tmp_path: Path) -> None:
    slow = Turn(reply="word " * 20, piece_delay_ms=100)
    async with (
        ScriptedServer(turns=[slow]) as weak,
        routed(tmp_path, weak, None, "--max-concurrent-requests", "2", "--no-cache") as server,
        server.http() as http,
    ):
        running = [asyncio.create_task(http.post(PATH, json=asking(stream=True))) for _ in range(2)]
        async with asyncio.timeout(10):
            while len(weak.chats) < 2:
                await asyncio.sleep(0.01)
        refused = await http.post(PATH, json=asking())
        assert (await http.get("/health")).status_code == 200
        meanwhile = (await http.get("/metrics")).text
        answers = [await task for task in running]
        after = await http.post(PATH, json=asking())
        in_the_end = (await http.get("/metrics")).text
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["error"]["code"] == "too_many_requests"
    assert [answer.status_code for answer in (*answers, after)] == [200, 200, 200]
    assert "\nunderdog_requests_in_flight 2\n" in meanwhile
    assert "\nunderdog_requests_in_flight_limit 2\n" in meanwhile
    assert "\nunderdog_requests_in_flight 0\n" in in_the_end
    assert sorted(row["status"] for row in server.ledger_rows()) == [200, 200, 200, 429]


async def test_ready_says_why_not_and_health_stays_alive(tmp_path: Path) -> None:
    async with (
        deployed(tmp_path, deployment("weak", UNUSED, "nobody")) as server,
        server.http() as http,
    ):
        ready, health = await http.get("/ready"), await http.get("/health")
    assert (ready.status_code, health.status_code) == (503, 200)
    assert ready.json() == {"ready": False, "reasons": ["no upstream can be asked: weak"]}
    assert UNUSED not in health.text


async def test_monitors_may_look_without_a_body(tmp_path: Path) -> None:
    async with live_server(tmp_path, "--weak-url", "http://127.0.0.1:9/v1") as server, server.http() as http:
        for path in ("/health", "/ready"):
            looked, got = await http.head(path), await http.get(path)
            assert (looked.status_code, looked.content) == (got.status_code, b"")


async def test_a_server_that_is_to_stop_says_so_while_it_still_answers(tmp_path: Path) -> None:
    async with (
        ScriptedServer() as weak,
        routed(tmp_path, weak, None, "--shutdown-delay-s", "4") as server,
        server.http() as http,
    ):
        before = await http.get("/ready")
        server.process.terminate()
        async with asyncio.timeout(3):
            while (ready := await http.get("/ready")).status_code == 200:
                await asyncio.sleep(0.01)
        answer = await http.post(PATH, json=asking())
        status = await asyncio.wait_for(server.process.wait(), timeout=20)
        with pytest.raises(httpx.TransportError):
            await http.get("/ready")
    assert before.json() == {"ready": True, "reasons": []}
    assert (ready.status_code, ready.json()["reasons"]) == (503, ["stopping: the server was told to stop"])
    assert (answer.status_code, status) == (200, 0)


@pytest.mark.parametrize("turn", [Turn(fault="hang"), Turn(status=429, headers={"retry-after": "3"})])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_caller_who_leaves_while_others_are_tried_is_let_go_within_a_second(
    tmp_path: Path, turn: Turn, stream: bool
) -> None:
    async with (
        ScriptedServer(turns=[turn]) as one,
        ScriptedServer(turns=[turn]) as two,
        deployed(
            tmp_path, deployment("weak", one, "one"), deployment("weak", two, "two"), hedge_after_s="0.1"
        ) as server,
    ):
        with pytest.raises(httpx.ReadTimeout):
            async with httpx.AsyncClient(base_url=server.url, timeout=0.7, trust_env=False) as http:
                await http.post(PATH, json=asking(stream=stream))
        async with asyncio.timeout(1):
            while not (rows := server.ledger_rows()):
                await asyncio.sleep(0.02)
            if turn.fault:
                await one.wait_until_a_client_left() if one.chats else await two.wait_until_a_client_left()
        async with server.http() as http:
            health = (await http.get("/health")).json()
    assert [(row["outcome"], row["status"]) for row in rows] == [("cancelled", 499)]
    assert [each["in_flight"] for each in health["upstreams"]["weak"]["deployments"]] == [0, 0]


async def test_a_strong_model_told_to_wait_is_stood_in_for_and_not_waited_for(tmp_path: Path) -> None:
    busy = Turn(status=429, headers={"retry-after": "60"})
    async with (
        ScriptedServer() as weak,
        ScriptedServer(turns=[busy]) as strong,
        routed(tmp_path, weak, strong) as server,
        server.http() as http,
    ):
        answers = [await http.post(PATH, json=asking(HARD, seed=n)) for n in range(3)]
        pinned = await http.post(PATH, json=asking(model="strong"))
    assert {answer.headers["x-router-reason"] for answer in answers} == {"strong-failed"}
    assert (pinned.status_code, pinned.headers["retry-after"], len(strong.chats)) == (429, "60", 1)
