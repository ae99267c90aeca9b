"""The end of a request: what it took and what came of it, written down exactly once, whatever happened."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from decimal import Decimal

from router.admission import NOTHING_HELD
from router.budgets import Decided, Pace
from router.cache import Cache, Embed, Flight, Ticket
from router.errors import LedgerError
from router.ledger.ledger import Ledger
from router.ledger.prices import ModelRef, Prices
from router.ledger.prompts import Exchange
from router.principals import Principal
from router.recent import Recent, Settled
from router.settlement.attempt import attempt
from router.settlement.facts import Facts
from router.settlement.headers import headers_of
from router.settlement.row import ledger_row
from router.settlement.telling import tell
from router.tracing import NO_TRACE, Trace
from router.types import CachedAnswer, Decision, LedgerRow, Raw, Route, Usage

logger = logging.getLogger("underdog.requests")


class Settlement(Facts):
    """Gathers the facts of one request and settles them: a ledger row always, a cache entry where the answer is whole.

    Args:
        ledger: where the row goes.
        request_id: names the request to the caller, in the log and in the ledger.
        principal: who asked.
        endpoint: the path that was called.
        artifact: what decides, until ``decided_by`` says otherwise. A cached answer's is the same: its key holds it.
        baseline: the strong model, whose price is the baseline; None where there is none.
        prices: what models cost.
        recent: the newest requests, for who looks.
        trace: what it tells of its way.
        witnesses: told of the row, once there is one; must be quick.
    """

    __slots__ = ("_closed", "_flight", "_keep", "_ledger", "_recent", "_remember", "_witnesses", "_written")

    def __init__(
        self,
        *,
        ledger: Ledger,
        request_id: str,
        principal: Principal,
        endpoint: str,
        artifact: str,
        baseline: ModelRef | None,
        prices: Prices,
        recent: Recent,
        trace: Trace = NO_TRACE,
        witnesses: Sequence[Callable[[LedgerRow], None]] = (),
    ) -> None:
        super().__init__(
            request_id=request_id,
            principal=principal,
            endpoint=endpoint,
            artifact=artifact,
            baseline=baseline,
            prices=prices,
            trace=trace,
        )
        self._ledger = ledger
        self._recent = recent
        self._witnesses = witnesses
        self._keep: Callable[[CachedAnswer], bool] | None = None
        self._remember: Callable[[Decision, Usage | None], None] | None = None
        self._flight: Flight | None = None
        self._closed = False
        self._written: asyncio.Future[None] | None = None

    # What is to follow from it.

    async def reserve(self, usd: Callable[[], Decimal | None], *, route: Route | None) -> None:
        """A route's model is about to be asked, which is expected to cost so much; not called where no budget is kept.

        Raises:
            InsufficientQuota: a budget has less than that left.
        """
        if self.grant.is_budgeted:
            await self.grant.reserve(usd(), route=route)

    def leads(self, flight: Flight) -> None:
        """Equal requests wait for this one, until it is settled."""
        self._flight = flight

    def will_cache(self, cache: Cache, ticket: Ticket, embed: Embed) -> None:
        """Where a whole answer is kept."""
        self._keep = lambda answer: cache.store(ticket, answer, embed)

    def will_remember(self, remember: Callable[[Decision, Usage | None], None] | None) -> None:
        """What is told in the end who answered, where somebody did."""
        self._remember = remember

    def headers(self) -> dict[str, str]:
        """The ``x-router-*`` headers that can be said by now."""
        return headers_of(self)

    # The end.

    async def close(self) -> None:
        """Settle, once, and wait until it is written; later calls only wait. Never raises but when cancelled.

        The row is handed over before the first wait, so that cancelling the caller's task takes nothing back.
        """
        if not self._closed:
            self._closed = True
            self._settle()
        if self._written is not None:
            with contextlib.suppress(LedgerError):
                await asyncio.shield(self._written)

    def _settle(self) -> None:
        name = self.request_id
        self.usage = attempt(name, "counting its tokens", self.counted)
        self._written = attempt(name, "writing its ledger row", self._hand_over)
        attempt(name, "keeping its answer", self._cache_answer)
        attempt(name, "remembering who answered", self._keep_in_mind)
        attempt(name, "giving back what it held of limits and budgets", self._give_back)
        if self._flight is not None:
            # After its answer is kept: whoever waits looks there.
            self._flight.land(abandoned=self.was_cancelled)

    def _hand_over(self) -> asyncio.Future[None]:
        row = ledger_row(self)
        attempt(self.request_id, "showing it", lambda: self._recent.add(Settled(row, self.sight, self.steps)))
        written = self._ledger.submit(row, self._exchange() if self._ledger.keeps_prompts else None)
        written.add_done_callback(self._check_written)
        tell(row, trace=self.trace, witnesses=self._witnesses)
        return written

    def _exchange(self) -> Exchange | None:
        """What was said; None where nothing was understood, or an embedding was asked for."""
        if self.request is None or self.embeddings_model is not None:
            return None
        return Exchange(self.request, self.answer_text())

    def _check_written(self, written: asyncio.Future[None]) -> None:
        if not written.cancelled() and (error := written.exception()) is not None:
            logger.error("request %s is not in the ledger: %s", self.request_id, error)

    def _cache_answer(self) -> None:
        decision = self.decision
        if self._keep is None or decision is None:
            return
        body = self._whole_answer()
        if body is None:
            return
        answer = CachedAnswer(
            body=Raw(body),
            route=decision.route,
            model=self.served.model if self.served else decision.model,
            usage=self.usage or Usage(),
            win_rate=decision.win_rate,
            threshold=decision.threshold,
            reason=decision.reason,
            pieces=self.fold.pieces if self.fold is not None else None,
            cost_usd=self.cost.usd,
        )
        self._keep(answer)

    def _whole_answer(self) -> bytes | None:
        """A model's answer to this request; None where the cache gave it, or where the caller did not get all of it."""
        if self.hit is not None or self.error is not None or self.was_cancelled:
            return None
        if self.fold is None:
            return self.body
        return self.fold.body() if self.fold.finished else None

    def _keep_in_mind(self) -> None:
        if self._remember is not None and self.decision is not None and self.served is not None:
            self._remember(self.decision, self.usage)

    def _give_back(self) -> None:
        if self.grant is NOTHING_HELD:
            return
        is_billed = self.is_billed
        self.grant.settle(
            self.usage if self.hit is None else None,
            self.cost.usd if is_billed else None,
            _decided(self.decision, self.pace) if is_billed else None,
        )


def _decided(decision: Decision | None, pace: Pace | None) -> Decided:
    if decision is None:
        return Decided()
    paces = {} if pace is None else pace.each
    return Decided(decision.route, decision.win_rate, decision.threshold, decision.reason == "paced", paces)
