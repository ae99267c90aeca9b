"""The path of one request, told once: cache, score, decision, upstream, answer."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator

import msgspec

from router.admission import Admission
from router.artifacts.in_use import InUse
from router.asking import Asker, Fallbacks
from router.cache import Cache, Elsewhere, Embed, Flights, Hit, Ticket, replay, standing_aside, with_native
from router.calls import Answer, Batches, Call, StreamedAnswer, WholeAnswer
from router.catalogue import Catalogue
from router.deciding import Decider, RoutePreview
from router.embeddings import Embeddings
from router.errors import NotCached, OnlyIfCached
from router.feedback import Feedback
from router.ledger.ledger import Ledger
from router.ledger.prices import Prices
from router.metrics import Metrics
from router.policy import AUTO, Models
from router.principals import Principal
from router.room import Room
from router.settlement import Settlement
from router.terms import Terms, Ways
from router.types import CachedAnswer, Decision, Route
from router.upstream.base import Upstream
from router.upstream.build import Upstreams


class Gateway:
    """Joins cache, upstreams and ledger with the artifact in use, which is the one thing that may change.

    ``put_in_use`` may be called at any time on the event loop: a request is decided by the artifact that it read first,
    also where it waited for an equal one meanwhile. ``draining``: the server was told to stop.
    """

    def __init__(
        self,
        *,
        in_use: InUse,
        upstreams: Upstreams,
        cache: Cache,
        ledger: Ledger,
        metrics: Metrics,
        fallbacks: Fallbacks,
        ways: Ways,
        single_flight: bool = True,
        elsewhere: Elsewhere | None = None,
        keep_pairs: bool = False,
        max_concurrent: int = 1024,
        admission: Admission | None = None,
        embeddings: Upstream | None = None,
        embeddings_model: str | None = None,
    ) -> None:
        self.room = Room(max_concurrent)
        self.admission = admission or Admission()
        self.embeddings = embeddings
        self._embeddings_model = embeddings_model
        self.cache = cache
        self._flights = Flights(cache, enabled=single_flight, elsewhere=elsewhere)
        self.ledger = ledger
        self.feedback = Feedback(ledger, cache, keep_pairs=keep_pairs)
        self.metrics = metrics
        self.put_in_use(in_use)
        self._fallbacks = fallbacks
        self._ways = ways
        self.draining = False
        self.connect(upstreams)

    def put_in_use(self, in_use: InUse) -> None:
        """Let this artifact decide the requests that come from now on."""
        self.in_use = in_use
        self.metrics.watch(in_use.artifact, in_use.scorer.manifest.reference)

    def connect(self, upstreams: Upstreams) -> None:
        """Let these upstreams answer the requests that come from now on."""
        self.upstreams = upstreams
        self.decider = decider = Decider(upstreams=upstreams, ways=self._ways)
        self._asker = Asker(
            upstreams=upstreams,
            metrics=self.metrics,
            fallbacks=self._fallbacks,
            window=lambda upstream: decider.abilities(upstream).context,
            may_answer=decider.may_answer,
            expected_cost=decider.expected_cost,
        )
        self._embeddings = Embeddings(
            own=self.embeddings, model=self._embeddings_model, upstreams=upstreams, prices=self._ways.prices
        )

    def open(self, principal: Principal, endpoint: str, request_id: str) -> Settlement:
        """Begin a request: from here on it will be in the ledger."""
        return Settlement(
            ledger=self.ledger,
            request_id=request_id,
            principal=principal,
            endpoint=endpoint,
            artifact=self.in_use.artifact,
            baseline=self.decider.baseline,
            prices=self._ways.prices,
        )

    async def answer(self, call: Call, settlement: Settlement) -> Answer:
        """Answer one request.

        Limits and budgets come first, then the operator's rules; then the exact cache, since it needs no encoder, and
        with it the answer that an equal request is just being given; then the score, the decision, the semantic cache,
        the upstream.

        Raises:
            ApiError: one of its subclasses; nothing has been sent to the caller by then.
        """
        grant = await self.admission.admit(call)
        settlement.admitted(grant)
        if call.endpoint == "embeddings":
            settlement.ruled(self.decider.admit(call))
            return await self._embeddings.answer(call, settlement)
        call = self._read(call)
        in_use = self.in_use
        settlement.decided_by(in_use.artifact)
        pace = grant.pace(in_use.scorer.curve) if self.routes else None
        terms = self.decider.terms(call, in_use, pace)
        settlement.paced(pace)
        settlement.ruled(terms.ruling.name)
        settlement.promised(terms.promise)
        ticket = self._ticket(call, in_use, terms)
        settlement.ticketed(ticket)
        hit = await self._flights.exact(ticket, lead=settlement.leads)
        if hit is not None and _still_due(hit.answer, terms):
            return _replayed(call, hit, settlement)
        decision, embed = self._timed_decision(call, in_use, terms, settlement)
        settlement.will_cache(self.cache, ticket, embed)
        settlement.will_remember(self.decider.remember(call))
        began = time.perf_counter()
        hit = await self.cache.semantic(ticket, embed, accept=lambda cached: _as_good_as(cached.route, decision.route))
        settlement.looked_for_rewordings(took_us=(time.perf_counter() - began) * 1e6)
        if hit is not None:
            self.feedback.served(ticket, settlement.request_id, hit, call.body["messages"])
            return _replayed(call, hit, settlement)
        if call.tuning.cache_only:
            raise NotCached("There is no cached answer to this request.")
        if ticket.only_if_cached:
            raise OnlyIfCached("There is no cached answer to this request, and 'only-if-cached' allows no other.")
        return await self._asker.ask(call, decision, settlement)

    def preview(self, call: Call) -> RoutePreview:
        """The decision for a request, and what it would cost, without asking anybody."""
        pace = self.admission.pace(call.principal.scopes, self.in_use.scorer.curve) if self.routes else None
        return self.decider.preview(self._read(call), self.in_use, pace)

    def _read(self, call: Call) -> Call:
        """The same call, an alias in its model's place read as what it stands for; without a wish, the key's own."""
        tuning = self.upstreams.read(call.tuning)
        if tuning.source == "server" and call.principal.threshold is not None:
            tuning = msgspec.structs.replace(tuning, threshold=call.principal.threshold, source="key")
        return call if tuning is call.tuning else dataclasses.replace(call, tuning=tuning)

    @property
    def catalogue(self) -> Catalogue:
        """What models can take."""
        return self._ways.catalogue

    @property
    def prices(self) -> Prices:
        """What models cost."""
        return self._ways.prices

    @property
    def routes(self) -> bool:
        """Whether there are two models to choose between."""
        return self.decider.routes

    @property
    def models(self) -> Models:
        """The model ids behind the routes, as far as they are known."""
        return self.decider.models

    def _timed_decision(
        self, call: Call, in_use: InUse, terms: Terms, settlement: Settlement
    ) -> tuple[Decision, Embed]:
        started = time.perf_counter()
        decision, embed = self.decider.decide(call, in_use, terms)
        settlement.decided(decision, took_us=(time.perf_counter() - started) * 1e6)
        self.metrics.decided(decision)
        return decision, embed

    def _ticket(self, call: Call, in_use: InUse, terms: Terms) -> Ticket:
        # Who asks for a cached answer only wants the one that `auto` would have been given.
        body = {**call.body, "model": AUTO} if call.tuning.cache_only else call.body
        if call.endpoint != "chat/completions":
            return standing_aside("endpoint", call.cache_control, cache_only=call.tuning.cache_only)
        ticket = self.cache.ticket(
            tenant=call.principal.tenant,
            policy=self.decider.cache_policy(in_use, terms),
            request=call.request,
            body=with_native(body, call.native),
            cache_control=call.cache_control if terms.ruling.cache else f"{call.cache_control or ''}, no-store",
            encoder=in_use.scorer.manifest.encoder.sha256,
        )
        ticket.only_if_cached |= call.tuning.cache_only
        return ticket


def _replayed(call: Call, hit: Hit, settlement: Settlement) -> Answer:
    settlement.served_from_cache(hit)
    settlement.first_byte()
    if not call.streams:
        return WholeAnswer(bytes(hit.answer.body))
    chunks = replay(hit.answer.body, include_usage=call.wants_usage_chunk, pieces=hit.answer.pieces)
    return StreamedAnswer(_each(chunks))


async def _each(payloads: Iterator[bytes]) -> Batches:
    for payload in payloads:
        yield [payload]


def _still_due(answer: CachedAnswer, terms: Terms) -> bool:
    """Whether a kept answer is what the request is due: not where it came from the weak model for lack of money."""
    if answer.reason != "paced" or answer.route == "strong":
        return True
    return answer.win_rate is not None and answer.win_rate < terms.threshold


def _as_good_as(cached: Route, due: Route) -> bool:
    """Whether an answer from one route may stand for a request that is due the other: never weak for strong."""
    return cached in ("strong", due) or due == "weak"
