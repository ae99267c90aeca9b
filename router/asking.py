"""From a decision to an answer: the upstream is asked, and another one where it fails before its first byte."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec

from router.cache import StreamFold
from router.calls import Answer, Call, StreamedAnswer, WholeAnswer
from router.endpoints import Endpoints
from router.errors import UpstreamBroken, UpstreamError, UpstreamRefused
from router.metrics import Metrics
from router.settlement import Settlement
from router.types import Decision, Reason, Route
from router.upstream.base import Upstream
from router.upstream.build import Upstreams

_TRANSIENT_STATUS = frozenset({408, 409, 425, 429})


class Asker:
    """Asks upstreams on behalf of decided requests.

    Args:
        upstreams: what answers each route.
        metrics: where fallbacks are counted.
        fallback: whether the other model may answer where the chosen one fails before its first byte.
    """

    def __init__(self, *, upstreams: Upstreams, metrics: Metrics, fallback: bool) -> None:
        self._upstreams = upstreams
        self._metrics = metrics
        self._fallback = fallback
        self._endpoints = Endpoints()

    async def ask(self, call: Call, decision: Decision, settlement: Settlement) -> Answer:
        """Ask the route that was decided for, or the other one where that fails.

        Raises:
            UpstreamError: nobody answered; the failure of the route that was asked first.
        """
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
            self._metrics.fell_back(other)
            return answer

    def _fallback_for(self, decision: Decision, error: UpstreamError) -> Decision | None:
        """The decision to try next, where policy and the kind of failure allow one."""
        if not self._fallback or decision.reason == "pinned" or not _is_transient(error):
            return None
        route: Route = "weak" if decision.route == "strong" else "strong"
        upstream = self._upstreams.on(route)
        if upstream is None:
            return None
        reason: Reason = "strong-failed" if decision.route == "strong" else "weak-failed"
        return msgspec.structs.replace(decision, route=route, model=upstream.model, reason=reason)

    async def _ask_route(self, call: Call, route: Route, settlement: Settlement) -> Answer:
        upstream = self._upstreams.on(route)
        if upstream is None:
            raise RuntimeError(f"a decision for the {route} route without an upstream")
        if not call.streams:
            reply = await self._endpoints.complete(upstream, call)
            settlement.served_by(reply.served)
            settlement.answered(reply.body)
            return WholeAnswer(reply.body)
        return await self._stream(call, upstream, settlement)

    async def _stream(self, call: Call, upstream: Upstream, settlement: Settlement) -> StreamedAnswer:
        reply = await self._endpoints.stream(upstream, call)
        payloads = aiter(reply)
        try:
            # The first chunk is awaited: until it is here, another route may still answer.
            first = await anext(payloads, None)
            if first is None:
                raise UpstreamBroken(f"The {upstream.name} model sent an empty stream.", upstream=upstream.name)
        except BaseException:
            await reply.aclose()
            raise
        settlement.served_by(reply.served)
        settlement.first_byte()
        fold = StreamFold()
        settlement.streaming(fold)
        return StreamedAnswer(_relay(first, payloads, fold, keep_usage=call.wants_usage_chunk), reply)


async def _relay(
    first: bytes, payloads: AsyncIterator[bytes], fold: StreamFold, *, keep_usage: bool
) -> AsyncGenerator[bytes, None]:
    """Pass payloads on as they come. The usage chunk that we asked for is held back where the caller did not."""
    fold.add(first)
    if keep_usage or not _is_usage_chunk(first):
        yield first
    async for payload in payloads:
        fold.add(payload)
        if keep_usage or not _is_usage_chunk(payload):
            yield payload


class _Choices(msgspec.Struct):
    choices: list[Any] | None = None
    usage: dict[str, Any] | None = None


_choices = msgspec.json.Decoder(_Choices)


def _is_usage_chunk(payload: bytes) -> bool:
    """Whether a chunk carries usage and no choice: the form that ``include_usage`` adds at the end."""
    if b'"usage"' not in payload:
        return False
    try:
        chunk = _choices.decode(payload)
    except msgspec.DecodeError:
        return False
    return chunk.choices == [] and chunk.usage is not None


def _is_transient(error: UpstreamError) -> bool:
    """Whether another upstream may succeed: not where the request itself was refused."""
    if isinstance(error, UpstreamRefused):
        return error.status >= 500 or error.status in _TRANSIENT_STATUS
    return True
