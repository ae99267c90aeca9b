"""The path of one request inside the process: what is computed, how often, and what survives a failing part."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from router.admission import EXPECTED_COMPLETION_TOKENS, expected_tokens
from router.artifacts.in_use import InUse
from router.asking import Fallbacks
from router.cache import SemanticCache
from router.calls import Call, StreamedAnswer, WholeAnswer
from router.dialects.chat_request import parse_chat_request
from router.gateway import Gateway
from router.ledger.ledger import Ledger
from router.metrics import Metrics, render
from router.policy import Dial
from router.principals import ANONYMOUS, Principal
from router.scoring.scorer import Scorer
from router.settlement import Settlement
from router.terms import Ways
from router.tracing import NoTrace, NoTracing, Trace
from router.types import LedgerRow, Tuning
from router.upstream.build import Upstreams
from router.upstream.openai_compatible import OpenAICompatibleUpstream
from router.upstream.scripted import ScriptedServer, Turn


class CountingScorer(Scorer):
    """Counts the texts that are encoded beside the scored one."""

    encoded = 0

    def encode(self, text: str) -> NDArray[np.float32]:
        self.encoded += 1
        return super().encode(text)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    ledger = Ledger.open(tmp_path / "ledger.sqlite3")
    yield ledger
    await ledger.aclose()


@pytest.fixture
async def gateway(ledger: Ledger) -> AsyncIterator[Gateway]:
    scorer = CountingScorer.load()
    async with ScriptedServer(model="weak-model", turns=[Turn(reply="Fine.")]) as server:
        weak = OpenAICompatibleUpstream(name="weak", base_url=server.base_url, model="weak-model")
        yield Gateway(
            in_use=InUse(
                scorer=scorer,
                dial=Dial(curve=scorer.curve, operating_points={}, default=0.5),
                artifact=scorer.version,
                digest=scorer.manifest.digest,
            ),
            upstreams=Upstreams(weak=weak, strong=None),
            cache=SemanticCache(),
            ledger=ledger,
            metrics=Metrics(),
            fallbacks=Fallbacks(),
            ways=Ways(),
        )
        await weak.aclose()


def call(*texts: str, principal: Principal = ANONYMOUS, **fields: Any) -> Call:
    messages = [{"role": "user", "content": text} for text in texts]
    request, body = parse_chat_request(msgspec.json.encode({"messages": messages, **fields}), max_messages=10)
    return Call(principal=principal, request=request, body=body, tuning=Tuning())


async def answered(gateway: Gateway, call: Call, name: str) -> Settlement:
    settlement = gateway.open(call.principal, "/v1/chat/completions", name)
    settlement.asked(call.request)
    answer = await gateway.answer(call, settlement)
    if isinstance(answer, StreamedAnswer):
        assert [payload async for batch in answer for payload in batch]
        await answer.aclose()
    else:
        assert isinstance(answer, WholeAnswer)
    await settlement.close()
    return settlement


async def test_a_prompt_is_encoded_once_for_the_score_and_the_cache(gateway: Gateway) -> None:
    scorer = gateway.in_use.scorer
    assert isinstance(scorer, CountingScorer)
    await answered(gateway, call("  How do plants store energy?\n"), "first")
    await answered(gateway, call("Why do plants store energy?", stream=True), "second")
    await answered(gateway, call("How do plants store energy?", "And animals?"), "third")
    assert scorer.encoded == 0
    assert gateway.cache.stats().stored == 3


QUESTION, REWORDED = "How do I reverse a list in Python?", "Please tell me how to reverse a list in Python"
TENANTS = [Principal(tenant="acme"), Principal(tenant="zeta"), Principal(tenant=""), Principal(tenant="acme|zeta")]


def outcome(settlement: Settlement) -> str:
    return settlement.headers()["x-router-cache"]


async def test_a_tenant_finds_nothing_of_another_whatever_it_sends(gateway: Gateway) -> None:
    scopes: list[dict[str, Any]] = [{}, {"model": "weak"}, {"user": "acme"}, {"tenant": "acme"}, {"seed": 1}]
    mine, *others = TENANTS
    for number, fields in enumerate(scopes):
        assert outcome(await answered(gateway, call(QUESTION, principal=mine, **fields), f"mine-{number}")) == "miss"
    for tenant in others:
        for number, fields in enumerate(scopes):
            # A wording of its own first: what it stores itself must not be taken for the other's.
            for text in (REWORDED, QUESTION):
                asked = call(text, principal=tenant, **fields)
                settled = await answered(gateway, asked, f"{tenant.tenant}-{number}-{text}")
                assert outcome(settled) == ("miss" if text == REWORDED else "semantic")
    assert outcome(await answered(gateway, call(QUESTION, principal=mine), "again")) == "exact"


async def test_tenants_who_ask_the_same_at_once_do_not_wait_for_one_another(gateway: Gateway) -> None:
    calls = [call(QUESTION, principal=tenant) for tenant in TENANTS for _ in range(3)]
    settled = await asyncio.gather(*(answered(gateway, asked, f"{n}") for n, asked in enumerate(calls)))
    assert [outcome(each) for each in settled] == ["miss", "exact", "exact"] * len(TENANTS)


@pytest.mark.parametrize("broken", ["_index", "_entries", "_lock", "judge", "_verifying", "_clock", "_file"])
async def test_no_failure_within_the_cache_reaches_a_request(gateway: Gateway, broken: str) -> None:
    await answered(gateway, call(QUESTION), "first")
    setattr(gateway.cache, broken, None)
    for number, text in enumerate((QUESTION, REWORDED, "Why is the sea salty?")):
        settled = await answered(gateway, call(text), f"broken-{number}")
        assert settled.headers()["x-router-route"] == "weak"


async def test_settling_twice_writes_one_row(gateway: Gateway, ledger: Ledger) -> None:
    settlement = await answered(gateway, call("Hello?"), "only")
    settlement.cancelled()
    await asyncio.gather(settlement.close(), settlement.close())
    assert [(row.request_id, row.outcome) for row in await ledger.recent()] == [("only", "ok")]


async def test_a_caller_who_is_cancelled_while_it_settles_loses_no_row(gateway: Gateway, ledger: Ledger) -> None:
    settlement = gateway.open(ANONYMOUS, "/v1/chat/completions", "cancelled-while-settling")
    closing = asyncio.create_task(settlement.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await settlement.close()
    assert [row.request_id for row in await ledger.recent()] == ["cancelled-while-settling"]


async def test_a_trace_that_fails_keeps_a_request_out_of_nothing_else(
    gateway: Gateway, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(NoTrace):
        def settled(self, row: LedgerRow) -> None:
            raise OSError("what was asked")

    class FailingTracing(NoTracing):
        def begin(self, path: str, headers: Mapping[str, str]) -> Trace:
            return Failing()

    gateway.tracing = FailingTracing()
    await answered(gateway, call("Hello?"), "only")
    assert [row.request_id for row in await ledger.recent()] == ["only"]
    assert [settled.row.request_id for settled in gateway.recent.all()] == ["only"]
    assert 'underdog_requests_total{source="weak",outcome="ok",status="2xx"} 1' in render(gateway.traffic.families())
    assert "request only: tracing it failed: OSError" in caplog.text


async def test_an_answer_survives_a_ledger_that_is_closed(
    gateway: Gateway, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    await ledger.aclose()
    with caplog.at_level(logging.ERROR):
        await answered(gateway, call("Hello, my secret is 12345."), "unwritten")
    assert "unwritten" in caplog.text
    assert "12345" not in caplog.text


async def test_a_preview_never_counts_fewer_than_no_tokens(gateway: Gateway) -> None:
    for limit in (-1, 0, 5, 10**30):
        preview = gateway.preview(call("Hello?", max_tokens=limit))
        assert preview.cost_usd is None or preview.cost_usd >= 0


def test_as_much_is_reserved_as_all_answers_to_a_request_may_take() -> None:
    prompt = expected_tokens(call("Hello?", max_tokens=0))
    assert expected_tokens(call("Hello?", max_tokens=5)) == prompt + 5
    assert expected_tokens(call("Hello?", max_tokens=5, n=4)) == prompt + 20
    assert expected_tokens(call("Hello?", n=2)) == prompt + 2 * EXPECTED_COMPLETION_TOKENS
    # Beyond what counters in Redis can take, they would not count at all.
    assert expected_tokens(call("Hello?", n=10**18)) < 2**40


async def test_a_model_of_the_same_name_elsewhere_gets_no_answers_of_the_one_before(gateway: Gateway) -> None:
    await answered(gateway, call(QUESTION), "here")
    async with ScriptedServer(model="weak-model", turns=[Turn(reply="Better.")]) as server:
        moved = OpenAICompatibleUpstream(name="weak", base_url=server.base_url, model="weak-model")
        gateway.connect(Upstreams(weak=moved, strong=None))
        for text in (REWORDED, QUESTION):
            assert outcome(await answered(gateway, call(text), text)) != "exact"
        assert server.requests
        await moved.aclose()


async def test_a_decision_of_an_artifact_that_is_no_longer_in_use_is_no_drift_of_the_next(gateway: Gateway) -> None:
    def sample() -> float:
        families = {family.name: family for family in gateway.metrics.families()}
        return families["underdog_drift_sample"].samples[0][1]

    before = gateway.in_use
    await answered(gateway, call(QUESTION), "before")
    assert sample() == 1
    gateway.put_in_use(dataclasses.replace(before, artifact="another/2"))
    gateway.metrics.decided(
        gateway.decider.decide(call(REWORDED), before, gateway.decider.terms(call(REWORDED), before))[0]
    )
    assert sample() == 0
