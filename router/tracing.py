"""What a request tells of its way while it is answered, for whoever traces it; where nobody does, nothing happens.

The seam only: what records and sends is `router.telemetry`. Nothing that goes over it holds a prompt, an answer or a
key.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import Literal, Protocol, Self

from router.types import Decision, LedgerRow

Lookup = Literal["exact", "semantic"]

CARRIED: ContextVar[Mapping[str, str] | None] = ContextVar("carried", default=None)
"""Headers that the request to an upstream takes along, so that its trace goes on there."""


class Asked(Protocol):
    """Whom a request to an upstream goes to; see `router.upstream.base.Upstream`."""

    @property
    def model(self) -> str:
        """The id that it knows."""
        ...

    @property
    def provider(self) -> str | None:
        """The price list's id, ``local``, or None."""
        ...

    @property
    def address(self) -> str:
        """Its URL, of which only host and port are told."""
        ...


class AttemptTrace(Protocol):
    """One request to an upstream. As a context: what is asked within takes the trace along."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def heard(self) -> None:
        """The whole answer is there, or the first piece of a stream."""
        ...

    def ended(self, error_type: str | None = None) -> None:
        """It is over: well, or with this kind of error."""
        ...

    def abandoned(self) -> None:
        """It is over, since nobody waits for it any more."""
        ...


class Trace(Protocol):
    """One request. As a context: what is asked of upstreams within belongs to it."""

    @property
    def id(self) -> str | None:
        """By which it is found where traces are kept; None where it is not traced."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def only_local(self) -> Trace:
        """The trace of a request that is to stay on this machine and its network."""
        ...

    def looked_up(self, lookup: Lookup, *, took_us: float, hit: bool) -> None:
        """The cache was looked in, just now."""
        ...

    def decided(self, decision: Decision, *, took_us: float | None) -> None:
        """A route was chosen, just now; without a time where another one takes its place."""
        ...

    def asks_for(self, model: str) -> None:
        """Upstreams will be asked for this model, whatever their own is: for embeddings."""
        ...

    def attempt(self, asked: Asked, *, route: str, deployment: str, streams: bool, hedge: bool) -> AttemptTrace:
        """An upstream is asked.

        Args:
            asked: the upstream.
            route: that it answers for.
            deployment: its name.
            streams: whether a stream is asked for.
            hedge: whether another one is asked already, and slow.
        """
        ...

    def settled(self, row: LedgerRow) -> None:
        """It is over."""
        ...


class Tracing(Protocol):
    """Traces requests."""

    def begin(self, path: str, headers: Mapping[str, str]) -> Trace:
        """A request has come.

        Args:
            path: where to.
            headers: the caller's, found in lower case; a trace that it is part of is gone on with.
        """
        ...

    def counts(self) -> Mapping[str, int]:
        """Spans so far, by what became of them; empty where nobody traces."""
        ...

    async def aclose(self) -> None:
        """Send what is left, within a few seconds."""
        ...


class NoAttemptTrace:
    """Implements `AttemptTrace`: nobody hears of it."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def heard(self) -> None:
        """Nothing."""

    def ended(self, error_type: str | None = None) -> None:
        """Nothing."""

    def abandoned(self) -> None:
        """Nothing."""


class NoTrace:
    """Implements `Trace`: nobody hears of it."""

    __slots__ = ()

    id = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def only_local(self) -> Trace:
        """Itself."""
        return self

    def looked_up(self, lookup: Lookup, *, took_us: float, hit: bool) -> None:
        """Nothing."""

    def decided(self, decision: Decision, *, took_us: float | None) -> None:
        """Nothing."""

    def asks_for(self, model: str) -> None:
        """Nothing."""

    def attempt(self, asked: Asked, *, route: str, deployment: str, streams: bool, hedge: bool) -> AttemptTrace:
        """One of which nobody hears."""
        return NO_ATTEMPT

    def settled(self, row: LedgerRow) -> None:
        """Nothing."""


class NoTracing:
    """Implements `Tracing`: nobody traces."""

    def begin(self, path: str, headers: Mapping[str, str]) -> Trace:
        """A trace of which nobody hears."""
        return NO_TRACE

    def counts(self) -> Mapping[str, int]:
        """None at all."""
        return {}

    async def aclose(self) -> None:
        """Nothing is left."""


NO_ATTEMPT = NoAttemptTrace()
NO_TRACE = NoTrace()

TRACE: ContextVar[Trace] = ContextVar("trace", default=NO_TRACE)
"""The trace of the request that is being answered."""
