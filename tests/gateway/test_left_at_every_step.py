"""A caller who leaves at any step of the path: what the request held comes back, and the ledger has one row of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Generator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from router.admission import Admission
from router.artifacts.in_use import InUse
from router.asking import Fallbacks
from router.budgets import KeptBudgets
from router.cache import SemanticCache
from router.calls import Call, StreamedAnswer
from router.dialects.chat_request import parse_chat_request
from router.gateway import Gateway
from router.ledger.ledger import Ledger
from router.limits import SharedLimiter
from router.metrics import Metrics
from router.policy import Dial
from router.principals import Budget, Limits, Principal, Scope
from router.scoring.scorer import Scorer
from router.terms import Ways
from router.types import Tuning
from router.upstream.build import Upstreams
from router.upstream.openai_compatible import OpenAICompatibleUpstream
from router.upstream.scripted import ScriptedServer, Turn
from tests.budgets.support import CURVE, SpentBefore
from tests.shared.support import a_link

ADA = Scope(
    kind="key",
    id="ada",
    limits=Limits(concurrent_requests=1, requests_per_minute=100_000, tokens_per_minute=1_000_000_000),
    budget=Budget(usd=Decimal(1000)),
)


class LeftAt:
    """Awaits a coroutine, and cancels it where it waits for the n-th time; ``left``: whether it came to that."""

    def __init__(self, path: Coroutine[Any, Any, None], step: int) -> None:
        self._path = path
        self._step = step
        self.left = False

    def __await__(self) -> Generator[Any, None, None]:
        waits = 0
        try:
            waited_for = self._path.send(None)
            while True:
                waits += 1
                if waits == self._step:
                    self.left = True
                    if waited_for is not None:
                        waited_for._asyncio_future_blocking = False
                    waited_for = self._path.throw(asyncio.CancelledError())
                else:
                    yield waited_for
                    waited_for = self._path.send(None)
        except StopIteration:
            return


async def one_request(gateway: Gateway, call: Call, name: str) -> None:
    """As a server does it; see ``router.http.exchange``."""
    settlement = gateway.open(call.principal, "/v1/chat/completions", name)
    try:
        settlement.asked(call.request)
        answer = await gateway.answer(call, settlement)
        if isinstance(answer, StreamedAnswer):
            try:
                async for _ in answer:
                    pass
            finally:
                await answer.aclose()
    except asyncio.CancelledError:
        settlement.cancelled()
    finally:
        try:
            await settlement.close()
        except asyncio.CancelledError:
            await settlement.close()


def a_call(text: str, *, stream: bool) -> Call:
    said = {"messages": [{"role": "user", "content": text}], "stream": stream}
    request, body = parse_chat_request(msgspec.json.encode(said), max_messages=10)
    return Call(
        principal=Principal(tenant="acme", scopes=(ADA,)),
        request=request,
        body=body,
        tuning=Tuning(),
    )


@pytest.mark.parametrize("stream", [False, True])
async def test_who_leaves_at_any_step_leaves_nothing_held_and_one_row(
    redis_url: str, tmp_path: Path, stream: bool
) -> None:
    scorer = Scorer.load()
    dial = Dial(curve=scorer.curve, operating_points={}, default=0.5)
    ledger = Ledger.open(tmp_path / "ledger.sqlite3")
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(reply="It is fine.")]) as server,
        a_link(redis_url) as link,
    ):
        weak = OpenAICompatibleUpstream(name="weak", base_url=server.base_url, model="weak-model")
        limiter = SharedLimiter(link)
        # No money is known of before the first request: it waits for that, too.
        budgets = KeptBudgets(spent=SpentBefore(), link=link, clock=time.time)
        gateway = Gateway(
            in_use=InUse(scorer=scorer, dial=dial, artifact=scorer.version, digest=scorer.manifest.digest),
            upstreams=Upstreams(weak=weak, strong=None),
            cache=SemanticCache(),
            ledger=ledger,
            metrics=Metrics(),
            fallbacks=Fallbacks(),
            ways=Ways(),
            admission=Admission(limiter=limiter, budgets=budgets),
        )
        outcomes = []
        # The first request waits to hear what was spent before; those after it begin with what comes then.
        for turn, step in enumerate([1, *range(1, 200)]):
            name = f"left-{turn}"
            path = LeftAt(one_request(gateway, a_call(f"Question {turn}", stream=stream), name), step)
            await asyncio.wait_for(path, 30)
            (row,) = [row for row in await ledger.recent(1000) if row.request_id == name]
            outcomes.append(row.outcome)
            await link.call("PING")
            assert await link.call("ZCARD", link.key("places:key:ada")) == 0, step
            state = await budgets.state(ADA, CURVE)
            assert state is not None
            assert state.reserved == 0, step
            if not path.left:
                break
        assert outcomes[-1] == "ok"
        assert outcomes.count("cancelled") >= 4, outcomes
        await budgets.aclose()
        await limiter.aclose()
        await weak.aclose()
    await ledger.aclose()
