"""What a caller sees of budgets: another model, the reason for it, or no answer."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from router.admission import Admission
from router.artifacts.in_use import InUse
from router.asking import Fallbacks
from router.budgets import KeptBudgets, Pace
from router.cache import SemanticCache
from router.calls import Call, WholeAnswer
from router.catalogue import Catalogue
from router.configured.catalogue import CatalogueEntry
from router.dialects.chat_request import parse_chat_request
from router.errors import InsufficientQuota
from router.gateway import Gateway
from router.ledger.ledger import Ledger
from router.metrics import Metrics
from router.policy import Dial
from router.principals import Principal, Scope
from router.scoring.curve import Curve
from router.scoring.scorer import Scorer
from router.terms import Ways
from router.types import Tuning
from router.upstream.build import Upstreams
from router.upstream.openai_compatible import OpenAICompatibleUpstream
from router.upstream.scripted import ScriptedServer, Turn
from tests.budgets.support import CURVE, SpentBefore, scope

STRONG, WEAK = "gpt-4o", "gpt-4o-mini"
_numbers = itertools.count()
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa"}}


class Paced(KeptBudgets):
    """Budgets whose pace a test chooses."""

    at: float | None = None

    def pace(self, scopes: Any, curve: Curve) -> Pace | None:
        pace = super().pace(scopes, curve)
        return pace if self.at is None else Pace(self.at, scopes[0].name, {scopes[0].name: self.at})


@pytest.fixture(scope="module")
def in_use() -> InUse:
    scorer = Scorer.load()
    dial = Dial(curve=scorer.curve, operating_points={}, default=0.01)
    return InUse(scorer=scorer, dial=dial, artifact=scorer.version, digest=scorer.manifest.digest)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    ledger = Ledger.open(tmp_path / "ledger.sqlite3")
    yield ledger
    await ledger.aclose()


@asynccontextmanager
async def a_gateway(in_use: InUse, ledger: Ledger, budgets: KeptBudgets) -> AsyncIterator[Gateway]:
    async with ScriptedServer(model=WEAK, turns=[Turn(reply="Fine.")]) as server:
        weak, strong = (
            OpenAICompatibleUpstream(name=name, base_url=server.base_url, model=model, provider="openai")
            for name, model in (("weak", WEAK), ("strong", STRONG))
        )
        blind = Catalogue((CatalogueEntry(model=WEAK, images=False),))
        yield Gateway(
            in_use=in_use,
            upstreams=Upstreams(weak=weak, strong=strong),
            cache=SemanticCache(),
            ledger=ledger,
            metrics=Metrics(),
            fallbacks=Fallbacks(),
            ways=Ways(catalogue=blind, when_unfamiliar="win-rate"),
            admission=Admission(budgets=budgets),
        )
        await weak.aclose()
        await strong.aclose()


def call(*scopes: Scope, tuning: Tuning | None = None, content: Any = "Why is the sea salty?", **more: Any) -> Call:
    body = {"messages": [{"role": "user", "content": content}], "max_tokens": 100}
    request, read = parse_chat_request(msgspec.json.encode(body), max_messages=10)
    principal = Principal(tenant="acme", key_id="ada", scopes=scopes, **more)
    return Call(principal=principal, request=request, body=read, tuning=tuning or Tuning())


async def answered(gateway: Gateway, asked: Call) -> dict[str, str]:
    settlement = gateway.open(asked.principal, "/v1/chat/completions", f"request-{next(_numbers)}")
    settlement.asked(asked.request)
    try:
        assert isinstance(await gateway.answer(asked, settlement), WholeAnswer)
    finally:
        await settlement.close()
    return settlement.headers()


def shown(headers: dict[str, str]) -> tuple[str | None, ...]:
    return tuple(headers.get(f"x-router-{name}") for name in ("route", "reason", "paced-by", "cache"))


async def test_a_pace_sends_to_the_weak_model_and_says_so(in_use: InUse, ledger: Ledger) -> None:
    budgets = Paced(spent=SpentBefore())
    async with a_gateway(in_use, ledger, budgets) as gateway:
        ada = scope(1)
        assert shown(await answered(gateway, call(ada))) == ("strong", "win-rate", None, "miss")
        budgets.at = 0.999
        headers = await answered(gateway, call(ada, content="How do tides work?"))
        assert shown(headers) == ("weak", "paced", "key:ada", "miss")
        assert headers["x-router-threshold"] == "0.9990"
        preview = gateway.preview(call(ada, content="What is a tide?"))
        assert (preview.reason, preview.route) == ("paced", "weak")
        assert preview.paced_by is not None
        assert (preview.paced_by.scope, preview.paced_by.threshold) == ("key:ada", 0.999)
        rows = {row.model: row for row in await ledger.recent()}
        state = await budgets.state(ada, CURVE)
        assert state is not None
        assert rows[STRONG].cost_usd is not None
        assert rows[WEAK].cost_usd is not None
        assert state.spent == rows[STRONG].cost_usd + rows[WEAK].cost_usd
        assert state.reserved == 0


async def test_no_pace_asks_for_more_than_the_bounds_of_a_key_allow(in_use: InUse, ledger: Ledger) -> None:
    budgets = Paced(spent=SpentBefore())
    budgets.at = 1.0
    async with a_gateway(in_use, ledger, budgets) as gateway:
        headers = await answered(gateway, call(scope(1), max_threshold=0.1))
        assert headers["x-router-threshold"] == "0.1000"
        assert shown(headers)[:2] == ("strong", "paced")


async def test_what_was_kept_is_found_under_any_pace_but_no_weak_answer_where_there_is_money_again(
    in_use: InUse, ledger: Ledger
) -> None:
    budgets, ada = Paced(spent=SpentBefore()), scope(1)
    async with a_gateway(in_use, ledger, budgets) as gateway:
        budgets.at = 0.99
        assert shown(await answered(gateway, call(ada)))[0] == "weak"
        for budgets.at in (0.98, 1.0):
            assert shown(await answered(gateway, call(ada))) == ("weak", "paced", None, "exact")
        budgets.at = None
        assert shown(await answered(gateway, call(ada)))[:2] == ("strong", "win-rate")
        for budgets.at in (0.99, None):
            assert shown(await answered(gateway, call(ada))) == ("strong", "win-rate", None, "exact")


async def test_a_request_too_dear_for_what_is_left_goes_to_the_weak_model_unless_it_was_pinned(
    in_use: InUse, ledger: Ledger
) -> None:
    budgets, ada = KeptBudgets(spent=SpentBefore(key_ada="0.9997")), scope(1, pace=False)
    async with a_gateway(in_use, ledger, budgets) as gateway:
        assert shown(await answered(gateway, call(ada)))[:2] == ("weak", "paced")
        with pytest.raises(InsufficientQuota, match=r"has \$0\.000\d+ left, and this request may cost"):
            await answered(gateway, call(ada, content="And lakes?", tuning=Tuning(pinned_route="strong")))
        with pytest.raises(InsufficientQuota):
            await answered(gateway, call(ada, content=[{"type": "text", "text": "What is it?"}, PICTURE]))
        state = await budgets.state(ada, CURVE)
        assert state is not None
        assert state.reserved == 0


async def test_a_spent_budget_turns_away_or_leaves_the_weak_model(in_use: InUse, ledger: Ledger) -> None:
    budgets = KeptBudgets(spent=SpentBefore(key_ada="1"))
    async with a_gateway(in_use, ledger, budgets) as gateway:
        with pytest.raises(InsufficientQuota, match="is spent"):
            await answered(gateway, call(scope(1)))
        weak = scope(1, when_spent="weak")
        for tuning in (Tuning(), Tuning(pinned_route="strong"), Tuning(threshold=0.0)):
            headers = await answered(gateway, call(weak, tuning=tuning, content=f"Who was {tuning.source}?"))
            assert shown(headers)[:3] == ("weak", "paced", "key:ada")
        state = await budgets.state(weak, CURVE)
        assert state is not None
        assert state.spent > 1
        # Only the strong model sees, and there is no money for it.
        with pytest.raises(InsufficientQuota):
            await answered(gateway, call(weak, content=[{"type": "text", "text": "What is it?"}, PICTURE]))


async def test_with_one_model_there_is_nothing_to_pace(in_use: InUse, ledger: Ledger) -> None:
    budgets = Paced(spent=SpentBefore())
    budgets.at = 1.0
    async with a_gateway(in_use, ledger, budgets) as gateway:
        gateway.connect(Upstreams(weak=None, strong=gateway.upstreams.strong))
        assert shown(await answered(gateway, call(scope(1))))[0] == "strong"


async def test_a_hundred_callers_at_once_spend_no_more_than_there_is(in_use: InUse, ledger: Ledger) -> None:
    budgets, ada = KeptBudgets(spent=SpentBefore()), scope("0.003", pace=False)
    async with a_gateway(in_use, ledger, budgets) as gateway:
        asked = (call(ada, content=f"Why is {n} odd?") for n in range(100))
        answers = await asyncio.gather(*(answered(gateway, each) for each in asked), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, InsufficientQuota)]
        routes = {answer["x-router-route"] for answer in answers if isinstance(answer, dict)}
        assert len(refused) + sum(isinstance(answer, dict) for answer in answers) == 100
        assert refused
        assert routes == {"strong", "weak"}
        state = await budgets.state(ada, CURVE)
        assert state is not None
        assert (state.reserved, state.spent <= Decimal("0.003")) == (0, True)
