"""Something at Redis's address that speaks its protocol and says what no script of ours does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal

import pytest

from router.budgets import KeptBudgets
from router.cache.leases import Leases
from router.limits import SharedLimiter
from router.principals import Budget, Limits, Scope
from router.shared.address import Address
from router.shared.sharing import Sharing
from tests.shared.support import until

ADA = Scope(
    kind="key", id="ada", limits=Limits(requests_per_minute=9, concurrent_requests=9), budget=Budget(usd=Decimal(1))
)


@asynccontextmanager
async def saying(reply: bytes) -> AsyncIterator[str]:
    """The URL of a server that lets everybody connect, and then has one reply to everything."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = b"+OK\r\n"
        while asked := await reader.read(65536):
            for _ in range(asked.count(b"EVAL") + asked.count(b"PING") + asked.count(b"XRE") + asked.count(b"CLIENT")):
                writer.write(said)
            if b"can-write" in asked:
                said = reply

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def _ten_cents(_scope: Scope, _since: datetime) -> Decimal:
    return Decimal("0.10")


@pytest.mark.parametrize(
    "reply", [b"*1\r\n:0\r\n", b"*-1\r\n", b"+OK\r\n", b":1\r\n", b"*2\r\n:7\r\n:7\r\n", b"*0\r\n"]
)
async def test_nonsense_is_no_answer_and_no_request_fails_by_it(reply: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.budgets.shared.BEAT_S", 0.01)
    async with saying(reply) as url:
        sharing = Sharing(Address(url), prefix="underdog", most_messages=9, most_bytes=9**9, kept_s=9)
        leases = Leases(sharing, random.Random(1))
        leases.listen()
        await sharing.start()
        await until(lambda: sharing.link.up)
        budgets = KeptBudgets(spent=_ten_cents, link=sharing.link)
        for _ in range(3):
            await budgets.require_unspent([ADA])
            (await budgets.reserve([ADA], Decimal("0.01"), route="strong")).settle(None, None)
            (await SharedLimiter(sharing.link).take([ADA], tokens=1)).settle(1)
            if (claim := await leases.claim(b"k" * 32, 0.2)) is not None:
                claim.release(abandoned=True)
        await asyncio.sleep(0.05)
        await budgets.aclose()
        await sharing.aclose()
