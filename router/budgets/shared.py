"""Sums that several servers keep together in Redis, so that no two of them spend the same money.

What is told can be told again: each server tells *all* that it has spent, and Redis counts what is new of that. So it
does no harm that nobody knows of some calls whether they were heard. Money that is held is told by difference, and anew
as a whole where that is in doubt. While Redis is away each server goes on with its part of what was left, and tells the
rest when it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, cast

from router.budgets.account import Account, Entry, Held, Short
from router.budgets.local import SpentBefore
from router.budgets.periods import Span
from router.budgets.scripts import BEGIN, HOLD, LEAVE, RESUME, REVISE, SETTLE
from router.budgets.shared_account import MICRO, Holding, News, SharedAccount, nano_down, nano_up
from router.errors import SharedStateAway, UnderdogError
from router.shared.link import Argument, Link

BEAT_S = 3.0
"""Seconds after which a server says that it is there, and hears what others have spent."""

PATIENCE_S = 15.0
"""Seconds after which what a silent server holds counts no more."""

FORGET_AFTER_S = 86_400
"""Seconds after the end of a period at which Redis forgets it: long streams end after it."""

SERVERS_KEY = "budget:servers"
NO_EPOCH = "none"
TRIES = 5


class SharedSums:
    """See ``Sums``.

    Args:
        link: to Redis.
        spent_before: what the ledger knows; asked by the first server that needs an account, and by each that starts
            while Redis is away.
        clock: POSIX seconds.
    """

    def __init__(self, link: Link, spent_before: SpentBefore, *, clock: Callable[[], float] = time.time) -> None:
        self._link = link
        self._spent_before = spent_before
        self._clock = clock
        # Of this start of this process: what it has told before it was started anew is not told again.
        self.server = secrets.token_hex(8)
        self._accounts: set[SharedAccount] = set()
        self._beating: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        link.on_return(self._returned)

    def account(self, name: str, span: Span) -> Account:
        """A new account."""
        account = SharedAccount(name, span)
        self._accounts.add(account)
        return account

    async def open(self, account: Account) -> None:
        """Hear what was spent; where Redis does not know, tell it what the ledger knows."""
        self._beat()
        opened = cast(SharedAccount, account)
        try:
            await self._join(opened)
            await self._revise(opened)
        except SharedStateAway:
            spent = await self._spent_before(account)
            # Another request may have been told meanwhile, and have spent since.
            if not account.known:
                opened.begin(spent)

    async def refresh(self, account: Account) -> None:
        """Hear what other servers have spent."""
        with contextlib.suppress(UnderdogError):
            await self._refresh(cast(SharedAccount, account))

    async def hold(self, entries: Sequence[Entry], usd: Decimal) -> Held:
        """Hold in all, or in none: as Redis says, or where it is away each account's part of this server."""
        self._beat()
        amount = nano_up(usd)
        accounts = [cast(SharedAccount, entry.account) for entry in entries]
        limits = [None if entry.limit is None else nano_down(entry.limit) for entry in entries]
        holdings = [Holding(account, amount) for account in accounts]
        try:
            short = await self._hold(accounts, amount, limits, holdings)
        except UnderdogError:  # Redis is away, or has to be told of an account while the ledger is
            short = _short_here(accounts, amount, limits)
            if short is None:
                for holding in holdings:
                    holding.account.took(holding)
        if short is not None:
            raise Short(entries[short])
        return _Held(self, holdings, usd)

    def settle(self, holdings: Sequence[Holding], usd: Decimal, *, answered: bool) -> None:
        """A request has ended; see ``Held``."""
        now = self._clock()
        keys: list[str] = []
        told: list[Argument] = [self.server, int(answered)]
        for holding in holdings:
            account = holding.account
            account.let_go(holding)
            account.spend(usd, now)
            account.used_at = now
            if answered:
                account.answer()
            if account.epoch is not None:
                released = holding.amount if holding.epoch == account.epoch else 0
                keys += [account.sums_key, account.holds_key]
                told += [account.epoch, released, account.spent_here]
        if keys:
            self._link.later(SETTLE, keys, told)

    async def aclose(self) -> None:
        """Say that this server is there no more."""
        self._link.later(LEAVE, [SERVERS_KEY], [self.server])
        if self._beating is not None:
            self._beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._beating

    async def _hold(
        self,
        accounts: Sequence[SharedAccount],
        amount: int,
        limits: Sequence[int | None],
        holdings: Sequence[Holding],
    ) -> int | None:
        """Ask Redis to hold; the place of the account that is short, or None.

        Raises:
            SharedStateAway: there is no answer.
        """
        now = self._clock()
        for account in accounts:
            account.used_at = now
            if account.doubtful:
                await self._refresh(account)
        for _ in range(TRIES):
            verdict = await self._run(accounts, amount, limits, holdings)
            if verdict >= 0:
                return verdict - 1 if verdict else None
            await self._join(accounts[-verdict - 1])
        raise SharedStateAway("Redis forgets budgets as soon as it is told of them.")

    async def _join(self, account: SharedAccount) -> None:
        """Hear of an account, and tell what this server holds of it; where Redis knows nothing, tell it all there is.

        Raises:
            SharedStateAway: there is no answer.
        """
        if await self._run([account], 0, [None], ()) < 0:
            await self._begin(account)
            await self._run([account], 0, [None], ())

    async def _run(
        self,
        accounts: Sequence[SharedAccount],
        amount: int,
        limits: Sequence[int | None],
        holdings: Sequence[Holding],
    ) -> int:
        """The verdict, see ``scripts``; what Redis says is taken over. Without holdings it only looks."""
        keys, said = [SERVERS_KEY], self._presence()
        for account, limit in zip(accounts, limits, strict=True):
            keys += [account.sums_key, account.holds_key]
            said += [amount, "" if limit is None else limit, (account.epoch or NO_EPOCH) if holdings else ""]
        # Calls that were made before are heard before: what they ask for is in what Redis says.
        before = [(account.spent_here, account.held_here + account.in_flight) for account in accounts]
        for account in accounts:
            account.in_flight += amount
        try:
            verdict, heard = _understood(await self._link.run(HOLD, keys, said), len(accounts))
        except BaseException:
            # Away, or the caller left: whether Redis holds it is not known.
            for account in accounts:
                account.doubtful = account.doubtful or amount > 0
            raise
        finally:
            for account in accounts:
                account.in_flight -= amount
        if verdict < 0:
            return verdict
        for place, (account, news) in enumerate(zip(accounts, heard, strict=True)):
            self._hear(account, news, *before[place])
            if verdict == 0 and holdings:
                holdings[place].epoch = news.epoch
                account.took(holdings[place])
        return verdict

    def _hear(self, account: SharedAccount, news: News, spent_then: int, held_then: int) -> None:
        if news.epoch != account.epoch:
            untold = account.enter(news.epoch, news.since)
            spent_then, held_then = 0, account.held_here - untold
            self._tell(account, untold, "add")
        account.hear(news, spent_then=spent_then, held_then=held_then, now=self._clock())

    def _tell(self, account: SharedAccount, held: int, how: str) -> None:
        told: list[Argument] = [self.server, account.epoch or "", held, account.spent_here, how]
        self._link.later(RESUME, [account.sums_key, account.holds_key], told)

    async def _revise(self, account: SharedAccount) -> None:
        """Where the scope was changed since Redis was told of it, tell what the ledger knows by now.

        Raises:
            SharedStateAway: there is no answer.
        """
        if await self._link.run(REVISE, [account.sums_key], [account.revision, ""]):
            spent = nano_down(await self._spent_before(account))
            await self._link.run(REVISE, [account.sums_key], [account.revision, spent])
            await self._run([account], 0, [None], ())

    async def _begin(self, account: SharedAccount) -> None:
        """Tell Redis what the ledger knows of an account, unless another server comes first."""
        since = int(self._clock() * MICRO)
        spent = await self._spent_before(account)
        told: list[Argument] = [secrets.token_hex(8), since, nano_up(spent), int(account.until) + FORGET_AFTER_S]
        told.append(account.revision)
        await self._link.run(BEGIN, [account.sums_key], told)

    # What goes on beside requests.

    def _beat(self) -> None:
        if self._beating is None or self._beating.done():
            self._beating = asyncio.get_running_loop().create_task(self._keep_beating())

    def _returned(self) -> None:
        for account in self._accounts:
            account.doubtful = True
        self._wake.set()

    async def _keep_beating(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_S):
                    await self._wake.wait()
            self._wake.clear()
            # Whatever goes wrong, the next beat may heal it, and a stop must not fail by it.
            with contextlib.suppress(UnderdogError):
                await self._beat_once()

    async def _beat_once(self) -> None:
        now = self._clock()
        self._accounts = {account for account in self._accounts if account.until > now or account.holdings}
        await self._link.run(HOLD, [SERVERS_KEY], self._presence())
        await asyncio.gather(*(self._refresh(account) for account in self._accounts if account.is_of_interest(now)))

    async def _refresh(self, account: SharedAccount) -> None:
        """Hear of an account; what may be wrong about it in Redis is said anew."""
        if account.doubtful:
            # Known to Redis before anything is said anew, so that no settlement of before that is heard after it.
            await self._link.run(SETTLE, [], [self.server, 0])
            self._say_anew(account)
        # A Redis that was emptied is told at once: what was heard of it before is true no more.
        await self._join(account)

    def _say_anew(self, account: SharedAccount) -> None:
        """All that this server holds of an account, in the place of what Redis knows.

        What Redis is just being asked for counts as held: where it turns out not to be, that is said anew again.
        """
        account.doubtful = account.in_flight > 0
        for holding in account.holdings:
            holding.epoch = account.epoch
        self._tell(account, account.held_here + account.in_flight, "set")

    def _presence(self) -> list[Argument]:
        return [self.server, int(PATIENCE_S * 1000)]


def _understood(reply: Any, accounts: int) -> tuple[int, list[News]]:
    """The verdict of ``HOLD``, and what is said of each account where it is none of them that is not known.

    Raises:
        SharedStateAway: it is no reply of that script.
    """
    try:
        verdict = int(reply[0])
        if not -accounts <= verdict <= accounts:
            raise ValueError(verdict)
        told = range(accounts if verdict >= 0 else 0)
        return verdict, [News(reply[2 + 5 * place : 7 + 5 * place], int(reply[1])) for place in told]
    except (LookupError, TypeError, ValueError, AttributeError):
        raise SharedStateAway("what Redis says of budgets is not understood.") from None


def _short_here(accounts: Sequence[SharedAccount], amount: int, limits: Sequence[int | None]) -> int | None:
    for place, (account, limit) in enumerate(zip(accounts, limits, strict=True)):
        if not account.fits_here(amount, limit):
            return place
    return None


class _Held:
    __slots__ = ("_holdings", "_sums", "_usd")

    def __init__(self, sums: SharedSums, holdings: Sequence[Holding], usd: Decimal) -> None:
        self._sums = sums
        self._holdings = holdings
        self._usd = usd

    def settle(self, usd: Decimal | None, *, answered: bool) -> None:
        holdings, self._holdings = self._holdings, ()
        self._sums.settle(holdings, self._usd if usd is None else usd, answered=answered)
