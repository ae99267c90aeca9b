"""Sends traces by OpenTelemetry's SDK. The only module that imports it, and imported only where there is an endpoint.

Of the SDK we take the resource, the sampler and the batching exporter, all of which heed its variables
(``OTEL_SERVICE_NAME``, ``OTEL_TRACES_SAMPLER``, ``OTEL_BSP_*``, ``OTEL_EXPORTER_OTLP_HEADERS`` ...), and not its
tracer: spans are made of a settled request, all at once and with times that are past. A request's five spans take
37 us of CPU so, and 104 by the tracer; encoding them takes the exporter's thread 180 us (`make bench ARGS=operating`).
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import requests
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import Event as SdkEvent
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from router import __version__
from router.telemetry.recorded import Place, RecordedTrace, Recorder, Span
from router.telemetry.w3c import Parent, parent_in
from router.tracing import Trace
from router.upstream.providers import is_local

logger = logging.getLogger("underdog.traces")

SERVICE = "underdog"

LAST_WORDS_S = 3.0
"""How long a server that stops waits for its last spans to be taken."""

TALKATIVE = ("opentelemetry.exporter.otlp", "opentelemetry.sdk._shared_internal", "opentelemetry.trace.span")
"""Loggers that have a line for every batch that fails, where we have one for all of them; or for whatever a caller
writes into a header."""

_KINDS = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "internal": SpanKind.INTERNAL}
_FLAGS = TraceFlags(TraceFlags.SAMPLED)
_UNSET, _FAILED = Status(StatusCode.UNSET), Status(StatusCode.ERROR)


class OtlpTracing:
    """Implements `router.tracing.Tracing`.

    Args:
        endpoint: where spans are posted to.
        exporter: takes batches of spans in a thread of its own; by default one that posts them.
    """

    def __init__(self, endpoint: str, exporter: SpanExporter | None = None) -> None:
        for name in TALKATIVE:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._resource, self._sampler = provider.resource, provider.sampler
        self._scope = InstrumentationScope("underdog", __version__)
        self._exporter = Watched(exporter or _exporter(endpoint), _place(endpoint))
        self._processor = BatchSpanProcessor(self._exporter)
        # No secret hangs on these ids, and asking the kernel for each costs more than all the rest of it.
        self._chance = random.Random(secrets.randbits(128))  # noqa: S311
        self._recorder = Recorder(self._new_id, self._emit, is_local(endpoint))
        self._made = 0

    def begin(self, path: str, headers: Mapping[str, str]) -> Trace:
        """See `router.tracing.Tracing`."""
        parent = parent_in(headers)
        trace_id = parent.trace_id if parent else self._chance.getrandbits(128) or 1
        sampled, state = self._sample(parent, trace_id, path)
        place = Place(
            trace_id=trace_id,
            span_id=self._new_id(),
            parent_id=parent.span_id if parent else None,
            state=state,
            sampled=sampled,
        )
        return RecordedTrace(self._recorder, place, path)

    def counts(self) -> Mapping[str, int]:
        """Spans ``made``, those of them that the collector took (``sent``), and those that it did not (``failed``).

        The others wait in the queue, or were lost where it was full.
        """
        return {"made": self._made, **self._exporter.spans}

    async def aclose(self) -> None:
        """Send what is left, for a few seconds at most: who cannot be reached then never gets it."""
        # Threads that nobody waits for: the SDK's own patience is 30 s.
        ending = threading.Thread(target=self._processor.shutdown, name="last-traces", daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, LAST_WORDS_S)
        if ending.is_alive():
            logger.warning("the last traces could not be sent within %.0f s", LAST_WORDS_S)

    def flush(self) -> None:
        """Send what is left, and wait for it; not on an event loop."""
        self._processor.force_flush()

    def _new_id(self) -> int:
        return self._chance.getrandbits(64) or 1

    def _sample(self, parent: Parent | None, trace_id: int, path: str) -> tuple[bool, str]:
        context = Context()
        if parent is not None:
            flags = _FLAGS if parent.sampled else TraceFlags(TraceFlags.DEFAULT)
            state = TraceState.from_header([parent.state]) if parent.state else None
            remote = SpanContext(parent.trace_id, parent.span_id, True, flags, state)
            context = set_span_in_context(NonRecordingSpan(remote), context)
        result = self._sampler.should_sample(context, trace_id, f"POST {path}", SpanKind.SERVER)
        sampled = result.decision is Decision.RECORD_AND_SAMPLE
        return sampled, result.trace_state.to_header() if result.trace_state else ""

    def _emit(self, span: Span) -> None:
        self._made += 1
        self._processor.on_end(self._readable(span))

    def _readable(self, span: Span) -> ReadableSpan:
        state = TraceState.from_header([span.state]) if span.state else None
        parent = None
        if span.parent_id is not None:
            parent = SpanContext(span.trace_id, span.parent_id, span.remote, _FLAGS, state)
        return ReadableSpan(
            name=span.name,
            context=SpanContext(span.trace_id, span.span_id, False, _FLAGS, state),
            parent=parent,
            resource=self._resource,
            attributes=span.attributes,
            events=tuple(SdkEvent(event.name, event.attributes, event.at) for event in span.events),
            kind=_KINDS[span.kind],
            status=_FAILED if span.failed else _UNSET,
            start_time=span.began,
            end_time=span.ended,
            instrumentation_scope=self._scope,
        )


class Watched(SpanExporter):
    """Says once that a collector is away, and once that it is back, whatever it is that fails.

    Args:
        exporter: sends.
        place: by which the log names the collector.

    Attributes:
        spans: how many were ``sent``, and how many ``failed`` to be.
    """

    def __init__(self, exporter: SpanExporter, place: str) -> None:
        self._exporter = exporter
        self._place = place
        self._away = False
        self.spans: Counter[str] = Counter({"sent": 0, "failed": 0})

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch; called in the processor's thread, one at a time."""
        try:
            result = self._exporter.export(spans)
        except Exception:  # noqa: BLE001 - whatever a library makes of a collector, the next batch is tried
            result = SpanExportResult.FAILURE
        sent = result is SpanExportResult.SUCCESS
        self.spans["sent" if sent else "failed"] += len(spans)
        if sent and self._away:
            logger.info("%s takes traces again", self._place)
        if not sent and not self._away:
            logger.warning("%s takes no traces; those that it misses are lost, requests go on", self._place)
        self._away = not sent
        return result

    def shutdown(self) -> None:
        """No more is sent."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is held back here."""
        return True


def _exporter(endpoint: str) -> SpanExporter:
    session = requests.Session()
    # Straight to where the settings say, by no proxy of the environment's, as everything else that is sent.
    session.trust_env = False
    return OTLPSpanExporter(endpoint=endpoint, session=session)


def _resource() -> Resource:
    """Who sends: what the environment says of it goes before what we say."""
    ours = Resource({"service.name": SERVICE, "service.version": __version__})
    return Resource.create().merge(ours).merge(OTELResourceDetector().detect())


def _place(endpoint: str) -> str:
    """Host and port: the rest of a URL may hold a key."""
    parts = urlsplit(endpoint)
    return f"the collector at {parts.hostname}" + (f":{parts.port}" if parts.port else "")
