"""Where traces are sent, and that without an endpoint nothing of OpenTelemetry is so much as imported."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from router.errors import SettingsError
from router.settings import load_settings
from router.telemetry import endpoint_of, tracing_of
from router.telemetry.w3c import Parent, headers_of, parent_in
from router.tracing import NO_ATTEMPT, NO_TRACE, NoTracing
from router.upstream.scripted import ScriptedServer
from tests.live import live_server

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def endpoint(privacy: str = "any", setting: str | None = None, **environ: str) -> str | None:
    return endpoint_of(load_settings(flags={"otlp_endpoint": setting, "privacy": privacy}, environ={}), environ)


def test_without_an_endpoint_requests_are_not_traced() -> None:
    assert endpoint() is None
    assert isinstance(tracing_of(load_settings(environ={}), {}), NoTracing)


@pytest.mark.parametrize(
    ("setting", "environ", "expected"),
    [
        ("http://c:4318", {}, "http://c:4318/v1/traces"),
        ("http://c:4318/", {}, "http://c:4318/v1/traces"),
        ("http://c:4318/v1/traces", {}, "http://c:4318/v1/traces"),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://c/otlp"}, "https://c/otlp/v1/traces"),
        (None, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://c/otlp"}, "https://c/otlp"),
        ("http://here", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://c/otlp"}, "http://here/v1/traces"),
        ("http://c:4318", {"OTEL_SDK_DISABLED": "true"}, None),
        ("http://c:4318", {"OTEL_TRACES_EXPORTER": "none"}, None),
    ],
)
def test_the_setting_comes_before_opentelemetrys_own_variables(
    setting: str | None, environ: dict[str, str], expected: str | None
) -> None:
    assert endpoint(setting=setting, **environ) == expected


@pytest.mark.parametrize("wrong", ["localhost:4318", "grpc://c:4317", "http://", "http://c:port", "http://[::1"])
def test_what_cannot_be_posted_to_is_refused_without_being_quoted(wrong: str) -> None:
    with pytest.raises(SettingsError, match="otlp_endpoint") as refused:
        endpoint(setting=wrong)
    assert wrong not in str(refused.value).replace("http://localhost:4318", "")


@pytest.mark.parametrize("url", ["http://me:hunter2@c:4318", "https://hunter2@c", "http://c:4318?key=hunter2"])
def test_an_address_that_may_hold_a_key_is_refused_since_settings_are_shown(url: str) -> None:
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP_HEADERS") as refused:
        endpoint(setting=url)
    assert "hunter2" not in str(refused.value)


def test_another_protocol_is_refused_by_its_variables_name() -> None:
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP_PROTOCOL: only http/protobuf"):
        endpoint(OTEL_EXPORTER_OTLP_ENDPOINT="http://c:4317", OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    assert endpoint(OTEL_EXPORTER_OTLP_PROTOCOL="grpc") is None


@pytest.mark.parametrize("here", ["http://localhost:4318", "http://10.0.0.7:4318", "http://collector:4318"])
def test_a_private_server_sends_traces_to_its_own_network(here: str) -> None:
    assert endpoint("local-only", here) == f"{here}/v1/traces"


def test_a_private_server_sends_no_traces_elsewhere() -> None:
    with pytest.raises(SettingsError, match=r"^OTEL_EXPORTER_OTLP_ENDPOINT: is not on this machine or its network"):
        endpoint("local-only", OTEL_EXPORTER_OTLP_ENDPOINT="https://traces.example.com")


async def test_a_server_that_sends_traces_elsewhere_does_not_become_private_as_it_runs(tmp_path: Path) -> None:
    log, file = tmp_path / "log", tmp_path / "underdog.toml"
    async with ScriptedServer() as weak:
        plain = f'weak_url = "{weak.base_url}"\n'
        file.write_text(plain)
        arguments = ["--config", str(file), "--otlp-endpoint", "https://traces.example.com"]
        async with live_server(tmp_path, *arguments, stderr=log) as server:
            file.write_text(plain + 'privacy = "local-only"\n')
            server.process.send_signal(signal.SIGHUP)
            async with asyncio.timeout(30):
                while "the settings in use stay" not in log.read_text():
                    await asyncio.sleep(0.02)
    assert "otlp_endpoint (UNDERDOG_OTLP_ENDPOINT): is not on this machine or its network" in log.read_text()


def test_a_server_without_an_endpoint_imports_nothing_of_opentelemetry(tmp_path: Path, repository: Path) -> None:
    code = (
        "import sys\nfrom router.app import create_app\nimport router.serve\nfrom router.settings import Settings\n"
        f"create_app(Settings(home={str(tmp_path)!r}), environ={{}})\n"
        # Litestar looks for a table of names, and finds it; what records and sends is the SDK.
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter', "
        "'opentelemetry.trace', 'requests', 'router.telemetry.otlp'))])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_request_that_nobody_traces_has_no_object_of_its_own() -> None:
    trace = NoTracing().begin("/v1/chat/completions", {})
    assert trace is NO_TRACE
    assert trace.only_local() is NO_TRACE

    class Asked:
        model, provider, address = "m", None, "http://a"

    assert trace.attempt(Asked(), route="weak", deployment="d", streams=False, hedge=False) is NO_ATTEMPT


def test_what_is_to_stay_here_is_not_traced_elsewhere() -> None:
    from router.telemetry.otlp import OtlpTracing

    here, elsewhere = OtlpTracing("http://127.0.0.1:9/v1/traces"), OtlpTracing("https://traces.example.com/v1/traces")
    trace = here.begin("/", {})
    assert trace.only_local() is trace
    assert elsewhere.begin("/", {}).only_local() is NO_TRACE


def test_what_a_caller_writes_into_its_trace_is_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    from router.telemetry.otlp import OtlpTracing

    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "anything that comes to mind"}
    OtlpTracing("http://127.0.0.1:9/v1/traces").begin("/v1/chat/completions", headers)
    assert caplog.records == []


@pytest.mark.parametrize(
    "header",
    [
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        "",
    ],
)
def test_a_wrong_traceparent_begins_a_trace_of_its_own(header: str) -> None:
    assert parent_in({"traceparent": header, "tracestate": "a=b"}) is None


def test_a_traceparent_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    parent = Parent(int(TRACE, 16), int(SPAN, 16), sampled=True, state="")
    assert parent_in({"traceparent": f"cc-{TRACE}-{SPAN}-09-what-the-future-holds"}) == parent


def test_a_state_that_is_no_header_is_not_passed_on() -> None:
    for state in ("x" * 513, "a=\x00", "a=é"):
        parent = parent_in({"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": state})
        assert parent is not None
        assert parent.state == ""


def test_headers_that_go_on_can_be_read_again() -> None:
    headers = headers_of(int(TRACE, 16), 7, sampled=False, state="a=b")
    assert headers == {"traceparent": f"00-{TRACE}-0000000000000007-00", "tracestate": "a=b"}
    assert parent_in(headers) == Parent(int(TRACE, 16), 7, sampled=False, state="a=b")
