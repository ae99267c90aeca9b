"""A collector of traces for tests: speaks OTLP over HTTP with protobuf, as its specification has it, and keeps it all.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

PATIENCE_S = 20


@dataclass(frozen=True)
class Taken:
    """One span as it came. Ids in hex; ``parent`` is empty where there is none."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: Mapping[str, Any]
    events: tuple[tuple[str, Mapping[str, Any]], ...]
    failed: bool
    began: int
    ended: int
    state: str
    service: Mapping[str, Any]


@dataclass
class Collector:
    """Listens on a free port of this machine from the moment it is entered.

    Attributes:
        spans: all that came, in order.
        bodies: what came, as it came.
        headers: of each post.
        status: with which posts are answered; other than 200 takes nothing.
    """

    spans: list[Taken] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    status: int = 200

    def __enter__(self) -> Self:
        self._changed = threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                collector._post(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def wait(self, until: Callable[[], bool]) -> None:
        """Wait until what came suffices."""
        with self._changed:
            assert self._changed.wait_for(until, PATIENCE_S), [span.name for span in self.spans]

    def request(self, request_id: str) -> list[Taken]:
        """All spans of one request, its own first, once that is there; the others by their beginning."""

        def own() -> Taken | None:
            return next((span for span in self.spans if span.attributes.get("underdog.request_id") == request_id), None)

        self.wait(lambda: own() is not None)
        root = own()
        assert root is not None
        children = [span for span in self.spans if span.trace == root.trace and span.parent == root.id]
        return [root, *sorted(children, key=lambda span: span.began)]

    def _post(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        raw = gzip.decompress(body) if handler.headers.get("content-encoding") == "gzip" else body
        is_right = handler.path == "/v1/traces" and handler.headers["content-type"] == "application/x-protobuf"
        status = self.status if is_right else 404
        with self._changed:
            self.headers.append({name.lower(): value for name, value in handler.headers.items()})
            if status == 200:
                self.bodies.append(raw)
                self.spans += _taken(ExportTraceServiceRequest.FromString(raw))
            self._changed.notify_all()
        answer = ExportTraceServiceResponse().SerializeToString()
        handler.send_response(status)
        handler.send_header("content-type", "application/x-protobuf")
        handler.send_header("content-length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)


def _taken(request: ExportTraceServiceRequest) -> list[Taken]:
    found = []
    for of_resource in request.resource_spans:
        service = _attributes(of_resource.resource.attributes)
        for scope in of_resource.scope_spans:
            for span in scope.spans:
                assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano <= time.time_ns()
                found.append(
                    Taken(
                        name=span.name,
                        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
                        trace=span.trace_id.hex(),
                        id=span.span_id.hex(),
                        parent=span.parent_span_id.hex(),
                        attributes=_attributes(span.attributes),
                        events=tuple((event.name, _attributes(event.attributes)) for event in span.events),
                        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
                        began=span.start_time_unix_nano,
                        ended=span.end_time_unix_nano,
                        state=span.trace_state,
                        service=service,
                    )
                )
    return found


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs if isinstance(pair, KeyValue)}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind) if kind else None
