"""``underdog replay``: every kind of log it reads, what it says of each, and its exit status."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from router.cli import main
from router.commands.replay import BAD_LINES_STATUS
from router.database.sqlite import SqliteDatabase
from router.ledger import Ledger
from router.ledger.ledger import LEDGER_FILE
from router.ledger.prompts import Exchange, prompt_keeper
from router.scoring.scorer import Scorer
from router.types import ChatRequest, Message
from tests.ledger.support import a_row
from tests.live import EASY, HARD
from tests.replay.support import past

CONFIG = """\
weak_url = "http://127.0.0.1:9/v1"
weak_model = "small"
strong_url = "http://127.0.0.1:9/v1"
strong_model = "big"

[[prices]]
model = "small"
input = 1
output = 1

[[prices]]
model = "big"
input = 10
output = 10
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "underdog.toml").write_text(CONFIG)
    return tmp_path


def replay(home: Path, *arguments: str, stdin: bytes | str | None = None) -> Result:
    return CliRunner().invoke(main, ["replay", "--home", str(home), *arguments], input=stdin, prog_name="underdog")


def told(home: Path, *arguments: str, stdin: bytes | str | None = None, status: int = 0) -> dict[str, Any]:
    result = replay(home, "--json", *arguments, stdin=stdin)
    assert result.exit_code == status, result.output
    return dict(json.loads(result.stdout))


def row(said: dict[str, Any], called: str) -> dict[str, Any]:
    return next(row for row in said["rows"] if row["called"] == called)


def points(said: dict[str, Any]) -> list[list[str]]:
    """The figures without their intervals, which hang on the order of the requests."""
    figures = ("strong_share", "cost_usd", "saved_usd", "quality")
    return [[str(each[figure]["value"]) for figure in figures] for each in said["rows"]]


async def recorded(home: Path, n: int, **changes: Any) -> None:
    """Requests with rising win rates from .7 on, those from .75 on answered by the strong model."""
    ledger = Ledger.open(home / LEDGER_FILE)
    written = []
    for number in range(n):
        win_rate = 0.7 + number / (10 * n)
        strong = win_rate >= 0.75
        fields = {
            "win_rate": win_rate,
            "route": "strong" if strong else "weak",
            "attempts": 1,
            "prompt_tokens": 100,
            "completion_tokens": 100,
            "cost_usd": Decimal("0.002") if strong else Decimal("0.0002"),
            "baseline_cost_usd": Decimal("0.002"),
            "uncertain_usd": Decimal(0) if strong else Decimal("0.001"),
            **changes,
        }
        written.append(ledger.submit(a_row(f"req-{number}", **fields)))
    for each in written:
        await each
    await ledger.aclose()


async def test_the_servers_own_ledger_is_decided_again(home: Path) -> None:
    await recorded(home, 100)
    said = told(home, "--threshold", "0.72", "--threshold", "0.7895")
    assert (said["n"], said["artifact"], said["bad_lines"], said["unanswered"]) == (100, "default/1", 0, 0)
    low, high = row(said, "as it was"), next(row for row in said["rows"] if row["threshold"] == 0.7895)
    assert low["strong_share"]["value"] == 0.5
    assert float(low["cost_usd"]["value"]) == pytest.approx(50 * 0.002 + 50 * 0.0002)
    assert high["strong_share"]["value"] == pytest.approx(0.1)
    # What was strong and goes to the weak model is priced by the settings: 200 tokens at a dollar a million.
    assert float(high["cost_usd"]["value"]) == pytest.approx(10 * 0.002 + 90 * 0.0002)
    assert float(high["saved_usd"]["value"]) == pytest.approx(90 * 0.0018)
    assert float(row(said, "all strong")["cost_usd"]["value"]) == pytest.approx(0.2)
    for each in said["rows"]:
        for figure in ("strong_share", "cost_usd", "saved_usd", "quality"):
            ends = [float(each[figure][end]) for end in ("low", "value", "high")]
            assert ends == sorted(ends)


async def test_of_the_ledger_the_last_are_taken_and_those_of_a_time(home: Path) -> None:
    await recorded(home, 30)
    assert told(home, "--last", "10")["n"] == 10
    assert told(home, "--since", "2026-11-22")["n"] == 30
    late = replay(home, "--since", "2026-11-23")
    assert late.exit_code == 1
    assert "No request is there that a threshold decides" in late.output


async def test_an_export_says_the_same_as_the_ledger_it_came_from(home: Path) -> None:
    await recorded(home, 40)
    file = home / "log.jsonl"
    exported = CliRunner().invoke(main, ["ledger", "export", "--home", str(home), "--out", str(file)])
    assert exported.exit_code == 0, exported.output
    expected = points(told(home, "--threshold", "0.76"))
    assert points(told(home, str(file), "--threshold", "0.76")) == expected
    assert points(told(home, "-", "--threshold", "0.76", stdin=file.read_bytes())) == expected
    assert told(home, str(file), "--since", "2026-11-22T08:00:00")["n"] == 40
    assert replay(home, str(file), "--since", "2026-11-23").exit_code == 1


async def test_what_no_threshold_moves_is_left_out_and_named(home: Path) -> None:
    await recorded(home, 10)
    ledger = Ledger.open(home / LEDGER_FILE)
    await ledger.record(a_row("pinned", reason="pinned", cost_usd=Decimal("0.5")))
    await ledger.record(a_row("older", artifact="default/0", cost_usd=Decimal("0.25")))
    await ledger.aclose()
    said = told(home)
    assert (said["n"], said["left_out"], said["left_out_usd"]) == (10, {"other-artifact": 1, "pinned": 1}, "0.75")
    shown = replay(home).output
    assert "Left out, since no threshold moves them: 2" in shown
    assert "the caller named the model" in shown


async def test_requests_of_another_artifact_are_scored_again_where_their_prompts_are_there(home: Path) -> None:
    ledger = Ledger.on(SqliteDatabase(home / LEDGER_FILE), prompts=prompt_keeper(keep=True, key=None))
    for name, text in (("easy", EASY), ("hard", HARD)):
        exchange = Exchange(ChatRequest(messages=[Message(role="user", content=text)]), "An answer.")
        fields = {"artifact": "default/0", "win_rate": 0.01, "attempts": 1, "uncertain_usd": Decimal("0.0001")}
        await ledger.submit(a_row(name, **fields), exchange)
    await ledger.aclose()
    file = home / "log.jsonl"
    arguments = ["ledger", "export", "--prompts", "--home", str(home), "--out", str(file)]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    said = told(home, str(file), "--point", "balanced")
    assert (said["n"], said["rescored"], said["left_out"]) == (2, 2, {})
    scorer = Scorer.load()
    rates = [scorer.score(text).win_rate for text in (EASY, HARD)]
    assert row(said, "balanced")["strong_share"]["value"] == 0.5
    assert row(said, "balanced")["quality"]["value"] == pytest.approx(max(rates) / sum(rates), abs=1e-5)
    assert replay(home).exit_code == 1  # without the prompts their win rates say nothing


def asked(*bodies: dict[str, Any]) -> str:
    return "".join(json.dumps(body) + "\n" for body in bodies)


def chat(text: str, **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **fields}


def batch(body: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body, **fields}


def test_requests_that_nobody_answered_are_scored_and_priced_by_a_length_that_is_told(home: Path) -> None:
    log = asked(chat(EASY, max_tokens=50), batch(chat(HARD, model="gpt-4o", n=2)))
    said = told(home, "-", "--point", "balanced", "--answer-tokens", "100", stdin=log)
    assert (said["n"], said["unanswered"], said["answer_tokens"]) == (2, 2, 100)
    assert "as it was" not in [each["called"] for each in said["rows"]]
    assert row(said, "balanced")["strong_share"]["value"] == 0.5
    from router.ledger.tokens import estimate_usage

    prompts = sum(
        estimate_usage(ChatRequest(messages=[Message(role="user", content=text)]), "").prompt_tokens
        for text in (EASY, HARD)
    )
    all_weak = row(said, "all weak")["cost_usd"]
    assert float(all_weak["value"]) == pytest.approx((prompts + 50 + 200) * 1e-6)
    assert float(row(said, "all strong")["cost_usd"]["value"]) == pytest.approx((prompts + 50 + 200) * 1e-5)
    assert "Never answered: 2; 100 tokens are taken" in replay(home, "-", "--answer-tokens", "100", stdin=log).output


async def test_their_length_is_that_of_the_weak_models_answers_in_the_ledger_or_a_stated_one(home: Path) -> None:
    log = asked(chat(EASY))
    assert told(home, "-", stdin=log)["answer_tokens"] == 264
    await recorded(home, 60, completion_tokens=70)
    assert told(home, "-", stdin=log)["answer_tokens"] == 70


def test_a_bad_line_is_named_by_its_number_and_the_rest_goes_on(home: Path) -> None:
    log = asked(chat(EASY)) + "\nnope\n" + asked({"prompt": "secret"}, batch({"input": "x"}, url="/v1/embeddings"))
    log += "\x1b]0;evil\x07\n" + asked(chat(HARD))
    result = replay(home, "-", "--json", stdin=log)
    assert result.exit_code == BAD_LINES_STATUS
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["line 3", "line 4", "line 5", "line 6"]
    assert "secret" not in result.output
    assert "\x1b" not in result.output
    said = json.loads(result.stdout)
    assert (said["n"], said["bad_lines"]) == (2, 4)


def test_of_many_bad_lines_the_first_are_named_and_the_others_counted(home: Path) -> None:
    result = replay(home, "-", stdin="nope\n" * 1_000 + asked(chat(EASY)))
    assert result.exit_code == BAD_LINES_STATUS
    assert len(result.stderr.splitlines()) == 11
    assert "and 990 more lines" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--threshold", "nan"], "must be a number from 0 to 1"),
        (["--threshold", "1.01"], "must be a number from 0 to 1"),
        (["--quality", "all"], "must be a number from 0 to 1"),
        (["--strong-share", "-0.1"], "must be a number from 0 to 1"),
        (["--point", "nowhere"], "Unknown operating point"),
        (["-", "--last", "5"], "--last is for the server's own ledger"),
    ],
)
def test_wrong_usage_is_said_and_exits_with_2(home: Path, arguments: list[str], said: str) -> None:
    result = replay(home, *arguments, stdin=asked(chat(EASY)))
    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "there is none"),
        (["nowhere.jsonl"], "nowhere.jsonl: cannot be read"),
        (["-"], "ask a server with the model 'auto', or give a FILE"),
        (["-", "--artifact", "nowhere"], "nowhere"),
    ],
)
def test_where_nothing_can_be_told_one_line_says_why(home: Path, arguments: list[str], said: str) -> None:
    result = replay(home, *arguments, stdin="")
    assert result.exit_code == 1
    assert said in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_wishes_lead_where_they_lead_on_a_server(home: Path) -> None:
    said = told(home, "-", "--quality", "0.8", "--strong-share", "0.3", "--point", "best", stdin=asked(chat(EASY)))
    curve, points = Scorer.load().curve, Scorer.load().manifest.operating_points
    assert row(said, "quality 0.8")["threshold"] == pytest.approx(curve.threshold_for_quality(0.8))
    assert row(said, "strong share 0.3")["threshold"] == pytest.approx(curve.threshold_for_strong_share(0.3))
    assert row(said, "best")["threshold"] == points["best"].threshold
    assert {"cheap", "balanced", "best"} <= {
        each["called"] for each in told(home, "-", stdin=asked(chat(EASY)))["rows"]
    }


def test_without_prices_the_rest_is_told(home: Path) -> None:
    (home / "underdog.toml").write_text('weak_url = "http://127.0.0.1:9/v1"\nweak_model = "small"\n')
    result = replay(home, "-", stdin=asked(chat(EASY)))
    assert result.exit_code == 0, result.output
    assert "unknown" in result.output
    assert "Cost is unknown: name both models" in result.output
    said = told(home, "-", stdin=asked(chat(EASY)))
    assert all(each["cost_usd"] is None for each in said["rows"])


def test_the_table_fits_a_terminal_and_holds_every_row(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    from router.commands import replay_tables
    from router.commands.replay_told import Replayed

    said = told(home, "-", "--threshold", "0.5", stdin=asked(chat(EASY), chat(HARD)))
    narrow = Console(width=80, force_terminal=True, no_color=True, legacy_windows=False)
    monkeypatch.setattr(replay_tables, "Console", lambda: narrow)
    with narrow.capture() as captured:
        replay_tables.show(msgspec.convert(said, Replayed, strict=False))
    shown = captured.get()
    assert "…" not in shown
    assert "all strong" in shown
    assert "0.5000" in shown


def test_a_narrow_terminal_breaks_no_figure(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Console, "is_terminal", True)
    monkeypatch.setenv("COLUMNS", "50")
    result = replay(home, "-", stdin=asked(chat(EASY), chat(HARD)))
    lines = [line.rstrip() for line in click.unstyle(result.output).splitlines()]
    assert max(map(len, lines)) <= 50
    assert "saved" not in " ".join(lines[1:4])
    assert any(line.split()[:2] == ["0.0000", "100.0%"] and "$" in line for line in lines)
    assert not any(line.strip() in (")", "0)", "%") for line in lines)
    assert lines[0].startswith("2 requests, decided again")


def test_times_are_told_in_utc_wherever_they_were_written(home: Path) -> None:
    fields = msgspec.to_builtins(past(at=datetime.fromisoformat("2026-11-22T10:30:00+02:00")))
    (home / "log.jsonl").write_text(json.dumps({"request_id": "r", **fields}))
    assert "2026-11-22 08:30 to 2026-11-22 08:30 UTC" in replay(home, str(home / "log.jsonl")).output


def test_reasons_in_a_file_steer_neither_the_terminal_nor_the_table(home: Path) -> None:
    row = msgspec.structs.replace(a_row("r1", win_rate=0.5), reason="new\x1b]0;named\x07 [bold]and[/bold] [/so] on")
    record = msgspec.json.encode(row)
    result = replay(home, "-", stdin=record + b'\n{"messages": [{"role": "user", "content": "Hi."}]}\n')
    assert result.exit_code == 0, result.output
    assert "new ]0;named  [bold]and[/bold] [/so] on" in " ".join(result.output.split("\n"))
    assert "\x1b" not in result.output
    nothing = CliRunner().invoke(main, ["replay", "--home", str(home), "-"], input=record, color=True)
    assert (nothing.exit_code, "\x1b" in nothing.output) == (1, False)
