"""What a collector is told of requests; live servers, scripted models, and a collector over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, HARD, LiveServer, live_server, routed
from tests.telemetry.collector import Collector, Taken

PATH = "/v1/chat/completions"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALLERS = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "rojo=00f067aa0ba902b7"}
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
REPLY = "A reply that no span may hold."


def asking(text: str = EASY, **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **fields}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@asynccontextmanager
async def traced(
    home: Path, collector: Collector, weak: ScriptedServer, strong: ScriptedServer, *arguments: str, **environ: str
) -> AsyncIterator[LiveServer]:
    where = {"UNDERDOG_OTLP_ENDPOINT": collector.url, **SOON, **environ}
    async with routed(home, weak, strong, *arguments, **where) as server:
        yield server


async def spans_of(collector: Collector, request_id: str) -> list[Taken]:
    return await asyncio.to_thread(collector.request, request_id)


def names(spans: list[Taken]) -> list[str]:
    return [span.name for span in spans]


async def test_a_request_is_a_trace_from_the_caller_to_the_model(tmp_path: Path, collector: Collector) -> None:
    async with (
        ScriptedServer(turns=[Turn(reply=REPLY)]) as weak,
        ScriptedServer(turns=[Turn(reply=REPLY)]) as strong,
        traced(
            tmp_path,
            collector,
            weak,
            strong,
            OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=tests",
            OTEL_EXPORTER_OTLP_HEADERS="x-collector-key=abc",
            UNDERDOG_WEAK_API_KEY="sk-weak-secret",
        ) as server,
        server.http() as http,
    ):
        answer = await http.post(PATH, json=asking(), headers={**CALLERS, "authorization": "Bearer sk-caller"})
        own, *children = await spans_of(collector, answer.headers["x-request-id"])
        weak_port, heard = weak.port, weak.requests[-1].headers
        streamed = await http.post(PATH, json=asking(HARD, stream=True))
        stream_own, *stream_children = await spans_of(collector, streamed.headers["x-request-id"])
        again = await http.post(PATH, json=asking())
        again_own, *again_children = await spans_of(collector, again.headers["x-request-id"])

    assert (own.name, own.kind, own.trace, own.parent) == (f"POST {PATH}", "server", TRACE, SPAN)
    assert own.state == CALLERS["tracestate"]
    assert own.service["service.name"] == "underdog"
    assert own.service["deployment.environment.name"] == "tests"
    assert own.attributes["http.response.status_code"] == 200
    assert own.attributes["underdog.route"] == "weak"
    assert own.attributes["underdog.cache"] == "miss"
    assert own.attributes["underdog.tenant"]
    assert not own.failed
    assert not any(name.startswith("gen_ai") for name in own.attributes)

    assert names(children) == ["cache exact", "decide", "cache semantic", "chat weak-model"]
    decide, attempt = children[1], children[3]
    assert decide.kind == "internal"
    assert decide.attributes["underdog.reason"] == "win-rate"
    assert 0 <= decide.attributes["underdog.win_rate"] < decide.attributes["underdog.threshold"]
    assert decide.attributes["underdog.artifact"] == answer.headers["x-router-artifact"]
    assert attempt.kind == "client"
    usage = answer.json()["usage"]
    assert attempt.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": "weak-model",
        "gen_ai.response.model": "weak-model",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": usage["prompt_tokens"],
        "gen_ai.usage.output_tokens": usage["completion_tokens"],
        "server.address": "127.0.0.1",
        "server.port": weak_port,
        "underdog.route": "weak",
        "underdog.deployment": "weak",
        "underdog.attempt": 1,
    }
    assert all(own.began <= child.began and child.ended <= own.ended for child in children)
    # The model's own spans, if it has any, go on from the attempt.
    assert heard["traceparent"] == f"00-{TRACE}-{attempt.id}-01"
    assert heard["tracestate"] == CALLERS["tracestate"]

    assert stream_own.parent == ""
    assert stream_own.attributes["underdog.stream"] is True
    assert names(stream_children)[-1] == "chat strong-model"
    assert stream_children[-1].attributes["gen_ai.request.stream"] is True
    assert stream_children[-1].attributes["gen_ai.response.time_to_first_chunk"] > 0
    assert stream_children[-1].attributes["gen_ai.usage.output_tokens"] > 0

    assert again.headers["x-router-cache"] == "exact"
    assert names(again_children) == ["cache exact"]
    assert again_children[0].attributes["underdog.cache.hit"] is True
    assert again_own.attributes["underdog.cache"] == "exact"

    assert {headers["x-collector-key"] for headers in collector.headers} == {"abc"}
    sent = b"".join(collector.bodies)
    for secret in (EASY, HARD, REPLY, "sk-weak-secret", "sk-caller"):
        assert secret.encode() not in sent


async def test_retries_and_fallbacks_are_seen_with_what_went_wrong(tmp_path: Path, collector: Collector) -> None:
    async with (
        ScriptedServer(turns=[Turn()]) as weak,
        ScriptedServer(turns=[Turn(status=500)]) as strong,
        traced(tmp_path, collector, weak, strong, "--retries", "1", "--no-cache") as server,
        server.http() as http,
    ):
        answer = await http.post(PATH, json=asking(HARD))
        fell_back = await spans_of(collector, answer.headers["x-request-id"])
        weak.turns = strong.turns = [Turn(status=400, error_message="No.")]
        refused = await http.post(PATH, json=asking(EASY))
        failed = await spans_of(collector, refused.headers["x-request-id"])
        weak.turns = strong.turns = [Turn(status=503)]
        lost = await http.post(PATH, json=asking("And now?"))
        own, *_ = await spans_of(collector, lost.headers["x-request-id"])
    assert answer.status_code == 200
    attempts = [span for span in fell_back if span.kind == "client"]
    assert [(span.name, span.attributes.get("error.type"), span.failed) for span in attempts] == [
        ("chat strong-model", "500", True),
        ("chat strong-model", "500", True),
        ("chat weak-model", None, False),
    ]
    assert [span.attributes["underdog.attempt"] for span in attempts] == [1, 2, 3]
    assert "gen_ai.usage.input_tokens" not in attempts[0].attributes
    assert attempts[2].attributes["gen_ai.usage.input_tokens"] > 0
    name, why = fell_back[0].events[0]
    assert (name, why["underdog.route"], why["underdog.reason"]) == ("underdog.fallback", "weak", "strong-failed")
    assert not fell_back[0].failed

    assert refused.status_code == 400
    assert failed[0].attributes["error.type"] == "upstream_refused"
    assert failed[0].attributes["underdog.outcome"] == "error"
    assert not failed[0].failed  # what the caller did wrong is no failure of the server's
    assert failed[-1].attributes["error.type"] == "400"

    assert lost.status_code == 503
    assert own.failed
    assert own.attributes["underdog.route"] == "weak"
    assert [told["underdog.route"] for _, told in own.events] == ["strong"]


async def test_of_two_requests_the_slower_one_is_seen_to_be_abandoned(tmp_path: Path, collector: Collector) -> None:
    async with ScriptedServer(turns=[Turn(fault="hang")]) as slow, ScriptedServer() as quick:
        deployments = [
            {"route": "weak", "url": slow.base_url, "model": "m", "name": "slow", "weight": 1000},
            {"route": "weak", "url": quick.base_url, "model": "m", "name": "quick", "weight": 0.001},
        ]
        environ = {
            "UNDERDOG_DEPLOYMENTS": json.dumps(deployments),
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            **SOON,
        }
        hedging = live_server(tmp_path, "--hedge-after-s", "0.05", "--no-cache", environ=environ)
        async with hedging as server, server.http() as http:
            for _ in range(20):
                answer = await http.post(PATH, json=asking(stream=True))
                if slow.requests:
                    break
            own, *_ = await spans_of(collector, answer.headers["x-request-id"])
            await asyncio.to_thread(
                collector.wait, lambda: any("underdog.abandoned" in span.attributes for span in collector.spans)
            )
    assert slow.requests
    assert own.attributes["underdog.deployment"] == "quick"
    both = {span.attributes["underdog.deployment"]: span for span in collector.spans if span.kind == "client"}
    assert both["slow"].attributes["underdog.abandoned"] is True
    assert not both["slow"].failed
    hedges = [span for span in collector.spans if span.parent == own.id and "underdog.hedge" in span.attributes]
    assert [span.attributes["underdog.deployment"] for span in hedges] == ["quick"]
    assert hedges[0].attributes["gen_ai.usage.output_tokens"] > 0


async def test_a_caller_who_leaves_is_seen_to_have_left(tmp_path: Path, collector: Collector) -> None:
    async with (
        ScriptedServer(turns=[Turn(reply="one two three four five six", piece_delay_ms=200)]) as weak,
        ScriptedServer() as strong,
        traced(tmp_path, collector, weak, strong) as server,
        server.http() as http,
    ):
        async with http.stream("POST", PATH, json=asking(stream=True)) as answer:
            await anext(answer.aiter_bytes())
        own, *children = await spans_of(collector, answer.headers["x-request-id"])
    assert own.attributes["underdog.outcome"] == "cancelled"
    assert own.attributes["http.response.status_code"] == 499
    assert not own.failed
    assert children[-1].kind == "client"
    assert not children[-1].failed


async def test_embeddings_are_traced_under_the_model_that_was_asked_for(tmp_path: Path, collector: Collector) -> None:
    async with (
        ScriptedServer() as weak,
        ScriptedServer() as strong,
        traced(tmp_path, collector, weak, strong, OTEL_SERVICE_NAME="edge") as server,
        server.http() as http,
    ):
        answer = await http.post("/v1/embeddings", json={"model": "vectors", "input": EASY})
        own, attempt = await spans_of(collector, answer.headers["x-request-id"])
        counts = (await http.get("/metrics")).text
    assert own.name == "POST /v1/embeddings"
    assert own.service["service.name"] == "edge"
    assert attempt.name == "embeddings vectors"
    assert attempt.attributes["gen_ai.operation.name"] == "embeddings"
    assert attempt.attributes["gen_ai.usage.input_tokens"] > 0
    assert 'underdog_trace_spans_total{outcome="made"} 2' in counts


async def test_what_is_not_sampled_is_not_sent_and_the_model_is_told_so(tmp_path: Path, collector: Collector) -> None:
    async with (
        ScriptedServer() as weak,
        ScriptedServer() as strong,
        traced(tmp_path, collector, weak, strong) as server,
        server.http() as http,
    ):
        unsampled = {"traceparent": f"00-{TRACE}-{SPAN}-00"}
        await http.post(PATH, json=asking(), headers=unsampled)
        heard = weak.requests[-1].headers["traceparent"]
        answer = await http.post(PATH, json=asking(HARD))
        await spans_of(collector, answer.headers["x-request-id"])
    assert heard.startswith(f"00-{TRACE}-")
    assert heard.endswith("-00")
    assert not heard.startswith(f"00-{TRACE}-{SPAN}")
    assert TRACE not in {span.trace for span in collector.spans}


async def test_the_last_traces_are_sent_before_the_server_ends(tmp_path: Path, collector: Collector) -> None:
    async with (
        ScriptedServer() as weak,
        ScriptedServer() as strong,
        traced(tmp_path, collector, weak, strong, OTEL_BSP_SCHEDULE_DELAY="600000") as server,
        server.http() as http,
    ):
        answer = await http.post(PATH, json=asking())
        assert collector.spans == []
    assert answer.headers["x-request-id"] in {span.attributes.get("underdog.request_id") for span in collector.spans}


async def test_a_collector_that_is_away_costs_one_line_and_no_request(tmp_path: Path, collector: Collector) -> None:
    collector.status, log = 400, tmp_path / "log"
    async with ScriptedServer() as weak:
        arguments = ["--weak-url", weak.base_url, "--otlp-endpoint", collector.url, "--no-cache"]
        async with live_server(tmp_path, *arguments, environ=SOON, stderr=log) as server, server.http() as http:
            for turn in range(5):
                assert (await http.post(PATH, json=asking())).status_code == 200
                await asyncio.to_thread(collector.wait, lambda turn=turn: len(collector.headers) > turn)  # type: ignore[misc]
            counts = (await http.get("/metrics")).text
            collector.status = 200
            await http.post(PATH, json=asking())
            await asyncio.to_thread(collector.wait, lambda: bool(collector.spans))
    said = [line for line in log.read_text().splitlines() if "collector" in line or "opentelemetry" in line]
    assert len(said) == 2
    assert "WARNING underdog.traces: the collector at 127.0.0.1" in said[0]
    assert "takes traces again" in said[1]
    assert 'underdog_trace_spans_total{outcome="failed"}' in counts


async def test_a_server_stops_in_time_also_where_the_collector_does_not_answer(tmp_path: Path) -> None:
    held: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _reader, writer: held.append(writer), "127.0.0.1", 0)
    endpoint, log = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}", tmp_path / "log"
    async with ScriptedServer() as weak:
        arguments = ["--weak-url", weak.base_url, "--otlp-endpoint", endpoint]
        async with live_server(tmp_path, *arguments, stderr=log) as server, server.http() as http:
            await http.post(PATH, json=asking())
            server.process.terminate()
            # The exporter alone would wait for 10 s, the SDK for 30.
            assert await asyncio.wait_for(server.process.wait(), 9) == 0
    for writer in held:
        writer.close()
    silent.close()
    assert "the last traces could not be sent within 3 s" in log.read_text()
