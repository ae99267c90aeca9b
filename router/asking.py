"""From a decision to an answer: the upstream is asked, and another one where it fails before its first byte."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import msgspec
from msgspec import Struct

from router.cache import StreamFold
from router.calls import Answer, Batches, Call, StreamedAnswer, WholeAnswer
from router.endpoints import Endpoints
from router.errors import InsufficientQuota, InvalidRequest, UpstreamBroken, UpstreamError
from router.ledger.prices import ModelRef
from router.metrics import Metrics
from router.naming import ROUTES
from router.settings import Settings
from router.settlement import Settlement
from router.types import Cost, Decision, Reason, Route, Tuning
from router.upstream.base import StreamReply, Upstream, at_hand
from router.upstream.build import Upstreams
from router.upstream.embedded.upstream import ADDRESS as EMBEDDED
from router.upstream.faults import FILTERED, TOO_LONG, fault_of

logger = logging.getLogger("underdog.settings")

Window = Callable[[Upstream], int | None]
"""The context window of an upstream's model, in tokens; None where it is not known."""


class Fallbacks(Struct, frozen=True, kw_only=True):
    """Who is asked instead; see the settings of these names.

    ``other_route``: whether the other model may answer where the chosen one fails before its first byte. ``context``
    and ``content_filter``: routes or model ids, in order, where the prompt is too long or is refused by a filter.
    """

    other_route: bool = True
    context: tuple[str, ...] = ()
    content_filter: tuple[str, ...] = ()


def fallbacks_of(settings: Settings, upstreams: Upstreams) -> Fallbacks:
    """The fallbacks of a server, aliases read as what they stand for. A name that nobody has is pointed out.

    It is not refused: a model whose id the settings leave to its server is there from the first request on.
    """
    return Fallbacks(
        other_route=settings.fallback,
        context=_known("context_fallbacks", settings.context_fallbacks, upstreams),
        content_filter=_known("content_filter_fallbacks", settings.content_filter_fallbacks, upstreams),
    )


def _known(setting: str, names: tuple[str, ...], upstreams: Upstreams) -> tuple[str, ...]:
    found = []
    for name in names:
        tuning = upstreams.read(Tuning(pinned_route=ROUTES[name]) if name in ROUTES else Tuning(pinned_model=name))
        found.append(tuning.pinned_route or tuning.pinned_model or name)
        if upstreams.find(found[-1]) is None:
            logger.warning("%s: '%s' is no route, model or alias that can be asked here by now", setting, name)
    return tuple(found)


MayAnswer = Callable[[Call, Decision, Route, Upstream], bool]


def _unknown(_: Upstream) -> int | None:
    return None


def _anybody(_call: Call, decision: Decision, route: Route, _upstream: Upstream) -> bool:
    return route == "named" or route in decision.eligible


ExpectedCost = Callable[[Call, Route, str], Cost]


def _unpriced(_call: Call, _route: Route, _model: str) -> Cost:
    return Cost(None, None)


class Asker:
    """Asks upstreams on behalf of decided requests.

    Args:
        upstreams: what answers each route.
        metrics: where fallbacks are counted.
        fallbacks: who is asked instead.
        window: how long a prompt models take.
        may_answer: whether the upstream of a route may answer a request in the place of who was decided for.
        expected_cost: what a request is expected to cost if the model of this route and id answers it.
    """

    def __init__(
        self,
        *,
        upstreams: Upstreams,
        metrics: Metrics,
        fallbacks: Fallbacks,
        window: Window = _unknown,
        may_answer: MayAnswer = _anybody,
        expected_cost: ExpectedCost = _unpriced,
    ) -> None:
        self._upstreams = upstreams
        self._metrics = metrics
        self._fallbacks = fallbacks
        self._window = window
        self._may_answer = may_answer
        self._expected_cost = expected_cost
        self._endpoints = Endpoints()

    async def ask(self, call: Call, decision: Decision, settlement: Settlement) -> Answer:
        """Ask the route that was decided for, or others where that fails.

        Raises:
            UpstreamError, InvalidRequest: nobody answered; the failure of the route that was asked first.
            InsufficientQuota: a budget has too little left for whoever may answer.
        """
        try:
            answer = await self._ask(call, decision, settlement)
        except InsufficientQuota:
            cheaper = self._cheaper(decision)
            if cheaper is None:
                raise
            settlement.decided(cheaper)
            self._metrics.fell_back(cheaper)
            return await self.ask(call, cheaper, settlement)
        except (UpstreamError, InvalidRequest) as error:
            instead = await self._ask_others(call, decision, self._others(call, decision, error), settlement)
            if instead is None:
                # All failed: the first failure is the one the caller asked about.
                raise
            return instead
        if self._fallbacks.content_filter and _is_filtered(answer):
            others = self._listed(call, decision, self._fallbacks.content_filter, "content-filter-fallback")
            kept_back = settlement.price_of(answer)
            instead = await self._ask_others(call, decision, others, settlement)
            if instead is not None:
                settlement.paid_besides(kept_back)
                return instead
        return self._given(answer, settlement)

    def _cheaper(self, decision: Decision) -> Decision | None:
        """The weak model, where it may answer as well and the strong one is too dear for what is left of a budget."""
        weak = self._upstreams.weak
        if decision.route != "strong" or "weak" not in decision.eligible or weak is None:
            return None
        return msgspec.structs.replace(decision, route="weak", model=weak.model, reason="paced")

    async def _ask_others(
        self, call: Call, decision: Decision, others: Iterator[Decision], settlement: Settlement
    ) -> Answer | None:
        """Ask by one decision after the other; None where nobody answers."""
        for other in others:
            settlement.decided(other)
            try:
                answer = await self._ask(call, other, settlement)
            except (UpstreamError, InvalidRequest, InsufficientQuota):
                continue
            self._metrics.fell_back(other)
            return self._given(answer, settlement)
        settlement.decided(decision)
        return None

    def _others(self, call: Call, decision: Decision, error: UpstreamError | InvalidRequest) -> Iterator[Decision]:
        """The decisions to try next, where policy and the kind of failure allow any."""
        if isinstance(error, InvalidRequest):  # it cannot be said in the protocol of who was due
            return self._on_other_route(call, decision, "capability")
        fault = fault_of(error)
        if fault is FILTERED:
            return self._listed(call, decision, self._fallbacks.content_filter, "content-filter-fallback")
        if fault is TOO_LONG:
            return self._for_longer(call, decision)
        if not fault.elsewhere:
            return iter(())
        return self._on_other_route(call, decision, "strong-failed" if decision.route == "strong" else "weak-failed")

    def _on_other_route(self, call: Call, decision: Decision, reason: Reason) -> Iterator[Decision]:
        if not self._fallbacks.other_route or decision.route == "named":
            return iter(())
        return self._listed(call, decision, (_other(decision.route),), reason)

    def _for_longer(self, call: Call, decision: Decision) -> Iterator[Decision]:
        """Who may take a prompt that is too long for the model that was due."""
        listed = self._fallbacks.context
        if not listed and self._fallbacks.other_route and decision.route != "named":
            listed = tuple(
                route
                for route in (_other(decision.route),)
                if self._takes_more(self._upstreams.on(route), than=self._upstreams.on(decision.route))
            )
        return self._listed(call, decision, listed, "context-fallback")

    def _takes_more(self, upstream: Upstream | None, *, than: Upstream | None) -> bool:
        """Whether a model's window is larger than another's, as far as is known."""
        if upstream is None or than is None:
            return False
        mine, theirs = self._window(upstream), self._window(than)
        return mine is None or theirs is None or mine > theirs

    def _listed(self, call: Call, decision: Decision, names: tuple[str, ...], reason: Reason) -> Iterator[Decision]:
        """Decisions for routes or models by name. Who named the model wants no other."""
        if decision.reason == "pinned":
            return
        for name in names:
            found = self._upstreams.find(name)
            if found is None or (found[0], found[1].model) == (decision.route, decision.model):
                continue
            route, upstream = found
            if self._may_answer(call, decision, route, upstream):
                model = name if route == "named" else upstream.model
                yield msgspec.structs.replace(decision, route=route, model=model, reason=reason)

    async def _ask(self, call: Call, decision: Decision, settlement: Settlement) -> Answer:
        upstream = self._upstreams.answering(decision.route, decision.model)
        if upstream is None:
            raise RuntimeError(f"a decision for the {decision.route} route without an upstream")
        # A fallback may cost more than what was held for the route that failed.
        await settlement.reserve(
            lambda: self._expected_cost(call, decision.route, decision.model).usd, route=decision.route
        )
        settlement.asks(ModelRef(upstream.provider, upstream.model), embedded=upstream.address == EMBEDDED)
        try:
            if call.streams:
                return await self._stream(call, upstream, settlement)
            reply = await self._endpoints.complete(upstream, call)
        except UpstreamError as error:
            settlement.attempted(error.attempts)
            raise
        settlement.attempted(reply.served.attempts)
        settlement.served_by(reply.served)
        return WholeAnswer(reply.body)

    @staticmethod
    def _given(answer: Answer, settlement: Settlement) -> Answer:
        """The caller gets this answer."""
        if isinstance(answer, WholeAnswer):
            settlement.answered(answer.body)
        return answer

    async def _stream(self, call: Call, upstream: Upstream, settlement: Settlement) -> StreamedAnswer:
        reply = await self._endpoints.stream(upstream, call)
        try:
            # The first chunk is awaited: until it is here, another route may still answer.
            first = await anext(aiter(reply), None)
            if first is None:
                raise UpstreamBroken(f"The {upstream.name} model sent an empty stream.", upstream=upstream.name)
        except BaseException:
            await reply.aclose()
            raise
        settlement.attempted(reply.served.attempts)
        settlement.served_by(reply.served)
        settlement.first_byte()
        fold = StreamFold()
        settlement.streaming(fold)
        return StreamedAnswer(_relay(first, reply, fold, keep_usage=call.wants_usage_chunk), reply)


def _other(route: Route) -> Route:
    return "weak" if route == "strong" else "strong"


async def _relay(first: bytes, reply: StreamReply, fold: StreamFold, *, keep_usage: bool) -> Batches:
    """Pass payloads on as they come. The usage chunk that we asked for is held back where the caller did not."""
    wanted = ("piece", "usage") if keep_usage else ("piece",)
    payloads = aiter(reply)
    payload: bytes | None = first
    while payload is not None:
        batch = [payload, *at_hand(reply)]
        yield [payload for payload in batch if fold.add(payload) in wanted]
        payload = await anext(payloads, None)


class _FilteredChoice(msgspec.Struct):
    finish_reason: str | None = None


class _Filtered(msgspec.Struct):
    choices: list[_FilteredChoice] = []


_filtered = msgspec.json.Decoder(_Filtered)


def _is_filtered(answer: Answer) -> bool:
    """Whether a content filter kept every choice of a whole answer back. A stream's first byte is out by then."""
    if not isinstance(answer, WholeAnswer) or b'"content_filter"' not in answer.body:
        return False
    try:
        choices = _filtered.decode(answer.body).choices
    except msgspec.DecodeError:
        return False
    return bool(choices) and all(choice.finish_reason == "content_filter" for choice in choices)
