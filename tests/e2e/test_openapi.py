"""Requests that Schemathesis makes of our own OpenAPI document: none is answered with a fault of ours."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import LiveServer, routed

EXAMPLES, EXAMPLES_IN_FULL = 15, 400

POSTS_OF_MODELS = (
    "chat/completions",
    "completions",
    "embeddings",
    "messages",
    "messages/count_tokens",
    "responses",
    "route",
)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LiveServer]:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(reply="Yes.")]) as weak,
        ScriptedServer(model="strong-model", turns=[Turn(reply="No.")]) as strong,
        routed(tmp_path, weak, strong) as running,
    ):
        yield running


async def test_the_document_describes_what_models_are_asked(server: LiveServer) -> None:
    async with server.http() as http:
        paths = (await http.get("/openapi/openapi.json")).json()["paths"]
    for path in POSTS_OF_MODELS:
        operation = paths[f"/v1/{path}"]["post"]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        assert schema["required"], path
        assert schema["additionalProperties"] is True, path
        dials = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"}
        assert dials >= ({"threshold"} if path in {"chat/completions", "messages", "responses"} else set()), path


@pytest.mark.soak
async def test_whatever_the_document_allows_is_answered_and_no_fault_of_ours(server: LiveServer, full: bool) -> None:
    async with server.http() as http:
        document = (await http.get("/openapi/openapi.json")).json()
    schema = schemathesis.openapi.from_dict(document)
    statuses: Counter[int] = Counter()

    def check(operation: Any) -> None:
        with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as http:

            @settings(
                max_examples=EXAMPLES_IN_FULL if full else EXAMPLES,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def answered(case: Any) -> None:
                answer = case.call(base_url=server.url)
                statuses[answer.status_code] += 1
                assert answer.status_code < 500, answer.text[:500]
                assert "Traceback" not in answer.text
                assert answer.headers["x-request-id"][0].startswith("req_")
                if answer.status_code >= 400:
                    assert {"message", "type"} <= set(json.loads(answer.text)["error"])

            answered()
            assert http.get("/health").status_code == 200

    operations = [result.ok() for result in schema.get_all_operations()]
    for operation in operations:
        await asyncio.to_thread(check, operation)
    print(f"\n{len(operations)} operations: {dict(sorted(statuses.items()))}")
    assert len(operations) > 8
    assert {200, 400} <= set(statuses)
