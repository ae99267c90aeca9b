"""What a live server says on standard error, and what it does when it is hung up on."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
from pathlib import Path
from typing import Any

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, live_server
from tests.telemetry.collector import Collector

PATH = "/v1/chat/completions"
KEY = "sk-a-key-of-the-upstream"


def asking(text: str, **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **fields}


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


async def until_said(log: Path, what: str) -> None:
    async with asyncio.timeout(30):
        while what not in log.read_text():
            await asyncio.sleep(0.02)


async def test_every_line_is_json_and_each_request_has_one_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Collector() as collector:
        async with ScriptedServer(model="m", turns=[Turn(), Turn(status=500)]) as weak:
            arguments = ["--weak-url", weak.base_url, "--log-format", "json", "--log-level", "info", "--retries", "0"]
            environ = {
                "UNDERDOG_WEAK_API_KEY": KEY,
                "UNDERDOG_BREAKER_FAILURES": "1",
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            }
            async with live_server(tmp_path, *arguments, environ=environ, stderr=log) as server, server.http() as http:
                good = await http.post(PATH, json=asking(EASY))
                bad = await http.post(PATH, json=asking("Tell me a secret."))
        said = lines(log)
    assert (good.status_code, bad.status_code) == (200, 502)
    requests = [line for line in said if line["logger"] == "underdog.requests"]
    assert [line["request_id"] for line in requests] == [each.headers["x-request-id"] for each in (good, bad)]
    first, second = requests
    assert (first["level"], first["outcome"], first["status"], first["route"]) == ("info", "ok", 200, "weak")
    assert (first["cache"], first["model"], first["prompt_tokens"]) == (
        "miss",
        "m",
        good.json()["usage"]["prompt_tokens"],
    )
    assert first["latency_ms"] > 0
    assert first["trace_id"] in {span.trace for span in collector.spans}
    assert (second["outcome"], second["error_code"]) == ("error", "upstream_refused")
    # What is said of a request below it has its id, too.
    opened = next(line for line in said if line["logger"] == "underdog.upstream")
    assert opened["level"] == "warning"
    assert opened["request_id"] == bad.headers["x-request-id"]
    for secret in (EASY, "secret", KEY, weak.turns[0].reply):
        assert secret not in log.read_text()


async def test_by_default_the_log_is_text_and_silent_about_requests_that_go_well(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with ScriptedServer() as weak:
        serving = live_server(tmp_path, "--weak-url", weak.base_url, "--breaker-failures", "1", stderr=log)
        async with serving as server, server.http() as http:
            await http.post(PATH, json=asking(EASY))
            weak.turns = [Turn(status=500)]
            await http.post(PATH, json=asking("Something else."))
    said = log.read_text().splitlines()
    assert any(" WARNING underdog.upstream: deployment weak: " in line for line in said)
    assert not any("underdog.requests" in line for line in said)


async def test_a_hang_up_reads_the_settings_again_and_the_level_changes_at_once(tmp_path: Path) -> None:
    log, file = tmp_path / "log", tmp_path / "underdog.toml"
    async with ScriptedServer() as weak:
        file.write_text(f'weak_url = "{weak.base_url}"\n')
        async with live_server(tmp_path, "--config", str(file), stderr=log) as server, server.http() as http:
            await http.post(PATH, json=asking("before"))
            server.process.send_signal(signal.SIGHUP)
            await until_said(log, "read again, as it was wished")
            file.write_text(f'weak_url = "{weak.base_url}"\nlog_level = "info"\n')
            server.process.send_signal(signal.SIGHUP)
            await until_said(log, "in use from now on: log_level")
            after = await http.post(PATH, json=asking("after"))
            assert server.process.returncode is None
    said = log.read_text()
    assert said.count("in use from now on") == 1  # not once more by whoever watches the file
    assert [line for line in said.splitlines() if "underdog.requests: request " in line] == [
        line for line in said.splitlines() if after.headers["x-request-id"] in line
    ]


async def test_a_hang_up_without_a_file_changes_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with (
        ScriptedServer() as weak,
        live_server(tmp_path, "--weak-url", weak.base_url, stderr=log) as server,
        server.http() as http,
    ):
        server.process.send_signal(signal.SIGHUP)
        await until_said(log, "there is no file of settings to read again")
        assert (await http.get("/health")).status_code == 200


async def test_a_server_at_a_terminal_stops_gently_once_that_is_gone(tmp_path: Path) -> None:
    terminal, end = pty.openpty()
    async with ScriptedServer() as weak, live_server(tmp_path, "--weak-url", weak.base_url, stdin=end) as server:
        os.close(end)
        os.close(terminal)
        server.process.send_signal(signal.SIGHUP)
        assert await asyncio.wait_for(server.process.wait(), 30) == 0
