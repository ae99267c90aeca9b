"""Several servers with one Redis: no money is spent twice, whatever becomes of servers or of Redis."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from router.budgets import BudgetState, KeptBudgets, Reservation
from router.errors import InsufficientQuota, SharedStateAway
from router.principals import Scope
from router.shared import Link
from router.shared.link import Argument
from tests.budgets.support import CURVE, STRONG, WEAK, scope
from tests.services.redis_server import a_redis
from tests.shared.support import a_link

LIMIT_S = 60
CENT = Decimal("0.01")
ADA = scope(1)


class SharedLedger:
    """Stands for a ledger that all servers write to."""

    def __init__(self, usd: str = "0") -> None:
        self.usd = Decimal(usd)
        self.asked = 0

    async def __call__(self, _scope: Scope, _since: object) -> Decimal:
        self.asked += 1
        return self.usd

    def settle(self, reservation: Reservation, usd: Decimal) -> None:
        reservation.settle(usd, STRONG)
        self.usd += usd


@asynccontextmanager
async def a_server(link: Link, ledger: SharedLedger | None = None) -> AsyncIterator[KeptBudgets]:
    budgets = KeptBudgets(spent=ledger or SharedLedger(), link=link)
    try:
        yield budgets
    finally:
        await budgets.aclose()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.budgets.shared.BEAT_S", 0.1)


@asynccontextmanager
async def two_servers(url: str, ledger: SharedLedger) -> AsyncIterator[tuple[KeptBudgets, KeptBudgets]]:
    async with a_link(url) as one, a_link(url) as two, a_server(one, ledger) as first, a_server(two, ledger) as second:
        yield first, second


async def stands(budgets: KeptBudgets, whose: Scope = ADA) -> BudgetState:
    state = await budgets.state(whose, CURVE)
    assert state is not None
    return state


async def comes_about(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not await condition():
            await asyncio.sleep(0.02)


async def reserve_all(servers: tuple[KeptBudgets, ...], requests: int, *whose: Scope) -> list[Reservation]:
    answers = await asyncio.gather(
        *(servers[n % len(servers)].reserve(whose or (ADA,), CENT, route="strong") for n in range(requests)),
        return_exceptions=True,
    )
    assert all(isinstance(each, InsufficientQuota) for each in answers if isinstance(each, BaseException))
    return [each for each in answers if not isinstance(each, BaseException)]


async def test_two_servers_hold_no_more_together_than_there_is(redis_url: str) -> None:
    ledger = SharedLedger("0.40")
    async with two_servers(redis_url, ledger) as servers:
        held = await reserve_all(servers, 300)
        assert len(held) == 60
        for each in held:
            ledger.settle(each, Decimal("0.004"))
        for server in servers:
            await comes_about(lambda server=server: _is(server, "0.64", "0"))  # type: ignore[misc]
        assert len(await reserve_all(servers, 100)) == 36
        for server in servers:
            await comes_about(lambda server=server: _is(server, "0.64", "0.36"))  # type: ignore[misc]


async def _is(server: KeptBudgets, spent: str, reserved: str, whose: Scope = ADA) -> bool:
    state = await stands(server, whose)
    return (state.spent, state.reserved) == (Decimal(spent), Decimal(reserved))


async def test_money_is_held_in_all_scopes_of_a_request_or_in_none(redis_url: str) -> None:
    team, rich = scope("0.05", "team:search"), scope(9, "server:here")
    async with two_servers(redis_url, SharedLedger()) as servers:
        assert len(await reserve_all(servers, 30, rich, team, ADA)) == 5
        for whose in (rich, team, ADA):
            await comes_about(lambda whose=whose: _is(servers[1], "0", "0.05", whose))  # type: ignore[misc]


async def test_sums_of_several_servers_are_right_to_the_nano_dollar(redis_url: str) -> None:
    ledger = SharedLedger()
    async with two_servers(redis_url, ledger) as servers:
        for round_ in range(25):
            for each in await reserve_all(servers, 20):
                ledger.settle(each, Decimal("0.0000000375") * (round_ + 1))
        for server in servers:
            await comes_about(lambda server=server: _close(server, ledger.usd))  # type: ignore[misc]


async def _close(server: KeptBudgets, usd: Decimal) -> bool:
    state = await stands(server)
    return abs(state.spent - usd) <= Decimal("2e-9") and state.reserved == 0


async def test_the_weak_model_answers_on_where_that_is_what_was_asked_for(redis_url: str) -> None:
    ada = scope(1, when_spent="weak")
    async with two_servers(redis_url, SharedLedger("1.00")) as (server, _):
        with pytest.raises(InsufficientQuota):
            await server.reserve([ada], CENT, route="strong")
        (await server.reserve([ada], CENT, route="weak")).settle(CENT, WEAK)
        assert (await stands(server, ada)).spent == Decimal("1.01")


async def test_a_server_that_starts_counts_nothing_twice(redis_url: str) -> None:
    ledger = SharedLedger("0.10")
    async with a_link(redis_url) as link:
        async with a_server(link, ledger) as first:
            for each in await reserve_all((first,), 20):
                ledger.settle(each, CENT)
        async with a_server(link, ledger) as second:
            assert (await stands(second)).spent == Decimal("0.30")
            assert ledger.asked == 1
            assert len(await reserve_all((second,), 100)) == 70


async def test_who_had_no_budget_for_a_while_finds_spent_what_it_spent_meanwhile(redis_url: str) -> None:
    ledger = SharedLedger()
    async with two_servers(redis_url, ledger) as (one, other):
        ledger.settle((await reserve_all((one,), 1))[0], CENT)
        await comes_about(lambda: _is(other, "0.01", "0"))
        again = msgspec.structs.replace(ADA, revision=5)
        await other.require_unspent([again])
        assert await _is(other, "0.01", "0")
        ledger.usd += Decimal("0.5")
        later = msgspec.structs.replace(ADA, revision=6)
        await asyncio.gather(one.require_unspent([later]), other.require_unspent([later]))
        ledger.settle((await reserve_all((one,), 1, later))[0], CENT)
        for server in (one, other):
            await comes_about(lambda server=server: _is(server, "0.52", "0"))  # type: ignore[misc]
        assert len(await reserve_all((one, other), 100, later)) == 48


async def test_what_a_killed_server_held_is_free_again(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.budgets.holding_child", redis_url, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    assert await asyncio.wait_for(child.stdout.readline(), LIMIT_S) == b"holds\n"
    async with a_link(redis_url) as link, a_server(link) as budgets:
        assert await reserve_all((budgets,), 30) != []
        assert await reserve_all((budgets,), 30) == []
        child.kill()
        await child.wait()
        # By Redis's clock; long enough for a server that lives.
        monkeypatch.setattr("router.budgets.shared.PATIENCE_S", 1.0)
        await comes_about(lambda: _is(budgets, "0", "0.20"))
        assert len(await reserve_all((budgets,), 100)) == 80


async def test_a_caller_who_leaves_while_money_is_held_for_it_leaves_none_behind(redis_url: str) -> None:
    async with two_servers(redis_url, SharedLedger()) as servers:
        await stands(servers[0])
        for _ in range(20):
            leaving = asyncio.create_task(servers[0].reserve([ADA], CENT, route="strong"))
            await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.wait([leaving])
        for server in servers:
            await comes_about(lambda server=server: _is(server, "0", "0"))  # type: ignore[misc]
        assert len(await reserve_all(servers, 300)) == 100


@pytest.mark.parametrize("keep", [True, False])
async def test_redis_stops_and_comes_back(tmp_path: Path, keep: bool) -> None:
    ledger = SharedLedger("0.20")
    async with a_redis(tmp_path, keep=keep) as redis, two_servers(redis.url, ledger) as servers:
        before = await reserve_all(servers, 20)
        for server in servers:
            await comes_about(lambda server=server: _is(server, "0.20", "0.20"))  # type: ignore[misc]
        await redis.stop()
        await comes_about(lambda: _away(servers))
        for each in before[:10]:
            ledger.settle(each, CENT)
        # Of the sixty cents that were left each server may take its half.
        alone = await reserve_all(servers, 300)
        assert 59 <= len(alone) <= 60
        for each in alone[:30]:
            ledger.settle(each, CENT / 2)
        await redis.start()
        for server in servers:
            await comes_about(lambda server=server: _up(server))  # type: ignore[misc]
        await reserve_all(servers, 2)
        for server in servers:
            await comes_about(lambda server=server: _no_more_than_there_is(server, ledger))  # type: ignore[misc]
        for each in (*before[10:], *alone[30:]):
            ledger.settle(each, CENT)
        for server in servers:
            await comes_about(lambda server=server: _spent(server, ledger.usd))  # type: ignore[misc]
        assert ledger.usd <= 1


async def _away(servers: tuple[KeptBudgets, ...]) -> bool:
    return not any(server._sums._link.up for server in servers)  # type: ignore[attr-defined]


async def _up(server: KeptBudgets) -> bool:
    return bool(server._sums._link.up)  # type: ignore[attr-defined]


async def _no_more_than_there_is(server: KeptBudgets, ledger: SharedLedger) -> bool:
    state = await stands(server)
    return state.spent == ledger.usd and state.spent + state.reserved <= 1


async def _spent(server: KeptBudgets, usd: Decimal) -> bool:
    return (await stands(server)).spent == usd


async def test_a_server_that_starts_while_redis_is_away_goes_on_alone_and_joins_later(tmp_path: Path) -> None:
    ledger = SharedLedger("0.50")
    async with a_redis(tmp_path) as redis:
        await redis.stop()
        async with a_link(redis.url, wait=False) as link, a_server(link, ledger) as budgets:
            held = await reserve_all((budgets,), 100)
            assert len(held) == 50
            for each in held[:40]:
                ledger.settle(each, CENT)
            await redis.start()
            await comes_about(lambda: _up(budgets))
            assert await reserve_all((budgets,), 5) == []
            async with a_link(redis.url) as other, a_server(other, ledger) as second:
                await comes_about(lambda: _is(second, "0.90", "0.10"))
                assert await reserve_all((second,), 5) == []


class HardOfHearing:
    """A link that loses every third reply, after the script has run."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        reply = await self._link.run(script, keys, arguments)
        self._asked += 1
        if self._asked % 3 == 0:
            raise SharedStateAway("not heard")
        return reply


async def test_where_nobody_knows_whether_redis_heard_sums_are_right_in_the_end(redis_url: str) -> None:
    ledger = SharedLedger()
    async with (
        a_link(redis_url) as one,
        a_link(redis_url) as two,
        a_server(cast(Link, HardOfHearing(one)), ledger) as first,
        a_server(two, ledger) as second,
    ):
        for server in (first, second):
            await stands(server)
        for _ in range(5):
            held = await reserve_all((first, second), 12)
            await asyncio.sleep(0)
            for each in held:
                ledger.settle(each, CENT / 3)
        kept = await reserve_all((second,), 3)
        for server in (first, second):
            await comes_about(lambda server=server: _close_to(server, ledger.usd, 3 * CENT))  # type: ignore[misc]
        for each in kept:
            ledger.settle(each, CENT)
        for server in (first, second):
            await comes_about(lambda server=server: _close_to(server, ledger.usd, Decimal(0)))  # type: ignore[misc]


async def _close_to(server: KeptBudgets, spent: Decimal, reserved: Decimal) -> bool:
    state = await stands(server)
    return abs(state.spent - spent) <= Decimal("2e-9") and state.reserved == reserved


async def test_servers_learn_how_much_is_asked_of_all_of_them(redis_url: str) -> None:
    async with two_servers(redis_url, SharedLedger()) as servers:
        first = servers[0]._books
        for each in await reserve_all(servers, 40):
            each.settle(Decimal(0), STRONG)
        await comes_about(lambda: _is(servers[0], "0", "0"))

        async def counted() -> bool:
            await stands(servers[0])
            return first[ADA.name].account.answered == 40

        await comes_about(counted)
