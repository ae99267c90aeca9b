"""The end of a request: what it took and what came of it, written down exactly once, whatever happened."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

import msgspec

from router.admission import NOTHING_HELD, Grant
from router.budgets import Decided, Pace
from router.cache import Cache, Embed, Flight, Hit, StreamFold, Ticket, read_answer
from router.calls import Answer, WholeAnswer
from router.errors import ApiError, LedgerError, UpstreamBroken, UpstreamTimeout
from router.ledger.ledger import Ledger
from router.ledger.prices import ModelRef, Prices
from router.ledger.prompts import Exchange
from router.ledger.tokens import estimate_usage
from router.policy import kept_promise
from router.principals import Principal
from router.recent import Recent, Settled, Sight, Step
from router.settlement.headers import answer_headers, cost_headers, decision_headers
from router.settlement.log import log_line
from router.tracing import NO_TRACE, Trace
from router.types import CachedAnswer, CacheOutcome, ChatRequest, Cost, Decision, LedgerRow, Raw, Route, Served, Usage

T = TypeVar("T")

logger = logging.getLogger("underdog.requests")

CLIENT_CLOSED_REQUEST = 499

MAX_NAME_CHARS = 200
"""A model name that a caller made up is kept up to this length."""


class Settlement:
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
        self.request_id = request_id
        self.trace = trace
        self._witnesses = witnesses
        self._ledger = ledger
        self._principal = principal
        self._endpoint = endpoint
        self._artifact = artifact
        self._baseline = baseline
        self._prices = prices
        self._recent = recent
        self._at = datetime.now(UTC)
        self._started = time.perf_counter()
        self._request: ChatRequest | None = None
        self._steps: list[tuple[Step, float]] = []
        self._sight: Sight | None = None
        self._decision: Decision | None = None
        self._decision_us: float | None = None
        self._verify_us: float | None = None
        self._promise: str | None = None
        self._rule: str | None = None
        self._pace: Pace | None = None
        self._remember: Callable[[Decision, Usage | None], None] | None = None
        self._asked: ModelRef | None = None
        self._asked_embedded_at: float | None = None
        self._served: Served | None = None
        self._attempts = 0
        self._ticket: Ticket | None = None
        self._flight: Flight | None = None
        self._hit: Hit | None = None
        self._first_token_ms: float | None = None
        self._besides = Decimal(0)
        self._fold: StreamFold | None = None
        self._body: bytes | None = None
        self._usage: Usage | None = None
        self._finish_reason: str | None = None
        self._error: ApiError | None = None
        self._cancelled = False
        self._embeds: str | None = None
        self._keep: Callable[[CachedAnswer], bool] | None = None
        self._grant = NOTHING_HELD
        self._closed = False
        self._written: asyncio.Future[None] | None = None

    # What happened, in the order in which it is told.

    def asked(self, request: ChatRequest) -> None:
        """The body was understood."""
        self._request = request

    def stays_here(self) -> None:
        """The request is to stay on this machine and its network."""
        self.trace = self.trace.only_local()

    def admitted(self, grant: Grant) -> None:
        """Limits and budgets have room for the request; what it holds of them it gives back with its end."""
        self._grant = grant
        self._reached("admitted")

    async def reserve(self, usd: Callable[[], Decimal | None], *, route: Route | None) -> None:
        """A route's model is about to be asked, which is expected to cost so much; not called where no budget is kept.

        Raises:
            InsufficientQuota: a budget has less than that left.
        """
        if self._grant.is_budgeted:
            await self._grant.reserve(usd(), route=route)

    def decided_by(self, artifact: str) -> None:
        """The artifact that this request is judged by, from here to its end."""
        self._artifact = artifact

    def promised(self, promise: str | None) -> None:
        """What is promised of the threshold that was asked for; see ``Dial.promise``."""
        self._promise = promise

    def ruled(self, rule: str | None) -> None:
        """The operator's rules that were applied, if any were."""
        self._rule = rule

    def paced(self, pace: Pace | None) -> None:
        """The least threshold at which the budgets last."""
        self._pace = pace

    def will_remember(self, remember: Callable[[Decision, Usage | None], None] | None) -> None:
        """What is told in the end who answered, where somebody did."""
        self._remember = remember

    def decided(self, decision: Decision, *, took_us: float | None = None) -> None:
        """A route was chosen; told again where a fallback changes it."""
        if took_us is not None or decision is not self._decision:
            self.trace.decided(decision, took_us=took_us)
        self._decision = decision
        if took_us is not None:
            self._decision_us = took_us
            self._reached("decided")

    def saw(self, sight: Sight) -> None:
        """What the scorer saw of the request."""
        self._sight = sight

    def embeds(self, model: str) -> None:
        """An embeddings model is asked: there is no route, and no stronger model to compare its cost with."""
        self._embeds = model
        self._baseline = None
        self.trace.asks_for(model)

    def ticketed(self, ticket: Ticket) -> None:
        """The cache has said what it may do with the request."""
        self._ticket = ticket

    def leads(self, flight: Flight) -> None:
        """Equal requests wait for this one, until it is settled."""
        self._flight = flight

    def will_cache(self, cache: Cache, ticket: Ticket, embed: Embed) -> None:
        """Where a whole answer is kept."""
        self._keep = lambda answer: cache.store(ticket, answer, embed)

    def served_from_cache(self, hit: Hit) -> None:
        """A cached answer is given."""
        self._hit = hit
        self._usage = hit.answer.usage
        self._finish_reason = "stop"
        self._keep = None
        if self._verify_us is None:
            self._reached("cache")

    def looked_for_repeats(self, *, took_us: float, hit: bool) -> None:
        """The cache was asked for this very request's answer, also where an equal one was just getting it."""
        self.trace.looked_up("exact", took_us=took_us, hit=hit)

    def looked_for_rewordings(self, *, took_us: float, hit: bool = False) -> None:
        """The cache has judged whether a kept answer stands for this question."""
        self._verify_us = took_us
        self._reached("cache")
        self.trace.looked_up("semantic", took_us=took_us, hit=hit)

    def asks(self, model: ModelRef, *, embedded: bool = False) -> None:
        """An upstream is about to be asked: what it reads is billed, also where its answer never arrives.

        Args:
            model: as its bill knows it.
            embedded: whether that is the embedded LLM, whose time is this machine's.
        """
        self._asked = model
        self._reached("asked")
        self._asked_embedded_at = time.perf_counter() if embedded else None

    def served_by(self, served: Served) -> None:
        """An upstream has begun to answer."""
        self._served = served

    def attempted(self, times: int) -> None:
        """Deployments were asked, so many times; told once for each route."""
        self._attempts += times

    def first_byte(self) -> None:
        """The first part of the answer is there."""
        if self._first_token_ms is None:
            self._first_token_ms = self._elapsed_ms()
            self._steps.append(("first-token", self._first_token_ms))

    def price_of(self, answer: Answer) -> Decimal | None:
        """What a whole answer costs that came just now, whether it is given or not; None where that is not known."""
        if self._served is None or not isinstance(answer, WholeAnswer):
            return None
        facts = read_answer(answer.body)
        usage = facts.usage or self._estimate(facts.text)
        if usage is None:
            return None
        return self._prices.price(self._served.provider, self._served.model, usage, at=self._at)

    def paid_besides(self, usd: Decimal | None) -> None:
        """An answer was paid for as well that is not given: another one is in its place."""
        self._besides += usd or 0

    def answered(self, body: bytes) -> None:
        """A whole answer came."""
        self.first_byte()
        facts = read_answer(body)
        self._body = body
        self._finish_reason = facts.finish_reason
        self._usage = facts.usage or self._estimate(facts.text)

    def streaming(self, fold: StreamFold) -> None:
        """An answer is coming in chunks; what has come is read from the fold when the request settles."""
        self._fold = fold

    def failed(self, error: ApiError) -> None:
        """The caller gets an error."""
        self._error = error
        self._keep = None

    def cancelled(self) -> None:
        """The caller left. Where the answer had been told to its end, that is no loss: many close at the last word."""
        if self._fold is not None and self._fold.finished:
            return
        self._cancelled = True
        self._keep = None

    # What it comes to.

    @property
    def cost(self) -> Cost:
        """What the answer cost, as far as its tokens are known, and what the strong model would have cost."""
        if self._usage is None or (self._served is None and self._hit is None and not self._was_read_in_vain()):
            return Cost(None, None)
        served = ModelRef(self._served.provider, self._served.model) if self._served else self._asked
        if self._hit is not None:
            served = None
        cost_ = self._prices.cost(
            self._usage, served, self._baseline, at=self._at, by_baseline=self._is_by_baseline(self._hit)
        )
        if cost_.usd is None or not self._besides:
            return cost_
        return msgspec.structs.replace(cost_, usd=cost_.usd + self._besides)

    def _is_by_baseline(self, hit: Hit | None) -> bool:
        """Whether the cached answer that is given was the strong model's own."""
        return hit is not None and self._baseline is not None and hit.answer.model == self._baseline.model

    def headers(self) -> dict[str, str]:
        """The ``x-router-*`` headers that can be said by now."""
        headers = {"x-request-id": self.request_id, **self._grant.headers}
        if self._hit is not None:
            headers |= answer_headers(self._hit.answer)
            headers["age"] = str(int(self._hit.age_s))
        if self._decision is not None:
            headers |= decision_headers(self._decision, hit=self._hit)
        if self._attempts:
            headers["x-router-attempts"] = str(self._attempts)
        if self._served is not None:
            headers["x-router-model"] = self._served.model
            headers["x-router-deployment"] = self._served.deployment
        if (promise := self._kept_promise()) is not None:
            headers["x-router-promise"] = promise
        headers |= self._bounds_headers()
        if self._embeds is not None:
            headers |= {"x-router-model": self._embeds, "x-router-reason": "embeddings", "x-router-cache": "bypass"}
        elif self._request is not None:
            headers["x-router-artifact"] = self._artifact
            headers["x-router-cache"] = self._cache_outcome()
            headers["x-router-cache-similarity"] = f"{self._similarity():.4f}"
        if self._usage is not None:
            headers |= cost_headers(self.cost)
        return headers

    def _bounds_headers(self) -> dict[str, str]:
        """What held the caller's wishes in bounds: a budget, rules."""
        headers = {}
        if self._pace is not None and self._decision is not None and self._decision.reason == "paced":
            headers["x-router-paced-by"] = self._pace.scope
        if self._rule is not None:
            headers["x-router-rule"] = self._rule
        return headers

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
        self._usage = self._attempt("counting its tokens", self._settled_usage)
        self._written = self._attempt("writing its ledger row", self._hand_over)
        self._attempt("keeping its answer", self._cache_answer)
        self._attempt("remembering who answered", self._keep_in_mind)
        self._attempt("giving back what it held of limits and budgets", self._give_back)
        if self._flight is not None:
            # After its answer is kept: whoever waits looks there.
            self._flight.land(abandoned=self._cancelled)

    def _attempt(self, step: str, do: Callable[[], T]) -> T | None:
        """What ``do`` gives, or None where it fails: no answer may be lost over its bookkeeping."""
        try:
            return do()
        except Exception as error:  # noqa: BLE001 - see above
            # A foreign error goes by its type alone: its message may quote a prompt.
            reason = error if isinstance(error, LedgerError) else type(error).__name__
            logger.error("request %s: %s failed: %s", self.request_id, step, reason)
            return None

    def _hand_over(self) -> asyncio.Future[None]:
        row = self._row()
        self._attempt("showing it", lambda: self._recent.add(Settled(row, self._sight, self._steps)))
        written = self._ledger.submit(row, self._exchange() if self._ledger.keeps_prompts else None)
        written.add_done_callback(self._check_written)
        self._tell(row)
        return written

    def _tell(self, row: LedgerRow) -> None:
        """Whoever fails keeps it from none of the others."""
        self._attempt("logging it", lambda: log_line(row, self.trace.id))
        self._attempt("tracing it", lambda: self.trace.settled(row))
        for witness in self._witnesses:
            self._attempt("telling of it", functools.partial(witness, row))

    def _exchange(self) -> Exchange | None:
        """What was said; None where nothing was understood, or an embedding was asked for."""
        if self._request is None or self._embeds is not None:
            return None
        return Exchange(self._request, self._answer_text())

    def _answer_text(self) -> str:
        if self._hit is not None:
            return read_answer(self._hit.answer.body).text
        if self._fold is not None:
            return self._fold.text()
        return read_answer(self._body).text if self._body is not None else ""

    def _check_written(self, written: asyncio.Future[None]) -> None:
        if not written.cancelled() and (error := written.exception()) is not None:
            logger.error("request %s is not in the ledger: %s", self.request_id, error)

    def _keep_in_mind(self) -> None:
        if self._remember is not None and self._decision is not None and self._served is not None:
            self._remember(self._decision, self._usage)

    def _give_back(self) -> None:
        if self._grant is NOTHING_HELD:
            return
        decision = self._decision
        # What was read in vain is billed as well: who always leaves early must not spend past a budget.
        is_billed = self._served is not None or self._was_read_in_vain()
        self._grant.settle(
            self._usage if self._hit is None else None,
            self.cost.usd if is_billed else None,
            _decided(decision, self._pace) if is_billed else None,
        )

    def _cache_answer(self) -> None:
        decision = self._decision
        if self._keep is None or decision is None:
            return
        body = self._body if self._fold is None else self._finished_stream()
        if body is None:
            return
        answer = CachedAnswer(
            body=Raw(body),
            route=decision.route,
            model=self._served.model if self._served else decision.model,
            usage=self._usage or Usage(),
            win_rate=decision.win_rate,
            threshold=decision.threshold,
            reason=decision.reason,
            pieces=self._fold.pieces if self._fold is not None else None,
            cost_usd=self.cost.usd,
        )
        self._keep(answer)

    def _finished_stream(self) -> bytes | None:
        return self._fold.body() if self._fold is not None and self._fold.finished else None

    def _settled_usage(self) -> Usage | None:
        if self._usage is not None:
            return self._usage
        if self._fold is not None:
            return self._fold.usage or self._counted_so_far(self._fold)
        return self._estimate("") if self._was_read_in_vain() else None

    def _counted_so_far(self, fold: StreamFold) -> Usage | None:
        """What is known of a stream that was left, or broke, before it told its usage: the prompt's part may be."""
        counted, known = self._estimate(fold.text()), fold.so_far
        if counted is None or known is None:
            return counted
        told = max(known.completion_tokens, counted.completion_tokens)
        return msgspec.structs.replace(known, completion_tokens=told, estimated=True)

    def _was_read_in_vain(self) -> bool:
        """Whether an upstream took the prompt, and nothing of its answer came.

        One that refused, or that was never reached, bills nothing.
        """
        if self._asked is None or self._served is not None or self._hit is not None:
            return False
        return self._cancelled or isinstance(self._error, UpstreamTimeout | UpstreamBroken)

    def _estimate(self, answer: str) -> Usage | None:
        request = self._request
        return None if request is None else self._attempt("an estimate", lambda: estimate_usage(request, answer))

    def _reached(self, step: Step) -> None:
        self._steps.append((step, self._elapsed_ms()))

    def _elapsed_ms(self) -> float:
        return (time.perf_counter() - self._started) * 1000

    def _embedded_ms(self) -> float | None:
        asked_at = self._asked_embedded_at
        return None if asked_at is None else (time.perf_counter() - asked_at) * 1000

    def _kept_promise(self) -> str | None:
        if self._hit is not None:
            return kept_promise(self._promise, self._hit.answer.reason)
        return None if self._decision is None else kept_promise(self._promise, self._decision.reason)

    def _cache_outcome(self) -> CacheOutcome:
        if self._hit is not None:
            return self._hit.kind
        return self._ticket.outcome if self._ticket is not None else "bypass"

    def _similarity(self) -> float:
        """Of the answer given; without one, of the nearest question that is kept."""
        if self._hit is not None:
            return self._hit.similarity
        return self._ticket.similarity if self._ticket is not None else 0.0

    def _cache_key(self) -> str | None:
        """The request's key, by which its answer can be let go of; None where the cache stood aside."""
        keys = self._ticket.keys if self._ticket is not None else None
        return keys.exact.hex() if keys is not None else None

    def _row(self) -> LedgerRow:
        usage = self._usage or Usage()
        decision, hit, cost_ = self._decision, self._hit, self.cost
        answer = hit.answer if hit is not None else None
        return LedgerRow(
            request_id=self.request_id,
            at=self._at,
            tenant=self._principal.tenant,
            key_id=self._principal.key_id,
            team=self._principal.team,
            user_id=self._principal.user,
            endpoint=self._endpoint,
            requested_model=self._request.model[:MAX_NAME_CHARS] if self._request else None,
            route=answer.route if answer else (decision.route if decision else None),
            model=self._model(),
            provider=self._served.provider if self._served else None,
            deployment=self._served.deployment if self._served else None,
            attempts=self._attempts,
            rule=self._rule,
            reason=decision.reason if decision else (answer.reason if answer else self._embeds and "embeddings"),
            win_rate=decision.win_rate if decision else (answer.win_rate if answer else None),
            threshold=decision.threshold if decision else (answer.threshold if answer else None),
            artifact=self._artifact if self._request and self._embeds is None else None,
            cache=self._cache_outcome() if self._request else None,
            cache_similarity=hit.similarity if hit else None,
            stream=bool(self._request and self._request.stream),
            status=self._status(),
            outcome="cancelled" if self._cancelled else ("error" if self._error else "ok"),
            error_code=(self._error.code or self._error.type) if self._error else None,
            finish_reason=self._fold.finish_reason if self._fold else self._finish_reason,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            cache_written_tokens=usage.cache_written_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            tokens_estimated=usage.estimated,
            cost_usd=cost_.usd,
            baseline_cost_usd=cost_.baseline_usd,
            uncertain_usd=cost_.uncertain_usd if cost_.usd is not None else None,
            latency_ms=self._elapsed_ms(),
            first_token_ms=self._first_token_ms,
            decision_us=self._decision_us,
            verify_us=self._verify_us,
            embedded_ms=self._embedded_ms(),
            scored_tokens=decision.evidence.tokens if decision else None,
            unfamiliarity=decision.evidence.unfamiliarity if decision else None,
            cache_key=self._cache_key(),
            cache_entry=hit.entry.hex() if hit and hit.entry else None,
            cache_verdict=hit.verdict.score if hit and hit.verdict else None,
            cache_verifier=hit.verdict.verifier if hit and hit.verdict else None,
        )

    def _model(self) -> str | None:
        """The model that answered; where none did, the one that was to."""
        if self._hit is not None:
            return self._hit.answer.model
        if self._served is not None:
            return self._served.model
        return self._decision.model if self._decision is not None else self._embeds

    def _status(self) -> int:
        if self._cancelled:
            return CLIENT_CLOSED_REQUEST
        return self._error.status if self._error else 200


def _decided(decision: Decision | None, pace: Pace | None) -> Decided:
    if decision is None:
        return Decided()
    paces = {} if pace is None else pace.each
    return Decided(decision.route, decision.win_rate, decision.threshold, decision.reason == "paced", paces)
