"""What is known of a request: told piece by piece as it happens, and read when it is written down."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from router.admission import NOTHING_HELD, Grant
from router.budgets import Pace
from router.cache import Hit, StreamFold, Ticket, read_answer
from router.calls import Answer, WholeAnswer
from router.errors import ApiError, UpstreamBroken, UpstreamTimeout
from router.ledger.prices import ModelRef, Prices
from router.ledger.tokens import estimate_usage
from router.principals import Principal
from router.recent import Sight, Step
from router.settlement.attempt import attempt
from router.tracing import Trace
from router.types import CacheOutcome, ChatRequest, Cost, Decision, Served, Usage


class Facts:
    """The facts of one request, as far as it has come. Whoever traces it hears of them as they are told.

    What nothing was told of yet is None, 0 or False. ``steps``: when each was reached, in milliseconds since the
    request arrived; ``first_token_ms`` the same. ``body``: the answer's bytes, where it came whole; ``fold``: where it
    came in chunks.

    Args:
        request_id: names the request to the caller, in the log and in the ledger.
        principal: who asked.
        endpoint: the path that was called.
        artifact: what decides, until ``decided_by`` says otherwise. A cached answer's is the same: its key holds it.
        baseline: the strong model, whose price is the baseline; None where there is none.
        prices: what models cost.
        trace: what it tells of its way.
    """

    # One is made for every request, with too many attributes for instances to share their keys: a dict costs 2 us.
    __slots__ = (
        "_asked",
        "_asked_embedded_at",
        "_besides",
        "_finish_reason",
        "_prices",
        "_started",
        "artifact",
        "at",
        "attempts",
        "baseline",
        "body",
        "decision",
        "decision_us",
        "embeddings_model",
        "endpoint",
        "error",
        "first_token_ms",
        "fold",
        "grant",
        "hit",
        "pace",
        "principal",
        "promise",
        "request",
        "request_id",
        "rule",
        "served",
        "sight",
        "steps",
        "ticket",
        "trace",
        "usage",
        "verify_us",
        "was_cancelled",
    )

    def __init__(
        self,
        *,
        request_id: str,
        principal: Principal,
        endpoint: str,
        artifact: str,
        baseline: ModelRef | None,
        prices: Prices,
        trace: Trace,
    ) -> None:
        self.request_id = request_id
        self.principal = principal
        self.endpoint = endpoint
        self.artifact = artifact
        self.baseline = baseline
        self.trace = trace
        self._prices = prices
        self.at = datetime.now(UTC)
        self._started = time.perf_counter()
        self.request: ChatRequest | None = None
        self.grant = NOTHING_HELD
        self.steps: list[tuple[Step, float]] = []
        self.sight: Sight | None = None
        self.decision: Decision | None = None
        self.decision_us: float | None = None
        self.verify_us: float | None = None
        self.promise: str | None = None
        self.rule: str | None = None
        self.pace: Pace | None = None
        self.embeddings_model: str | None = None
        self.ticket: Ticket | None = None
        self.hit: Hit | None = None
        self._asked: ModelRef | None = None
        self._asked_embedded_at: float | None = None
        self.served: Served | None = None
        self.attempts = 0
        self.first_token_ms: float | None = None
        self._besides = Decimal(0)
        self.fold: StreamFold | None = None
        self.body: bytes | None = None
        self.usage: Usage | None = None
        self._finish_reason: str | None = None
        self.error: ApiError | None = None
        self.was_cancelled = False

    # What happened, in the order in which it is told.

    def asked(self, request: ChatRequest) -> None:
        """The body was understood."""
        self.request = request

    def stays_here(self) -> None:
        """The request is to stay on this machine and its network."""
        self.trace = self.trace.only_local()

    def admitted(self, grant: Grant) -> None:
        """Limits and budgets have room for the request; what it holds of them it gives back with its end."""
        self.grant = grant
        self._reached("admitted")

    def decided_by(self, artifact: str) -> None:
        """The artifact that this request is judged by, from here to its end."""
        self.artifact = artifact

    def promised(self, promise: str | None) -> None:
        """What is promised of the threshold that was asked for; see ``Dial.promise``."""
        self.promise = promise

    def ruled(self, rule: str | None) -> None:
        """The operator's rules that were applied, if any were."""
        self.rule = rule

    def paced(self, pace: Pace | None) -> None:
        """The least threshold at which the budgets last."""
        self.pace = pace

    def decided(self, decision: Decision, *, took_us: float | None = None) -> None:
        """A route was chosen; told again where a fallback changes it."""
        if took_us is not None or decision is not self.decision:
            self.trace.decided(decision, took_us=took_us)
        self.decision = decision
        if took_us is not None:
            self.decision_us = took_us
            self._reached("decided")

    def saw(self, sight: Sight) -> None:
        """What the scorer saw of the request."""
        self.sight = sight

    def embeds(self, model: str) -> None:
        """An embeddings model is asked: there is no route, and no stronger model to compare its cost with."""
        self.embeddings_model = model
        self.baseline = None
        self.trace.asks_for(model)

    def ticketed(self, ticket: Ticket) -> None:
        """The cache has said what it may do with the request."""
        self.ticket = ticket

    def served_from_cache(self, hit: Hit) -> None:
        """A cached answer is given."""
        self.hit = hit
        self.usage = hit.answer.usage
        self._finish_reason = "stop"
        if self.verify_us is None:
            self._reached("cache")

    def looked_for_repeats(self, *, took_us: float, hit: bool) -> None:
        """The cache was asked for this very request's answer, also where an equal one was just getting it."""
        self.trace.looked_up("exact", took_us=took_us, hit=hit)

    def looked_for_rewordings(self, *, took_us: float, hit: bool = False) -> None:
        """The cache has judged whether a kept answer stands for this question."""
        self.verify_us = took_us
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
        self.served = served

    def attempted(self, times: int) -> None:
        """Deployments were asked, so many times; told once for each route."""
        self.attempts += times

    def first_byte(self) -> None:
        """The first part of the answer is there."""
        if self.first_token_ms is None:
            self.first_token_ms = self.elapsed_ms()
            self.steps.append(("first-token", self.first_token_ms))

    def price_of(self, answer: Answer) -> Decimal | None:
        """What a whole answer costs that came just now, whether it is given or not; None where that is not known."""
        if self.served is None or not isinstance(answer, WholeAnswer):
            return None
        said = read_answer(answer.body)
        usage = said.usage or self._estimate(said.text)
        if usage is None:
            return None
        return self._prices.price(self.served.provider, self.served.model, usage, at=self.at)

    def paid_besides(self, usd: Decimal | None) -> None:
        """An answer was paid for as well that is not given: another one is in its place."""
        self._besides += usd or 0

    def answered(self, body: bytes) -> None:
        """A whole answer came."""
        self.first_byte()
        said = read_answer(body)
        self.body = body
        self._finish_reason = said.finish_reason
        self.usage = said.usage or self._estimate(said.text)

    def streaming(self, fold: StreamFold) -> None:
        """An answer is coming in chunks; what has come is read from the fold when the request settles."""
        self.fold = fold

    def failed(self, error: ApiError) -> None:
        """The caller gets an error."""
        self.error = error

    def cancelled(self) -> None:
        """The caller left. Where the answer had been told to its end, that is no loss: many close at the last word."""
        if self.fold is None or not self.fold.finished:
            self.was_cancelled = True

    # What it comes to.

    @property
    def cost(self) -> Cost:
        """What the answer cost, as far as its tokens are known, and what the strong model would have cost."""
        if self.usage is None or (self.served is None and self.hit is None and not self._was_read_in_vain()):
            return Cost(None, None)
        served = ModelRef(self.served.provider, self.served.model) if self.served else self._asked
        if self.hit is not None:
            served = None
        cost_ = self._prices.cost(
            self.usage, served, self.baseline, at=self.at, by_baseline=self._is_by_baseline(self.hit)
        )
        if cost_.usd is None or not self._besides:
            return cost_
        return msgspec.structs.replace(cost_, usd=cost_.usd + self._besides)

    def _is_by_baseline(self, hit: Hit | None) -> bool:
        """Whether the cached answer that is given was the strong model's own."""
        return hit is not None and self.baseline is not None and hit.answer.model == self.baseline.model

    @property
    def is_billed(self) -> bool:
        """Whether an upstream answered, or read in vain: who always leaves early must not spend past a budget."""
        return self.served is not None or self._was_read_in_vain()

    def _was_read_in_vain(self) -> bool:
        """Whether an upstream took the prompt, and nothing of its answer came.

        One that refused, or that was never reached, bills nothing.
        """
        if self._asked is None or self.served is not None or self.hit is not None:
            return False
        return self.was_cancelled or isinstance(self.error, UpstreamTimeout | UpstreamBroken)

    def counted(self) -> Usage | None:
        """The tokens that it took, estimated where nobody told them; None where no upstream took the prompt."""
        if self.usage is not None:
            return self.usage
        if self.fold is not None:
            return self.fold.usage or self._counted_so_far(self.fold)
        return self._estimate("") if self._was_read_in_vain() else None

    def _counted_so_far(self, fold: StreamFold) -> Usage | None:
        """What is known of a stream that was left, or broke, before it told its usage: the prompt's part may be."""
        counted, known = self._estimate(fold.text()), fold.so_far
        if counted is None or known is None:
            return counted
        told = max(known.completion_tokens, counted.completion_tokens)
        return msgspec.structs.replace(known, completion_tokens=told, estimated=True)

    def _estimate(self, answer: str) -> Usage | None:
        request = self.request
        if request is None:
            return None
        return attempt(self.request_id, "an estimate", lambda: estimate_usage(request, answer))

    @property
    def finish_reason(self) -> str | None:
        """Why the answer ended, in its model's words."""
        return self.fold.finish_reason if self.fold else self._finish_reason

    def answer_text(self) -> str:
        """The text that the caller got, as far as it came."""
        if self.hit is not None:
            return read_answer(self.hit.answer.body).text
        if self.fold is not None:
            return self.fold.text()
        return read_answer(self.body).text if self.body is not None else ""

    @property
    def cache_outcome(self) -> CacheOutcome:
        """What the cache did for it."""
        if self.hit is not None:
            return self.hit.kind
        return self.ticket.outcome if self.ticket is not None else "bypass"

    def elapsed_ms(self) -> float:
        """Milliseconds since the request arrived."""
        return (time.perf_counter() - self._started) * 1000

    def embedded_ms(self) -> float | None:
        """Milliseconds since the embedded LLM was asked; None where another model was, or none."""
        asked_at = self._asked_embedded_at
        return None if asked_at is None else (time.perf_counter() - asked_at) * 1000

    def _reached(self, step: Step) -> None:
        self.steps.append((step, self.elapsed_ms()))
