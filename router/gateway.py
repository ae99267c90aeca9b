"""The path of one request, told once: cache, score, decision, upstream, answer."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from router.artifacts.in_use import InUse
from router.cache import Cache, Embed, Flights, Hit, StreamFold, Ticket, replay
from router.errors import NotCached, OnlyIfCached, UpstreamBroken, UpstreamError, UpstreamRefused
from router.feedback import Feedback
from router.ledger.ledger import Ledger
from router.ledger.prices import ModelRef, cost
from router.ledger.tokens import estimate_usage
from router.metrics import Metrics
from router.policy import AUTO, NO_PROMISE, Models, decide, kept_promise, pinned_route
from router.scoring.prompt import bound, prompt_text
from router.settlement import Settlement
from router.types import (
    ChatRequest,
    Cost,
    Decision,
    Evidence,
    Principal,
    Reason,
    Route,
    Tuning,
    Usage,
    WhenUnfamiliar,
)
from router.upstream.base import StreamReply, Upstream
from router.upstream.build import Upstreams

EXPECTED_COMPLETION_TOKENS = 264
"""Answer length that a preview assumes: the mean that RouteLLM's paper (arXiv 2406.18665) takes for its costs."""

_TRANSIENT_STATUS = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class Call:
    """One understood request: the typed view, the whole body, and how the caller wants it routed."""

    principal: Principal
    request: ChatRequest
    body: Mapping[str, Any]
    tuning: Tuning
    cache_control: str | None = None

    @property
    def streams(self) -> bool:
        """Whether the caller wants server-sent events."""
        return bool(self.request.stream)

    @property
    def wants_usage_chunk(self) -> bool:
        """Whether the caller asked for the chunk with the token counts."""
        options = self.request.stream_options
        return bool(options and options.include_usage)


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """A complete JSON answer, the upstream's bytes untouched."""

    body: bytes


class StreamedAnswer:
    """An answer in events. Iterate for the payloads of ``chat.completion.chunk`` events, then ``aclose``."""

    def __init__(self, payloads: AsyncGenerator[bytes, None], reply: StreamReply | None = None) -> None:
        self._payloads = payloads
        self._reply = reply

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._payloads

    @property
    def at_hand(self) -> bool:
        """Whether the next payload is there already; a reply that cannot tell gives one at a time."""
        return getattr(self._reply, "at_hand", False)

    async def aclose(self) -> None:
        """Let go of the upstream, however far the stream has come."""
        await self._payloads.aclose()
        if self._reply is not None:
            await self._reply.aclose()


Answer = WholeAnswer | StreamedAnswer


class RoutePreview(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen to a request, without asking anybody. Costs are estimates in US dollars; None where unknown.

    ``promise``: what is promised of the threshold, ``none`` where it is an estimate, None where neither was asked for.
    """

    route: Route
    model: str
    reason: Reason
    win_rate: float | None
    threshold: float | None
    artifact: str
    cost_usd: float | None
    baseline_cost_usd: float | None
    evidence: Evidence
    promise: str | None


class Gateway:
    """Joins cache, upstreams and ledger with the artifact in use, which is the one thing that may change.

    ``put_in_use`` may be called at any time on the event loop: a request is decided by the artifact that it read first,
    also where it waited for an equal one meanwhile.
    """

    def __init__(
        self,
        *,
        in_use: InUse,
        upstreams: Upstreams,
        cache: Cache,
        ledger: Ledger,
        metrics: Metrics,
        fallback: bool,
        when_unfamiliar: WhenUnfamiliar,
        single_flight: bool = True,
        keep_pairs: bool = False,
    ) -> None:
        self.upstreams = upstreams
        self.cache = cache
        self._flights = Flights(cache, enabled=single_flight)
        self.ledger = ledger
        self.feedback = Feedback(ledger, cache, keep_pairs=keep_pairs)
        self.metrics = metrics
        self.put_in_use(in_use)
        self._fallback = fallback
        self._when_unfamiliar: WhenUnfamiliar = when_unfamiliar

    def put_in_use(self, in_use: InUse) -> None:
        """Let this artifact decide the requests that come from now on."""
        self.in_use = in_use
        self.metrics.watch(in_use.artifact, in_use.scorer.manifest.reference)

    def open(self, principal: Principal, endpoint: str, request_id: str) -> Settlement:
        """Begin a request: from here on it will be in the ledger."""
        return Settlement(
            ledger=self.ledger,
            request_id=request_id,
            principal=principal,
            endpoint=endpoint,
            artifact=self.in_use.artifact,
            baseline=_reference(self.upstreams.strong),
        )

    async def answer(self, call: Call, settlement: Settlement) -> Answer:
        """Answer one request.

        The exact cache comes first, since it needs no encoder, and with it the answer that an equal request is just
        being given; then the score, the decision, the semantic cache, the upstream.

        Raises:
            ApiError: one of its subclasses; nothing has been sent to the caller by then.
        """
        in_use = self.in_use
        settlement.decided_by(in_use.artifact)
        threshold = in_use.dial.threshold(call.tuning)
        settlement.promised(self.promise(in_use, call.tuning))
        ticket = self._ticket(call, in_use, threshold)
        settlement.ticketed(ticket)
        hit = await self._flights.exact(ticket, lead=settlement.leads)
        if hit is not None:
            return _replayed(call, hit, settlement)
        decision, embed = self._timed_decision(call, in_use, threshold, settlement)
        settlement.will_cache(self.cache, ticket, embed)
        hit = await self.cache.semantic(ticket, embed, accept=lambda cached: _as_good_as(cached.route, decision.route))
        if hit is not None:
            self.feedback.served(ticket, settlement.request_id, hit, call.body["messages"])
            return _replayed(call, hit, settlement)
        if call.tuning.cache_only:
            raise NotCached("There is no cached answer to this request.")
        if ticket.only_if_cached:
            raise OnlyIfCached("There is no cached answer to this request, and 'only-if-cached' allows no other.")
        return await self._ask(call, decision, settlement)

    def preview(self, call: Call) -> RoutePreview:
        """The decision for a request, and what it would cost, without asking anybody."""
        in_use = self.in_use
        decision, _ = self._decide(call, in_use, in_use.dial.threshold(call.tuning), explain=True)
        expected = self._expected_cost(call, decision)
        return RoutePreview(
            route=decision.route,
            model=decision.model,
            reason=decision.reason,
            win_rate=decision.win_rate,
            threshold=decision.threshold,
            artifact=decision.artifact,
            cost_usd=None if expected.usd is None else float(expected.usd),
            baseline_cost_usd=None if expected.baseline_usd is None else float(expected.baseline_usd),
            evidence=decision.evidence,
            promise=kept_promise(self.promise(in_use, call.tuning), decision.reason),
        )

    def promise(self, in_use: InUse, tuning: Tuning) -> str | None:
        """What is promised of a request's threshold; see ``Dial.promise``. Nothing where there is no choice."""
        promise = in_use.dial.promise(tuning)
        return NO_PROMISE if promise is not None and not self.routes else promise

    @property
    def routes(self) -> bool:
        """Whether there are two models to choose between."""
        return self.upstreams.weak is not None and self.upstreams.strong is not None

    @property
    def models(self) -> Models:
        """The model ids behind the routes, as far as they are known."""
        weak, strong = self.upstreams.weak, self.upstreams.strong
        return Models(weak=weak.model if weak else None, strong=strong.model if strong else None)

    # Decision.

    def _timed_decision(
        self, call: Call, in_use: InUse, threshold: float, settlement: Settlement
    ) -> tuple[Decision, Embed]:
        started = time.perf_counter()
        decision, embed = self._decide(call, in_use, threshold)
        settlement.decided(decision, took_us=(time.perf_counter() - started) * 1e6)
        self.metrics.decided(decision)
        return decision, embed

    def _decide(self, call: Call, in_use: InUse, threshold: float, *, explain: bool = False) -> tuple[Decision, Embed]:
        """The decision, and an encoder that need not encode the scored text again."""
        scorer = in_use.scorer
        text = prompt_text(call.request.messages)
        score = scorer.score(text)
        evidence = Evidence(
            score=score.score,
            tokens=score.tokens,
            unfamiliarity=score.unfamiliarity,
            tuned_by=call.tuning.source,
            contributions=scorer.explain(text) if explain else {},
        )
        decision = decide(
            tuning=call.tuning,
            threshold=threshold,
            win_rate=score.win_rate,
            models=self.models,
            artifact=in_use.artifact,
            evidence=evidence,
            when_unfamiliar=self._when_unfamiliar,
        )
        return decision, lambda asked: score.embedding if bound(asked) == text else scorer.encode(asked)

    def _ticket(self, call: Call, in_use: InUse, threshold: float) -> Ticket:
        pinned = pinned_route(call.tuning, self.models)
        rule = f"pin={pinned}" if pinned else f"threshold={threshold:.6f}|unfamiliar={self._when_unfamiliar}"
        # Who asks for a cached answer only wants the one that `auto` would have been given.
        body = {**call.body, "model": AUTO} if call.tuning.cache_only else call.body
        ticket = self.cache.ticket(
            tenant=call.principal.tenant,
            # The artifact belongs to it even under a pin: vectors of two encoders must never be compared.
            policy=f"{in_use.digest}|{rule}|{_named(self.upstreams.weak)}|{_named(self.upstreams.strong)}",
            request=call.request,
            body=body,
            cache_control=call.cache_control,
            encoder=in_use.scorer.manifest.encoder.sha256,
        )
        ticket.only_if_cached |= call.tuning.cache_only
        return ticket

    def _expected_cost(self, call: Call, decision: Decision) -> Cost:
        limits = (call.request.max_completion_tokens, call.request.max_tokens, EXPECTED_COMPLETION_TOKENS)
        prompt_tokens = estimate_usage(call.request, "").prompt_tokens
        # Some servers read a negative limit as none.
        completion_tokens = min(limit for limit in limits if limit is not None and limit >= 0)
        usage = Usage(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, estimated=True)
        return cost(usage, _reference(self._on(decision.route)), _reference(self.upstreams.strong))

    # Upstream.

    async def _ask(self, call: Call, decision: Decision, settlement: Settlement) -> Answer:
        try:
            return await self._ask_route(call, decision.route, settlement)
        except UpstreamError as error:
            other = self._fallback_for(decision, error)
            if other is None:
                raise
            settlement.decided(other)
            try:
                answer = await self._ask_route(call, other.route, settlement)
            except UpstreamError:
                # Both failed: the first failure is the one the caller asked about.
                settlement.decided(decision)
                raise error from None
            self.metrics.fell_back(other)
            return answer

    def _fallback_for(self, decision: Decision, error: UpstreamError) -> Decision | None:
        """The decision to try next, where policy and the kind of failure allow one."""
        if not self._fallback or decision.reason == "pinned" or not _is_transient(error):
            return None
        route: Route = "weak" if decision.route == "strong" else "strong"
        upstream = self._on(route)
        if upstream is None:
            return None
        reason: Reason = "strong-failed" if decision.route == "strong" else "weak-failed"
        return msgspec.structs.replace(decision, route=route, model=upstream.model, reason=reason)

    async def _ask_route(self, call: Call, route: Route, settlement: Settlement) -> Answer:
        upstream = self._on(route)
        if upstream is None:
            raise RuntimeError(f"a decision for the {route} route without an upstream")
        if not call.streams:
            reply = await upstream.complete(call.body)
            settlement.served_by(_priced(upstream))
            settlement.answered(reply.body)
            return WholeAnswer(reply.body)
        return await self._stream(call, upstream, settlement)

    async def _stream(self, call: Call, upstream: Upstream, settlement: Settlement) -> StreamedAnswer:
        reply = await upstream.stream(call.body)
        payloads = aiter(reply)
        try:
            # The first chunk is awaited: until it is here, another route may still answer.
            first = await anext(payloads, None)
            if first is None:
                raise UpstreamBroken(f"The {upstream.name} model sent an empty stream.", upstream=upstream.name)
        except BaseException:
            await reply.aclose()
            raise
        settlement.served_by(_priced(upstream))
        settlement.first_byte()
        fold = StreamFold()
        settlement.streaming(fold)
        return StreamedAnswer(_relay(first, payloads, fold, keep_usage=call.wants_usage_chunk), reply)

    def _on(self, route: Route) -> Upstream | None:
        return self.upstreams.weak if route == "weak" else self.upstreams.strong


async def _relay(
    first: bytes, payloads: AsyncIterator[bytes], fold: StreamFold, *, keep_usage: bool
) -> AsyncGenerator[bytes, None]:
    """Pass payloads on as they come. The usage chunk that we asked for is held back where the caller did not."""
    if not fold.add(first) or keep_usage:
        yield first
    async for payload in payloads:
        if not fold.add(payload) or keep_usage:
            yield payload


def _replayed(call: Call, hit: Hit, settlement: Settlement) -> Answer:
    settlement.served_from_cache(hit)
    settlement.first_byte()
    if not call.streams:
        return WholeAnswer(bytes(hit.answer.body))
    chunks = replay(hit.answer.body, include_usage=call.wants_usage_chunk, pieces=hit.answer.pieces)
    return StreamedAnswer(_each(chunks))


async def _each(payloads: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    for payload in payloads:
        yield payload


def _as_good_as(cached: Route, due: Route) -> bool:
    """Whether an answer from one route may stand for a request that is due the other: never weak for strong."""
    return cached == "strong" or due == "weak"


def _is_transient(error: UpstreamError) -> bool:
    """Whether another upstream may succeed: not where the request itself was refused."""
    if isinstance(error, UpstreamRefused):
        return error.status >= 500 or error.status in _TRANSIENT_STATUS
    return True


def _priced(upstream: Upstream) -> ModelRef:
    return ModelRef(upstream.provider, upstream.model)


def _named(upstream: Upstream | None) -> str:
    """What tells a model from another one of the same name, also over a restart with other settings."""
    return "" if upstream is None else f"{upstream.provider}/{upstream.model}@{upstream.address}"


def _reference(upstream: Upstream | None) -> ModelRef | None:
    return None if upstream is None else _priced(upstream)
