"""What watching costs a request: traces, the log's line, counters. CPU of the thread that does it, best of seven."""

from __future__ import annotations

import io
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from router.logs import JsonLines
from router.logs.setup import TEXT
from router.metrics import Traffic, render
from router.settlement.log import log_line
from router.tracing import TRACE, NoTracing, Tracing
from router.types import Decision, Evidence, LedgerRow

ROW = LedgerRow(
    request_id="req_0123456789abcdef01230000000000ff",
    at=datetime.now(UTC),
    tenant="key:01",
    key_id="01",
    route="weak",
    model="llama3.1:8b",
    deployment="weak",
    attempts=1,
    reason="win-rate",
    win_rate=0.1,
    threshold=0.4,
    artifact="default/1",
    cache="miss",
    stream=True,
    finish_reason="stop",
    prompt_tokens=127,
    completion_tokens=256,
    cost_usd=Decimal("0.00012"),
    baseline_cost_usd=Decimal("0.0023"),
    latency_ms=1234.5,
    first_token_ms=123.4,
    decision_us=190.0,
)
DECISION = Decision(
    route="weak",
    model="llama3.1:8b",
    reason="win-rate",
    win_rate=0.1,
    threshold=0.4,
    artifact="default/1",
    evidence=Evidence(tokens=127, unfamiliarity=0.2),
)
PARENT = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}


class Weak:
    """An upstream, as traces see it."""

    model, provider, address = "llama3.1:8b", "local", "http://127.0.0.1:11434/v1/chat/completions"


def microseconds(act: Callable[[], object], turns: int) -> float:
    """CPU of one turn."""
    best = float("inf")
    for _ in range(7):
        began = time.thread_time()
        for _ in range(turns):
            act()
        best = min(best, time.thread_time() - began)
    return best / turns * 1e6


def traced(tracing: Tracing, headers: Mapping[str, str]) -> None:
    """All that a streamed request tells of itself."""
    trace = tracing.begin("/v1/chat/completions", headers)
    with trace:
        trace.looked_up("exact", took_us=12.0, hit=False)
        trace.decided(DECISION, took_us=190.0)
        trace.looked_up("semantic", took_us=100.0, hit=False)
        attempt = TRACE.get().attempt(Weak(), route="weak", deployment="weak", streams=True, hedge=False)
        with attempt:
            attempt.heard()
    attempt.ended()
    trace.settled(ROW)


def traces() -> None:
    """Off, and on; encoding is the exporter's thread's."""
    off = NoTracing()
    print(f"traces off: {microseconds(lambda: traced(off, {}), 20_000):.2f} us")
    os.environ |= {
        "OTEL_BSP_MAX_QUEUE_SIZE": "100000",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "99999",
        "OTEL_BSP_SCHEDULE_DELAY": "99999999",
    }
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    from router.telemetry.otlp import OtlpTracing

    class Encoding(SpanExporter):
        """Encodes, and sends nothing."""

        spent, spans, size = 0.0, 0, 0

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            began = time.thread_time()
            self.size += len(encode_spans(spans).SerializePartialToString())
            self.spent += time.thread_time() - began
            self.spans += len(spans)
            return SpanExportResult.SUCCESS

        def shutdown(self) -> None:
            """Nothing."""

    for name, headers in (("", {}), (", gone on with", PARENT)):
        on = OtlpTracing("http://127.0.0.1:9/v1/traces", Encoding())
        print(f"traces on{name}: {microseconds(lambda on=on, headers=headers: traced(on, headers), 1_000):.0f} us")  # type: ignore[misc]
    exporter = Encoding()
    on = OtlpTracing("http://127.0.0.1:9/v1/traces", exporter)
    for _ in range(1_000):
        traced(on, {})
    on.flush()
    each = exporter.spans / 1_000
    took, size = exporter.spent * 1_000, exporter.size / 1_000
    print(f"encoding {each:.0f} spans, in another thread: {took:.0f} us, {size:.0f} bytes")
    os.environ["OTEL_TRACES_SAMPLER"] = "always_off"
    unsampled = OtlpTracing("http://127.0.0.1:9/v1/traces", Encoding())
    print(f"traces on, request not sampled: {microseconds(lambda: traced(unsampled, {}), 1_000):.0f} us")


def log() -> None:
    """The line of each request: below its level, as text, as JSON."""
    logger = logging.getLogger("underdog.requests")
    print(f"log, level warning: {microseconds(lambda: log_line(ROW, None), 20_000):.2f} us")
    for name, formatter in (("text", logging.Formatter(TEXT)), ("JSON", JsonLines())):
        handler = logging.StreamHandler(io.StringIO())
        handler.setFormatter(formatter)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
        print(f"log, level info, {name}: {microseconds(lambda: log_line(ROW, None), 2_000):.0f} us")


def main() -> None:
    """Measure and print."""
    traffic = Traffic()
    print(f"counters: {microseconds(lambda: traffic.settled(ROW), 20_000):.1f} us")
    print(f"a scrape of them: {microseconds(lambda: render(traffic.families()), 100):.0f} us")
    log()
    traces()


if __name__ == "__main__":
    main()
