"""Holds eighty cents through Redis until it is killed. ``python -m tests.budgets.holding_child URL``."""

from __future__ import annotations

import asyncio
import sys
from decimal import Decimal

from router.budgets import KeptBudgets
from tests.budgets.support import SpentBefore, scope
from tests.shared.support import a_link


async def hold(url: str) -> None:
    async with a_link(url) as link:
        budgets = KeptBudgets(spent=SpentBefore(), link=link)
        for _ in range(8):
            await budgets.reserve([scope(1)], Decimal("0.10"), route="strong")
        print("holds", flush=True)
        await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(hold(sys.argv[1]))
