"""Links to a Redis of the test's own, and waiting for what comes about by itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from router.shared.address import Address
from router.shared.redis_link import RedisLink

LIMIT_S = 60


async def until(condition: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Wait for something to come about, with a limit that only a fault reaches."""
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def a_link(url: str, *, prefix: str = "underdog", wait: bool = True) -> AsyncIterator[RedisLink]:
    """A link that is up, unless it is not to be waited for."""
    link = RedisLink(Address(url), prefix=prefix, chance=random.Random(1))
    await link.start()
    try:
        if wait:
            await until(lambda: link.up)
        yield link
    finally:
        await link.aclose()
