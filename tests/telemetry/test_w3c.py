"""The caller's part of a trace, as strangers may send it."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from router.telemetry.otlp import OtlpTracing
from router.telemetry.w3c import parent_in

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
STATES = ("rojo=00f067aa0ba902b7", "a=1,b@c= 2 x ,\t,d/e*f-g_=~", "1tenant@system=x")
UNFIT = (
    "whatever a stranger writes",
    "a=1,a=2",
    "A=1",
    "a=",
    "=1",
    "a=1=2",
    "a=\x1b[2J",
    "a=\u00e9",
    "a=1\nb=2",
    ",".join(f"k{n}=1" for n in range(33)),
    "a=" + "x" * 600,
)


@pytest.mark.parametrize("state", STATES)
def test_what_others_keep_in_a_trace_goes_on_as_it_came(state: str) -> None:
    parent = parent_in({"traceparent": PARENT, "tracestate": state})
    assert parent is not None
    assert parent.state == state


@pytest.mark.parametrize("state", UNFIT)
async def test_what_is_not_as_the_standard_has_it_goes_nowhere_not_even_into_the_log(
    state: str, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"traceparent": PARENT, "tracestate": state}
    parent = parent_in(headers)
    assert parent is not None
    assert parent.state == ""
    tracing = OtlpTracing("http://127.0.0.1:9/v1/traces", InMemorySpanExporter())
    assert tracing.begin("/v1/chat/completions", headers).id == "4bf92f3577b34da6a3ce929d0e0e4736"
    await tracing.aclose()
    assert caplog.records == []


@pytest.mark.parametrize(
    "text",
    ["", "00", PARENT.upper(), f"{PARENT}-x", f"ff{PARENT[2:]}", f"{PARENT[:3]}{'0' * 32}{PARENT[35:]}", "0" * 10**6],
)
def test_no_trace_goes_on_from_what_is_none(text: str) -> None:
    assert parent_in({"traceparent": text}) is None
