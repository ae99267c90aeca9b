"""``underdog report``: tables, CSV and JSON, on either engine, also beside a running server."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from click.testing import CliRunner
from rich.console import Console

from router.cli import main
from router.commands.report_tables import show
from router.ledger.ledger import Ledger
from router.ledger.opening import open_ledger
from router.ledger.usage import UsageReport, UsageRow
from router.settings import load_settings
from router.types import LedgerRow
from router.upstream.scripted import ScriptedServer
from tests.ledger.support import a_row
from tests.live import EASY, HARD, routed

Underdog = Callable[..., str]


@pytest.fixture(params=["sqlite", "postgres"])
def environ(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The environment of commands whose ledger is there."""
    environ = {"UNDERDOG_HOME": str(tmp_path)}
    if request.param == "postgres":
        environ["UNDERDOG_DATABASE_URL"] = str(request.getfixturevalue("postgres_url"))
    return environ


async def recorded(environ: dict[str, str], rows: list[LedgerRow]) -> None:
    ledger: Ledger = open_ledger(load_settings(environ=environ))
    for row in rows:
        await ledger.record(row)
    await ledger.aclose()


async def report(environ: dict[str, str], *arguments: str) -> str:
    return await asyncio.to_thread(report_now, environ, *arguments)


def report_now(environ: dict[str, str], *arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(main, ["report", *arguments], env={**environ, "COLUMNS": "250"}, prog_name="underdog")
    assert result.exit_code == status, result.output
    return result.output


AMOUNTS = ("cost_usd", "baseline_usd", "saved_usd", "saved_low_usd", "saved_high_usd", "compute_usd")


def rows() -> list[LedgerRow]:
    evil = '=HYPERLINK("http://x")'
    return [
        a_row("1", team="red", cost_usd=Decimal("0.000000000000000001"), uncertain_usd=Decimal("0.0002")),
        a_row("2", team="red", cost_usd=Decimal("0.25"), tokens_estimated=True),
        a_row("3", team=evil, cost_usd=None, model="@strange[bold]\x1b[31m", at=datetime(2026, 11, 23, 1, tzinfo=UTC)),
        a_row("4", cost_usd=None, baseline_cost_usd=None, outcome="error", prompt_tokens=0, completion_tokens=0),
    ]


async def test_a_report_is_exact_in_json_and_csv(environ: dict[str, str]) -> None:
    await recorded(environ, rows())
    told = json.loads(await report(environ, "--by", "team", "--json"))
    teams = {row["by"]["team"]: row for row in told["rows"]}
    assert teams["red"]["cost_usd"] == "0.250000000000000001"
    assert teams["red"]["saved_usd"] == "-0.249260000000000001"
    assert teams["red"]["estimated_requests"] == 1
    assert (teams[None]["cost_usd"], teams[None]["errors"]) == ("0", 1)
    assert told["total"]["requests"] == 4

    lines = list(csv.DictReader(io.StringIO(await report(environ, "--by", "day,team", "--csv"))))
    assert len(lines) == 3
    assert lines[0]["day"] == "2026-11-22"
    assert {line["team"]: line["cost_usd"] for line in lines} == {
        "red": "0.250000000000000001",
        "": "0",
        '\'=HYPERLINK("http://x")': "",
    }
    assert sum(int(line["requests"]) for line in lines) == 4


async def test_a_table_shows_totals_intervals_and_what_is_not_known(environ: dict[str, str]) -> None:
    await recorded(environ, rows())
    table = await report(environ, "--by", "day", "--by", "model", "--tz", "America/New_York")
    assert "+ 1 unknown" in table, "of the total"
    assert "-$0.24926 " in table
    assert "(-$0.249336 to -$0.248902)" in table
    assert "@strange[bold] [31m" in table, "what a name could do to a terminal is taken out"
    assert "\x1b" not in table
    assert "1 requests were answered by a model whose price is not known" in table
    assert "1 requests have tokens that were estimated" in table
    assert "0.62 to 2.79 times" in table
    assert "2026-11-22" in table
    assert "2026-11-23" not in table, "there it was still the evening before"
    assert "No requests in this period." in await report(environ, "--since", "2027-01-01")


@pytest.mark.parametrize("width", [60, 72, 80, 120, 200])
def test_a_narrow_terminal_loses_columns_and_no_amount_is_cut_off(width: int) -> None:
    console = Console(width=width, force_terminal=True, color_system=None, file=io.StringIO())
    figures = dict.fromkeys(UsageRow.__struct_fields__, 1_234_567) | dict.fromkeys(AMOUNTS, "1234.567891")
    row = msgspec.convert(figures | {"by": {"team": "x" * 30}}, UsageRow)
    report = UsageReport(
        since=None,
        until=None,
        time_zone="UTC",
        grouped_by=("team",),
        baseline_lengths=("1", "2"),
        rows=[row],
        total=row,
    )
    show(report, {}, console)
    shown = cast(io.StringIO, console.file).getvalue()
    assert "…" not in shown
    assert "xxxxx" in shown, "whose figures they are"
    assert shown.count("$1,234.567891") >= 4
    assert ("own time" in shown) is (width == 200)
    assert max(map(len, shown.splitlines())) <= width


async def test_time_of_this_machine_is_shown_as_money_and_taken_off(environ: dict[str, str]) -> None:
    await recorded(environ, [a_row("1", decision_us=1000.0, embedded_ms=3599.0, baseline_cost_usd=Decimal("0.01"))])
    assert "Saved after what this machine" not in await report(environ)
    table = await report({**environ, "UNDERDOG_COMPUTE_USD_PER_HOUR": "1"})
    assert "3.6 s, $0.001 " in table
    assert "Saved after what this machine itself took: $0.009." in table


def test_wrong_questions_are_answered_with_what_may_be_asked(tmp_path: Path) -> None:
    home = {"UNDERDOG_HOME": str(tmp_path)}
    assert "'colour' is none of day, week, month" in report_now(home, "--by", "colour", status=2)
    assert "is no time zone" in report_now(home, "--tz", "Moon", status=2)
    assert "neither a day" in report_now(home, "--since", "soon", status=2)
    assert "there is none" in report_now(home, status=1)


async def test_a_team_and_a_key_that_nobody_is_called_by_are_named(environ: dict[str, str]) -> None:
    await recorded(environ, [a_row("1", team="gone")])
    said = await report(environ, "--team", "serach", "--key", "nobody")
    assert "There is no team 'serach' and no key 'nobody'" in said
    assert "There is no" not in await report(environ, "--team", "gone"), "the ledger knows it"


async def test_a_report_reads_beside_a_running_server(tmp_path: Path) -> None:
    async with ScriptedServer(model="weak-model") as weak, ScriptedServer(model="strong-model") as strong:
        prices = json.dumps([{"model": "strong-model", "input": 1, "output": 10}])
        async with routed(tmp_path, weak, strong, UNDERDOG_PRICES=prices) as server, server.http() as http:
            for prompt in (EASY, HARD, EASY):
                body = {"messages": [{"role": "user", "content": prompt}]}
                assert (await http.post("/v1/chat/completions", json=body)).status_code == 200
            told = json.loads(await report({"UNDERDOG_HOME": str(tmp_path)}, "--by", "route,cache", "--json"))
            own = (await http.get("/v1/usage", params={"by": "route,cache"})).json()
    assert own == {**told, "budgets": []}
    figures: dict[Any, Any] = {tuple(row["by"].values()): row for row in told["rows"]}
    assert set(figures) == {("weak", "miss"), ("strong", "miss"), ("weak", "exact")}
    assert {row["requests"] for row in figures.values()} == {1}
    miss, hit, dear = figures["weak", "miss"], figures["weak", "exact"], figures["strong", "miss"]
    assert miss["cost_usd"] == hit["cost_usd"] == "0"
    assert miss["saved_usd"] == hit["saved_usd"]
    assert Decimal(miss["saved_low_usd"]) < Decimal(miss["saved_usd"]) < Decimal(miss["saved_high_usd"])
    assert dear["saved_usd"] == dear["saved_low_usd"] == dear["saved_high_usd"] == "0"
    assert miss["routing_s"] > 0
    assert miss["verifying_s"] > 0
    assert hit["routing_s"] == 0
