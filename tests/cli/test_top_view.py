"""What ``underdog top`` draws, and how it reads a stream of events."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from router.commands.event_stream import events_in
from router.commands.few_signs import milliseconds, money, span
from router.commands.top_feed import Lost, Told
from router.commands.top_state import State
from router.commands.top_view import View, line

TIMES = {"p50": 120.4, "p95": 1500.0, "p99": None}
SNAPSHOT: dict[str, Any] = {
    "at": "2026-11-29T12:00:00Z",
    "uptime_s": 30.0,
    "in_flight": 2,
    "waiting": 1,
    "totals": {
        "requests": 12_345,
        "cost_usd": "1.5",
        "saved_usd": "20.25",
        "saved_low_usd": "10",
        "saved_high_usd": "30.5",
        "by_route": {"weak": 9000, "strong": 3000},
        "by_cache": {"exact": 345, "miss": 3105, "bypass": 8895},
        "by_outcome": {"ok": 12_000, "error": 345},
    },
    "minute": {
        "requests": 16,
        "by_route": {"weak": 7, "strong": 3, "named": 5},
        "by_cache": {"exact": 1, "semantic": 1, "miss": 8, "bypass": 4},
        "errors": 0,
        "cost_usd": "0.000012",
        "saved_usd": None,
        "latency_ms": TIMES,
        "first_token_ms": TIMES,
    },
    "series": {"at": [1]},
    "upstreams": {
        "weak": {
            "model": "llama3.1:8b",
            "state": "ready",
            "deployments": [
                {"deployment": "weak", "breaker": "open", "in_flight": 1, "resting_s": 4.2, "state": "ready"}
            ],
        },
        "strong": None,
    },
    "memory": "tight",
    "shared": "away",
    "settings_file": {"state": "refused"},
}


def request(number: int, **changes: Any) -> dict[str, Any]:
    fields = {
        "request_id": f"req_{number}",
        "at": "2026-11-29T12:00:00Z",
        "route": "weak",
        "model": "llama3.1:8b",
        "reason": "win-rate",
        "win_rate": 0.7,
        "threshold": 0.75,
        "cache": "miss",
        "outcome": "ok",
        "status": 200,
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "cost_usd": "0",
        "latency_ms": 12.0,
        "first_token_ms": None,
    }
    return {**fields, **changes}


def state(*requests: dict[str, Any]) -> State:
    found = State()
    found.take(Told("session", {"version": "1.2.3", "artifact": "default/1", "threshold": 0.770711}))
    found.take(Told("snapshot", SNAPSHOT))
    found.take(Told("requests", list(requests)))
    return found


def drawn(of: State, width: int = 120, height: int = 40, **options: Any) -> str:
    out = StringIO()
    console = Console(file=out, width=width, height=height, force_terminal=True, highlight=False, **options)
    console.print(View(of, "http://box:8787"))
    return out.getvalue()


def test_the_table_has_the_figures() -> None:
    shown = drawn(state(request(1)), no_color=True, color_system=None)
    for text in (
        "Underdog 1.2.3  http://box:8787  up 30 s  default/1 at 0.771",
        "16 (0.53/s)",
        "12,345",
        "70%",
        "20%",
        "75%",
        "10%",
        "$0.000012",
        "$20.25 ($10.00 to $30.50)",
        "120 ms / 1.5 s / -",
        "2 (1 waiting for an equal one)",
        "memory is tight, Redis is away, the settings' file was refused",
        "weak (1 in flight, breaker open, rests 4 s)",
        "0.700 < 0.750",
    ):
        assert text in shown


@pytest.mark.parametrize("width", [40, 60, 72, 200])
def test_no_line_is_wider_or_lower_than_the_terminal(width: int) -> None:
    of = state(*(request(number, model="a-model-with-a-very-long-name" * 3) for number in range(100)))
    lines = drawn(of, width, 30, color_system=None).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) < 30
    assert "12:00:00 weak  a-model-with-a-" in lines[-1]
    assert ("win-rate" in lines[-1]) is (width >= 72)


def test_without_colours_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[32m" in drawn(state(request(1)))
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in drawn(state(request(1)))


def test_names_from_outside_do_not_steer_the_terminal() -> None:
    shown = drawn(state(request(1, model="\x1b[2J[bold]evil")), color_system=None)
    assert "[2J[bold]evil" in shown
    assert "\x1b[2J" not in shown


def test_requests_that_are_told_again_are_shown_once() -> None:
    of = state(request(1), request(2))
    of.take(Told("requests", [request(2), request(3)]))
    assert [each["request_id"] for each in of.requests] == ["req_1", "req_2", "req_3"]
    assert [each["request_id"] for each in of.taken()] == ["req_1", "req_2", "req_3"]
    assert of.taken() == []


def test_a_server_that_is_away_is_said_until_it_is_back() -> None:
    of = state()
    of.take(Lost("nothing listens there"))
    noon = datetime(2026, 11, 29, 12, tzinfo=UTC)
    assert "The server is away (nothing listens there); trying again." in drawn(of, color_system=None)
    assert line(of, noon).endswith("away: nothing listens there")
    of.take(Told("snapshot", SNAPSHOT))
    assert line(of, noon).startswith(
        "12:00:00  0.53 req/s  weak 70%  strong 30%  cached 20%  errors 0  latency 120 ms/1.5 s"
    )
    assert "away" not in line(of, noon)


def test_before_the_first_figures_a_line_says_so() -> None:
    assert line(State(), datetime(2026, 11, 29, tzinfo=UTC)) == "waiting: nothing was told yet"


def test_a_ledger_that_could_not_be_read_yet_leaves_gaps() -> None:
    of = state()
    of.take(Told("snapshot", {**SNAPSHOT, "totals": None}))
    assert "12,345" not in drawn(of)


def test_events_are_read_by_name_over_comments_and_broken_ones() -> None:
    lines = [": here", "", "event: snapshot", 'data: {"a":', "data: 1}", "", "data: plain", "", "event: cut", "data: 1"]
    pieces = [line.encode() + b"\n" for line in lines]
    assert list(events_in(pieces)) == [("snapshot", '{"a":\n1}'), ("message", "plain")]
    whole = b"".join(pieces).replace(b"\n", b"\r\n")
    assert list(events_in(whole[at : at + 1] for at in range(len(whole)))) == list(events_in(pieces))


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0c", "\x1e"])
def test_no_text_in_an_event_ends_it_or_begins_another(sign: str) -> None:
    data = f'{{"model": "m{sign}{sign}event: snapshot{sign}data: forged{sign}{sign}"}}'
    assert list(events_in([f"event: requests\ndata: {data}\n\n".encode()])) == [("requests", data)]


def test_figures_are_short() -> None:
    assert [money(usd) for usd in (None, "0", "0.0000123", "-0.0123", "-1234.5")] == [
        "-",
        "$0.00",
        "$0.000012",
        "-$0.0123",
        "-$1,234.50",
    ]
    assert [milliseconds(value) for value in (None, 0.42, 12.4, 1234.0)] == ["-", "0.4 ms", "12 ms", "1.2 s"]
    assert [span(seconds) for seconds in (5, 65, 3_700, 90_061)] == ["5 s", "1 min", "1 h 1 min", "1 d 1 h"]
