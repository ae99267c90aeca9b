"""The path of one request, told once: cache, score, decision, upstream, answer."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping

import msgspec

from router.admission import Admission
from router.artifacts.in_use import InUse
from router.asking import Fallbacks
from router.cache import Cache, Elsewhere, Embed, Flights, Hit, Ticket, replay, standing_aside, with_native
from router.calls import Answer, Batches, Call, StreamedAnswer, WholeAnswer
from router.catalogue import Catalogue
from router.deciding import Decider, Reading, RoutePreview
from router.errors import LocalOnly, NotCached, NoUpstream, OnlyIfCached, UnknownModel
from router.feedback import Feedback
from router.ledger.ledger import Ledger
from router.ledger.prices import Prices
from router.metrics import Metrics, Traffic
from router.parts import Parts, Wiring, local_parts
from router.policy import AUTO, Models
from router.principals import Principal
from router.recent import Recent, Sight
from router.room import Room
from router.settlement import Settlement
from router.terms import Terms, Ways
from router.tracing import NoTracing, Tracing
from router.types import CachedAnswer, Decision, Route
from router.upstream.base import Upstream
from router.upstream.build import Upstreams
from router.upstream.connection_pool import ONLY_LOCAL

NO_HEADERS: Mapping[str, str] = {}


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
        private: bool = False,
        tracing: Tracing | None = None,
    ) -> None:
        self.room = Room(max_concurrent)
        self.recent = Recent()
        self.admission = admission or Admission()
        self.cache = cache
        self._flights = Flights(cache, enabled=single_flight, elsewhere=elsewhere)
        self.ledger = ledger
        self.feedback = Feedback(ledger, cache, keep_pairs=keep_pairs)
        self.metrics = metrics
        self.traffic = Traffic()
        self.tracing = tracing or NoTracing()
        self.put_in_use(in_use)
        self.draining = False
        self.join(
            Wiring(
                upstreams=upstreams,
                ways=ways,
                fallbacks=fallbacks,
                embeddings=embeddings,
                embeddings_model=embeddings_model,
                private=private,
            )
        )

    def put_in_use(self, in_use: InUse) -> None:
        """Let this artifact decide the requests that come from now on."""
        self.in_use = in_use
        self.metrics.watch(in_use.artifact, in_use.scorer.manifest.reference)

    def connect(self, upstreams: Upstreams) -> None:
        """Let these upstreams answer the requests that come from now on."""
        self.join(dataclasses.replace(self._parts.wiring, upstreams=upstreams))

    def join(self, wiring: Wiring) -> None:
        """Let this wiring decide and answer the requests that come from now on.

        Raises:
            SettingsError: a rule leads nowhere; nothing changes.
        """
        parts, local = Parts(wiring, self.metrics), local_parts(wiring, self.metrics)
        self._parts, self._local = parts, local

    @property
    def busy(self) -> Callable[[], bool]:
        """Tells whether what answers now is still in use, also once another wiring has taken over."""
        parts, local = self._parts, self._local
        return lambda: parts.busy or local.busy

    def parts_for(self, *, local_only: bool) -> Parts:
        """What answers a request; where it is to stay on this machine and its network, nothing else is there."""
        return self._local if local_only else self._parts

    def upstreams_for(self, principal: Principal) -> Upstreams:
        """The upstreams that a caller's requests can reach."""
        return self.parts_for(local_only=principal.local_only).wiring.upstreams

    @property
    def wiring(self) -> Wiring:
        """What answers requests now."""
        return self._parts.wiring

    @property
    def upstreams(self) -> Upstreams:
        """The upstreams that answer requests now."""
        return self._parts.wiring.upstreams

    @property
    def embeddings(self) -> Upstream | None:
        """The upstream that is configured for embeddings."""
        return self._parts.wiring.embeddings

    @property
    def decider(self) -> Decider:
        """What decides requests now."""
        return self._parts.decider

    def open(
        self, principal: Principal, endpoint: str, request_id: str, headers: Mapping[str, str] = NO_HEADERS
    ) -> Settlement:
        """Begin a request: from here on it will be in the ledger.

        Args:
            principal: who asks.
            endpoint: the path that was called.
            request_id: by which it is known.
            headers: the caller's, found in lower case.
        """
        return Settlement(
            ledger=self.ledger,
            request_id=request_id,
            principal=principal,
            endpoint=endpoint,
            artifact=self.in_use.artifact,
            baseline=self.decider.baseline,
            prices=self.prices,
            recent=self.recent,
            trace=self.tracing.begin(endpoint, headers),
            witnesses=(self.traffic.settled,),
        )

    async def answer(self, call: Call, settlement: Settlement) -> Answer:
        """Answer one request.

        Limits and budgets come first, then the operator's rules; then the exact cache, since it needs no encoder, and
        with it the answer that an equal request is just being given; then the score, the decision, the semantic cache,
        the upstream.

        Raises:
            ApiError: one of its subclasses; nothing has been sent to the caller by then.
        """
        private = call.is_local_only or self.wiring.private
        parts = self.parts_for(local_only=private)
        parts.users += 1
        within = ONLY_LOCAL.set(private)
        if private:
            settlement.stays_here()
        try:
            with settlement.trace:
                return await self._answer(call, settlement, parts)
        except (UnknownModel, NoUpstream) as error:
            if call.is_local_only:
                raise _not_local(error) from error
            raise
        finally:
            ONLY_LOCAL.reset(within)
            parts.users -= 1

    async def _answer(self, call: Call, settlement: Settlement, parts: Parts) -> Answer:
        grant = await self.admission.admit(call)
        settlement.admitted(grant)
        decider = parts.decider
        if call.endpoint == "embeddings":
            settlement.ruled(decider.admit(call))
            return await parts.embeddings.answer(call, settlement)
        call = _read(call, parts)
        in_use = self.in_use
        settlement.decided_by(in_use.artifact)
        pace = grant.pace(in_use.scorer.curve) if decider.routes else None
        terms = decider.terms(call, in_use, pace)
        settlement.paced(pace)
        settlement.ruled(terms.ruling.name)
        settlement.promised(terms.promise)
        ticket = self._ticket(call, decider.cache_policy(in_use, terms), in_use, terms)
        settlement.ticketed(ticket)
        began = time.perf_counter()
        hit = await self._flights.exact(ticket, lead=settlement.leads)
        settlement.looked_for_repeats(took_us=(time.perf_counter() - began) * 1e6, hit=hit is not None)
        if hit is not None and _still_due(hit.answer, terms):
            return _replayed(call, hit, settlement)
        decision, embed = self._timed_decision(decider, call, in_use, terms, settlement)
        settlement.will_cache(self.cache, ticket, embed)
        settlement.will_remember(decider.remember(call))
        began = time.perf_counter()
        hit = await self.cache.semantic(ticket, embed, accept=lambda cached: _as_good_as(cached.route, decision.route))
        settlement.looked_for_rewordings(took_us=(time.perf_counter() - began) * 1e6, hit=hit is not None)
        if hit is not None:
            self.feedback.served(ticket, settlement.request_id, hit, call.body["messages"])
            return _replayed(call, hit, settlement)
        if call.tuning.cache_only:
            raise NotCached("There is no cached answer to this request.")
        if ticket.only_if_cached:
            raise OnlyIfCached("There is no cached answer to this request, and 'only-if-cached' allows no other.")
        return await parts.asker.ask(call, decision, settlement)

    def preview(self, call: Call) -> RoutePreview:
        """The decision for a request, and what it would cost, without asking anybody."""
        parts = self.parts_for(local_only=call.is_local_only)
        curve = self.in_use.scorer.curve
        pace = self.admission.pace(call.principal.scopes, curve) if parts.decider.routes else None
        try:
            return parts.decider.preview(_read(call, parts), self.in_use, pace)
        except (UnknownModel, NoUpstream) as error:
            if call.is_local_only:
                raise _not_local(error) from error
            raise

    @property
    def waiting(self) -> int:
        """Requests that wait for the answer that an equal one is being given."""
        return self._flights.waiting

    @property
    def catalogue(self) -> Catalogue:
        """What models can take."""
        return self.wiring.ways.catalogue

    @property
    def prices(self) -> Prices:
        """What models cost."""
        return self.wiring.ways.prices

    @property
    def routes(self) -> bool:
        """Whether there are two models to choose between."""
        return self.decider.routes

    @property
    def models(self) -> Models:
        """The model ids behind the routes, as far as they are known."""
        return self.decider.models

    def _timed_decision(
        self, decider: Decider, call: Call, in_use: InUse, terms: Terms, settlement: Settlement
    ) -> tuple[Decision, Embed]:
        started = time.perf_counter()
        decision, reading = decider.decide(call, in_use, terms)
        settlement.decided(decision, took_us=(time.perf_counter() - started) * 1e6)
        settlement.saw(_sight(reading, in_use))
        self.metrics.decided(decision)
        return decision, reading

    def _ticket(self, call: Call, policy: str, in_use: InUse, terms: Terms) -> Ticket:
        # Who asks for a cached answer only wants the one that `auto` would have been given.
        body = {**call.body, "model": AUTO} if call.tuning.cache_only else call.body
        if call.endpoint != "chat/completions":
            return standing_aside("endpoint", call.cache_control, cache_only=call.tuning.cache_only)
        ticket = self.cache.ticket(
            tenant=call.principal.tenant,
            policy=policy,
            request=call.request,
            body=with_native(body, call.native),
            cache_control=call.cache_control if terms.ruling.cache else f"{call.cache_control or ''}, no-store",
            encoder=in_use.scorer.manifest.encoder.sha256,
        )
        ticket.only_if_cached |= call.tuning.cache_only
        return ticket


def _sight(reading: Reading, in_use: InUse) -> Sight:
    score = reading.scored.score
    encoder = in_use.scorer.manifest.encoder
    return Sight(
        input=score.row,
        dim=encoder.dim,
        score=score.score,
        artifact=in_use.digest,
        encoder=encoder.sha256,
    )


def _read(call: Call, parts: Parts) -> Call:
    """The same call, an alias in its model's place read as what it stands for; without a wish, the key's own."""
    tuning = parts.wiring.upstreams.read(call.tuning)
    if tuning.source == "server" and call.principal.threshold is not None:
        tuning = msgspec.structs.replace(tuning, threshold=call.principal.threshold, source="key")
    return call if tuning is call.tuning else dataclasses.replace(call, tuning=tuning)


def _not_local(error: UnknownModel | NoUpstream) -> LocalOnly:
    """Why a request that is to stay here is refused: with what nobody has it would be the same, and no more is told."""
    return LocalOnly(
        "This request is to be answered on this machine or its network (privacy: local-only), and no local model may "
        "answer it. Ask for `auto` or a local model, or let the operator configure one.",
        param=error.param,
    )


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
