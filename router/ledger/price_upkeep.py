"""Keeps a running server's price list current: takes up what was fetched, and fetches where the operator wants it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from router.errors import PriceListError
from router.ledger.price_list import PriceList
from router.stamps import Stamp

logger = logging.getLogger("underdog.prices")

LOOK_EVERY_S = 1.0
"""Seconds between looks whether another list lies in the home folder; each costs one `stat`."""

FETCH_EVERY = timedelta(days=1)
TRY_AGAIN = timedelta(hours=1)
"""How soon a list that could not be fetched is asked for again."""


async def keep_current(
    prices: PriceList, *, update: bool, url: str | None, changed: Callable[[], None], look_every_s: float = LOOK_EVERY_S
) -> None:
    """Follow the list until cancelled. Whatever goes wrong, the one in use stays, and no request fails for it.

    Args:
        prices: the list of the home folder.
        update: whether to fetch it, once a day.
        url: where from; see ``PriceList.fetch``.
        changed: called in a thread each time another list is in use.
        look_every_s: seconds between looks.
    """
    seen: Stamp | None = None
    tried: datetime | None = None
    while True:
        if update and await asyncio.to_thread(_is_due, prices, tried):
            tried = datetime.now(UTC)
            await _attempt(lambda: prices.fetch(url))
        stamp = await asyncio.to_thread(prices.stamp)
        if stamp is not None and stamp != seen:
            seen = stamp
            if await _attempt(prices.adopt):
                await asyncio.to_thread(changed)
        await asyncio.sleep(look_every_s)


def _is_due(prices: PriceList, tried: datetime | None) -> bool:
    now = datetime.now(UTC)
    if tried is not None and now - tried < TRY_AGAIN:
        return False
    fetched = prices.kept_since()
    return fetched is None or now - fetched >= FETCH_EVERY


async def _attempt(step: Callable[[], object]) -> bool:
    try:
        await asyncio.to_thread(step)
    except PriceListError as error:
        logger.error("the price list in use stays: %s", error)
    except Exception as error:  # noqa: BLE001 - a stranger's file must not end the watch
        logger.error("the price list in use stays: reading another failed with %s", type(error).__name__)
    else:
        return True
    return False
