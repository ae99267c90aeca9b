"""A request's trace as it is written down: a few notes while it is answered, spans once it is settled.

Notes cost little where it counts; what is made of them is made after the answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextvars import Token
from types import TracebackType
from typing import Literal, Self

from msgspec import Struct

from router.telemetry import conventions
from router.telemetry.conventions import Attributes
from router.telemetry.w3c import headers_of
from router.tracing import CARRIED, NO_TRACE, TRACE, Asked, AttemptTrace, Lookup, Trace
from router.types import Decision, LedgerRow

Kind = Literal["server", "client", "internal"]


class Event(Struct, frozen=True):
    """What happened within a span; nanoseconds of the wall clock."""

    name: str
    at: int
    attributes: Attributes


class Span(Struct, frozen=True, kw_only=True):
    """One span: times are nanoseconds of the wall clock. ``remote``: whether its parent is the caller's."""

    name: str
    kind: Kind
    trace_id: int
    span_id: int
    parent_id: int | None
    remote: bool
    state: str
    began: int
    ended: int
    attributes: Attributes
    events: tuple[Event, ...] = ()
    failed: bool = False


class Place(Struct, frozen=True, kw_only=True):
    """Where a request's own span is in its trace. ``state``: what others keep in the trace."""

    trace_id: int
    span_id: int
    parent_id: int | None
    state: str
    sampled: bool


class Recorder(Struct, frozen=True):
    """What a trace needs of the world.

    ``new_id``: another span's id. ``emit``: takes each span as it is complete; never blocks. ``local``: whether spans
    stay on this machine and its network.
    """

    new_id: Callable[[], int]
    emit: Callable[[Span], None]
    local: bool


class RecordedTrace:
    """Implements `router.tracing.Trace`. One that is not sampled is not sent; its trace goes on elsewhere all the same.

    Args:
        recorder: see there.
        place: of the request's own span.
        path: that was called.
    """

    __slots__ = (
        "_attempts",
        "_began",
        "_events",
        "_first",
        "_model",
        "_path",
        "_place",
        "_recorder",
        "_settled",
        "_spans",
        "_token",
    )

    def __init__(self, recorder: Recorder, place: Place, path: str) -> None:
        self._recorder = recorder
        self._place = place
        self._path = path
        self._began = time.time_ns()
        self._attempts: list[RecordedAttempt] = []
        self._spans: list[tuple[str, int, int, Attributes]] = []
        self._events: list[Event] = []
        self._first: Decision | None = None
        self._model: str | None = None
        self._settled = False
        self._token: Token[Trace] | None = None

    @property
    def id(self) -> str:
        """The trace's id, as W3C writes it."""
        return f"{self._place.trace_id:032x}"

    def __enter__(self) -> Self:
        self._token = TRACE.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is not None:
            TRACE.reset(self._token)

    def only_local(self) -> Trace:
        """None at all where spans leave this machine and its network."""
        return self if self._recorder.local else NO_TRACE

    def looked_up(self, lookup: Lookup, *, took_us: float, hit: bool) -> None:
        """See `router.tracing.Trace`."""
        self._note(f"cache {lookup}", took_us, {"underdog.cache.hit": hit})

    def decided(self, decision: Decision, *, took_us: float | None) -> None:
        """See `router.tracing.Trace`."""
        if took_us is not None:
            self._first = decision
            self._note("decide", took_us, conventions.of_decision(decision))
        elif decision is not self._first:  # where all others failed as well, it stays with the first
            self._events.append(Event("underdog.fallback", time.time_ns(), conventions.of_decision(decision)))

    def asks_for(self, model: str) -> None:
        """See `router.tracing.Trace`."""
        self._model = model

    def attempt(self, asked: Asked, *, route: str, deployment: str, streams: bool, hedge: bool) -> AttemptTrace:
        """See `router.tracing.Trace`."""
        doing, model = conventions.operation(self._path), self._model or asked.model
        attributes = conventions.of_attempt(
            asked, doing=doing, model=model, route=route, deployment=deployment, streams=streams
        )
        attributes["underdog.attempt"] = len(self._attempts) + 1
        if hedge:
            attributes["underdog.hedge"] = True
        place, span_id = self._place, self._recorder.new_id()
        carried = headers_of(place.trace_id, span_id, sampled=place.sampled, state=place.state)
        attempt = RecordedAttempt(f"{doing} {model}", span_id, attributes, carried, self._emit_late)
        self._attempts.append(attempt)
        return attempt

    def settled(self, row: LedgerRow) -> None:
        """See `router.tracing.Trace`."""
        self._settled = True
        if not self._place.sampled:
            return
        answered = next((each for each in reversed(self._attempts) if each.has_answered), None)
        if answered is not None and row.deployment is not None:
            answered.attributes |= conventions.of_answer(row)
        for name, began, ended, attributes in self._spans:
            self._emit(name, "internal", self._recorder.new_id(), began, ended, attributes)
        for attempt in self._attempts:
            if attempt.ended_at is not None:
                self._emit_attempt(attempt)
        place = self._place
        self._recorder.emit(
            Span(
                name=f"POST {row.endpoint}",
                kind="server",
                trace_id=place.trace_id,
                span_id=place.span_id,
                parent_id=place.parent_id,
                remote=True,
                state=place.state,
                began=self._began,
                ended=time.time_ns(),
                attributes=conventions.of_request(row),
                events=tuple(self._events),
                # What a caller did wrong, or left, is no failure of the server's.
                failed=row.status >= 500,
            )
        )

    def _note(self, name: str, took_us: float, attributes: Attributes) -> None:
        now = time.time_ns()
        self._spans.append((name, now - int(took_us * 1000), now, attributes))

    def _emit_late(self, attempt: RecordedAttempt) -> None:
        """An attempt that is over after the request: the slower one of two."""
        if self._settled and self._place.sampled:
            self._emit_attempt(attempt)

    def _emit_attempt(self, attempt: RecordedAttempt) -> None:
        ended = attempt.ended_at or attempt.began
        failed = attempt.error_type is not None
        self._emit(attempt.name, "client", attempt.span_id, attempt.began, ended, attempt.attributes, failed=failed)

    def _emit(
        self,
        name: str,
        kind: Kind,
        span_id: int,
        began: int,
        ended: int,
        attributes: Attributes,
        *,
        failed: bool = False,
    ) -> None:
        place = self._place
        self._recorder.emit(
            Span(
                name=name,
                kind=kind,
                trace_id=place.trace_id,
                span_id=span_id,
                parent_id=place.span_id,
                remote=False,
                state=place.state,
                began=began,
                ended=ended,
                attributes=attributes,
                failed=failed,
            )
        )


class RecordedAttempt:
    """Implements `router.tracing.AttemptTrace`.

    Args:
        name: of the span.
        span_id: of the span.
        attributes: what is known before it is made; what is known later comes to it.
        carried: headers that the request takes along.
        over: told when it is over.
    """

    __slots__ = (
        "_carried",
        "_heard",
        "_over",
        "_token",
        "attributes",
        "began",
        "ended_at",
        "error_type",
        "name",
        "span_id",
    )

    def __init__(
        self,
        name: str,
        span_id: int,
        attributes: Attributes,
        carried: Mapping[str, str],
        over: Callable[[RecordedAttempt], None],
    ) -> None:
        self.name = name
        self.span_id = span_id
        self.attributes = attributes
        self.began = time.time_ns()
        self.ended_at: int | None = None
        self.error_type: str | None = None
        self._carried = carried
        self._over = over
        self._heard = False
        self._token: Token[Mapping[str, str] | None] | None = None

    @property
    def has_answered(self) -> bool:
        """Whether an answer came of it, or at least began to."""
        return self._heard

    def __enter__(self) -> Self:
        self._token = CARRIED.set(self._carried)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is not None:
            CARRIED.reset(self._token)

    def heard(self) -> None:
        """See `router.tracing.AttemptTrace`."""
        self._heard = True
        if "gen_ai.request.stream" in self.attributes:
            self.attributes["gen_ai.response.time_to_first_chunk"] = (time.time_ns() - self.began) / 1e9

    def ended(self, error_type: str | None = None) -> None:
        """See `router.tracing.AttemptTrace`."""
        if error_type is not None:
            self.error_type = error_type
            self.attributes["error.type"] = error_type
        self._end()

    def abandoned(self) -> None:
        """See `router.tracing.AttemptTrace`."""
        self.attributes["underdog.abandoned"] = True
        self._end()

    def _end(self) -> None:
        self.ended_at = time.time_ns()
        self._over(self)
