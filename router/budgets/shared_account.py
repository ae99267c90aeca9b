"""What one server knows of an account that it shares with others."""

from __future__ import annotations

from collections import deque
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from router.budgets.account import Account
from router.budgets.periods import Span

NANO = Decimal("1e9")
MICRO = 1_000_000
"""Microseconds of a second: what was spent in the same one in which the ledger was asked may count twice."""

MOST = 2**62
"""Nano-dollars beyond which a limit is none: 4.6 thousand million dollars."""

INTEREST_S = 60
"""Seconds after a request for which is listened to what other servers spend."""

REMEMBERED_S = 60
"""Seconds for which is kept what was spent when: longer than it takes to hear of a new epoch while Redis is there."""


def nano_up(usd: Decimal) -> int:
    """Whole nano-dollars, the next above."""
    return min(int((usd * NANO).to_integral_value(ROUND_CEILING)), MOST)


def nano_down(usd: Decimal) -> int:
    """Whole nano-dollars, the next below."""
    return min(int((usd * NANO).to_integral_value(ROUND_FLOOR)), MOST)


class Holding:
    """What one request holds of one account, and the epoch in which Redis was told so; None where it was not."""

    __slots__ = ("account", "amount", "epoch")

    def __init__(self, account: SharedAccount, amount: int) -> None:
        self.account = account
        self.amount = amount
        self.epoch: str | None = None


class News:
    """What Redis says of an account. Nano-dollars; ``since``: microseconds, see ``scripts``."""

    __slots__ = ("answered", "epoch", "held", "servers", "since", "spent")

    def __init__(self, fields: list[bytes], servers: int) -> None:
        self.epoch = fields[0].decode()
        self.since, self.spent, self.answered, self.held = (int(field) for field in fields[1:5])
        self.servers = servers


class SharedAccount(Account):
    """See ``Account``. What was heard of all servers last, and what this one has done since.

    ``spent_here`` counts what this server has spent in this epoch, in whole nano-dollars; what is less than one waits
    in a remainder. ``in_flight`` is what Redis was asked to hold and has not said yet. ``doubtful``: what Redis knows
    of this server's holdings may be wrong, and has to be said anew.
    """

    def __init__(self, name: str, span: Span) -> None:
        super().__init__(name, span)
        self.sums_key = f"budget:{name}:{span.name}"
        self.holds_key = f"{self.sums_key}:held"
        self.epoch: str | None = None
        self.servers = 1
        self.spent_here = 0
        self.holdings: dict[Holding, None] = {}
        self.held_here = 0
        self.in_flight = 0
        self.doubtful = False
        self.used_at = float("-inf")
        self._remainder = Decimal(0)
        self._when: deque[tuple[int, int]] = deque()
        self._heard_spent = self._heard_held = self._heard_answered = 0
        self._then_spent = self._then_held = 0
        self._answered_since = 0

    # As it stands for all servers.

    @property
    def spent(self) -> Decimal:
        """See ``Account``."""
        return Decimal(self._heard_spent + self.spent_here - self._then_spent) / NANO

    @property
    def held(self) -> Decimal:
        """See ``Account``."""
        return Decimal(max(0, self._heard_held + self.held_here - self._then_held)) / NANO

    @property
    def answered(self) -> int:
        """See ``Account``."""
        return self._heard_answered + self._answered_since

    def fits_here(self, amount: int, limit: int | None) -> bool:
        """Whether this server may hold so much more while Redis is away.

        Each of the servers that were there when it was heard of last may take an equal part of what was left then.
        """
        if limit is None:
            return True
        left = limit - self._heard_spent - self._heard_held
        mine = self.spent_here - self._then_spent + self.held_here - self._then_held
        return left > 0 and mine + amount <= left // self.servers

    def is_of_interest(self, now: float) -> bool:
        """Whether what others spend of it should be heard of."""
        return self.doubtful or bool(self.holdings) or now - self.used_at < INTEREST_S

    # What happens here.

    def took(self, holding: Holding) -> None:
        """A request holds something."""
        self.holdings[holding] = None
        self.held_here += holding.amount

    def let_go(self, holding: Holding) -> None:
        """It holds that no more."""
        if holding in self.holdings:
            del self.holdings[holding]
            self.held_here -= holding.amount

    def spend(self, usd: Decimal, now: float) -> None:
        """A request has cost so much."""
        exact = self._remainder + usd
        amount = nano_down(exact)
        self._remainder = exact - Decimal(amount) / NANO
        self.spent_here += amount
        if amount:
            self._when.append((int(now * MICRO), amount))

    def answer(self) -> None:
        """A model has answered."""
        self._answered_since += 1

    # What is heard.

    def begin(self, spent: Decimal) -> None:
        """What the ledger knows, where Redis is away."""
        self._heard_spent = nano_up(spent)
        self.known = True

    def enter(self, epoch: str, since: int) -> int:
        """Redis was told anew of this account, in the wall clock's microsecond ``since``.

        Returns:
            What is held here that Redis does not know of yet. It has to be told, and all that is spent here with it.
        """
        self.epoch = epoch
        # What was spent before is in what the ledger said.
        self.spent_here = sum(amount for when, amount in self._when if when >= since)
        untold = [holding for holding in self.holdings if holding.epoch != epoch]
        for holding in untold:
            holding.epoch = epoch
        return sum(holding.amount for holding in untold)

    def hear(self, news: News, *, spent_then: int, held_then: int, now: float) -> None:
        """Take over what Redis says.

        Args:
            news: its words.
            spent_then: what this server had told to have spent by then.
            held_then: what Redis knew to be held here by then.
            now: POSIX seconds.
        """
        oldest = int((now - REMEMBERED_S) * MICRO)
        while self._when and self._when[0][0] < oldest:
            self._when.popleft()
        self.servers = max(1, news.servers)
        self._heard_spent, self._then_spent = news.spent, spent_then
        self._heard_held, self._then_held = news.held, held_then
        self._heard_answered, self._answered_since = news.answered, 0
        self.known = True
