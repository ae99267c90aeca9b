"""Ratings beside the rows, and the export that carries them."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from router.cli import main
from router.database import migrate
from router.database.sqlite import SqliteDatabase
from router.errors import LedgerError
from router.ledger import Ledger
from router.ledger.export import read_export
from router.ledger.feedback import read_pairs, read_reworded
from router.ledger.migrations import COMPONENT, MIGRATIONS
from tests.ledger.support import MORNING, REPOSITORY, a_row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
async def ledger(path: Path) -> AsyncIterator[Ledger]:
    ledger = Ledger.open(path)
    yield ledger
    await ledger.aclose()


def exported(ledger: Ledger, **filters: Any) -> dict[str, str | None]:
    return {record["request_id"]: record["feedback"] for record in read_export(ledger.database, **filters)}


async def test_the_last_rating_of_a_request_stays(ledger: Ledger) -> None:
    await ledger.record(a_row("r1"))
    await ledger.record(a_row("r2"))
    assert await ledger.rate("r1", "good", tenant="acme")
    assert await ledger.rate("r1", "bad", tenant="acme")
    assert await ledger.rate("r1", "bad", tenant="acme")
    assert exported(ledger) == {"r1": "bad", "r2": None}


async def test_nobody_rates_what_is_not_theirs_or_not_there(ledger: Ledger) -> None:
    await ledger.record(a_row("r1"))
    assert not await ledger.rate("r1", "good", tenant="other")
    assert not await ledger.rate("r9", "good", tenant="acme")
    assert exported(ledger) == {"r1": None}


async def test_a_rating_says_how_the_cache_dealt_with_the_request_and_what_was_said_before(ledger: Ledger) -> None:
    row = a_row("r1", cache="semantic", cache_key="aa", cache_entry="bb", cache_verdict=2.5, cache_verifier="v/1")
    await ledger.record(row)
    first = await ledger.rate("r1", "good", tenant="acme")
    assert first is not None
    assert (first.cache, first.cache_key, first.cache_entry) == ("semantic", "aa", "bb")
    assert (first.cache_verdict, first.cache_verifier, first.at) == (2.5, "v/1", MORNING)
    assert first.before is None
    again = await ledger.rate("r1", "bad", tenant="acme")
    assert again is not None
    assert again.before == "good"


async def test_answered_rewordings_of_late_are_read_oldest_first_with_their_ratings(ledger: Ledger) -> None:
    fields = {"cache": "semantic", "cache_key": "aa", "cache_entry": "bb", "cache_verifier": "v/1"}
    for number in range(4):
        await ledger.record(a_row(f"r{number}", cache_verdict=float(number), **fields))
    await ledger.record(a_row("certain", cache_verdict=float("inf"), **fields))
    await ledger.record(a_row("exact", cache="exact", cache_key="aa"))
    await ledger.record(a_row("old", at=MORNING - timedelta(days=91), **fields))
    await ledger.rate("r2", "bad", tenant="acme")
    found = read_reworded(ledger.database, now=MORNING)
    assert [each.request_id for each in found] == ["r0", "r1", "r2", "r3", "certain"]
    assert [each.rating for each in found] == [None, None, "bad", None, None]
    assert [each.cache_verdict for each in found] == [0.0, 1.0, 2.0, 3.0, float("inf")]
    assert [each.request_id for each in read_reworded(ledger.database, now=MORNING, most=2)] == ["r3", "certain"]


async def test_pairs_carry_the_last_rating_and_only_those_that_may_be_kept_are_there(
    ledger: Ledger, path: Path, tmp_path: Path
) -> None:
    for name in ("r1", "r2", "r3"):
        await ledger.record(a_row(name))
    await ledger.record(a_row("theirs", tenant="other"))
    await ledger.rate("r1", "good", tenant="acme", pair=('"a"', '"b"'))
    await ledger.rate("r1", "bad", tenant="acme", pair=('"a"', '"b"'))
    await ledger.rate("r2", "good", tenant="acme", pair=('[{"role": "user", "content": "c"}]', '"d"'))
    await ledger.rate("r3", "bad", tenant="acme")
    await ledger.rate("theirs", "bad", tenant="acme", pair=('"x"', '"y"'))
    assert list(read_pairs(ledger.database)) == [
        {"a": "a", "b": "b", "same_answer": False, "family": "reported"},
        {"a": [{"role": "user", "content": "c"}], "b": "d", "same_answer": True, "family": "reported"},
    ]
    assert list(read_pairs(ledger.database, tenant="other")) == []
    assert list(read_pairs(ledger.database, since=MORNING + timedelta(days=1))) == []
    out = tmp_path / "reported.jsonl"
    words = ["ledger", "pairs", "--home", str(path.parent), "--out", str(out)]
    assert CliRunner().invoke(main, words).exit_code == 0
    assert [json.loads(line)["b"] for line in out.read_text(encoding="utf-8").splitlines()] == ["b", "d"]
    told = json.loads(CliRunner().invoke(main, [*words, "--json"]).stdout)
    assert told == {"file": str(out), "format": "jsonl", "records": 2}


@pytest.mark.parametrize("form", ["jsonl", "csv"])
async def test_json_tells_of_the_file_that_an_export_wrote_and_needs_one(
    ledger: Ledger, path: Path, tmp_path: Path, form: str
) -> None:
    for name in ("r1", "r2", "r3"):
        await ledger.record(a_row(name))
    words = ["ledger", "export", "--home", str(path.parent), "--format", form, "--json"]
    out = tmp_path / "requests"
    told = json.loads(CliRunner().invoke(main, [*words, "--out", str(out)]).stdout)
    assert told == {"file": str(out), "format": form, "records": 3}
    assert len(out.read_text(encoding="utf-8").splitlines()) == 3 + (form == "csv")
    for refused in (CliRunner().invoke(main, words), CliRunner().invoke(main, ["ledger", "pairs", "--json"])):
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert "add --out" in refused.stderr


async def test_an_export_has_verdicts_and_no_digest_of_a_request(ledger: Ledger) -> None:
    await ledger.record(a_row("r1", cache_key="aa", cache_entry="bb", cache_verdict=2.5, cache_verifier="v/1"))
    (record,) = read_export(ledger.database)
    assert (record["cache_verdict"], record["cache_verifier"]) == (2.5, "v/1")
    assert not {"cache_key", "cache_entry"} & set(record)


async def test_ratings_and_rows_are_written_side_by_side(ledger: Ledger) -> None:
    await asyncio.gather(*(ledger.record(a_row(f"r{number}")) for number in range(50)))
    rated = [ledger.rate(f"r{number}", "good", tenant="acme") for number in range(50)]
    more = [ledger.record(a_row(f"s{number}")) for number in range(50)]
    outcomes = await asyncio.gather(*rated, *more)
    assert [outcome is not None for outcome in outcomes] == [True] * 50 + [False] * 50
    assert len(exported(ledger)) == 100


async def test_an_export_may_begin_at_a_time_and_keep_to_one_tenant(ledger: Ledger) -> None:
    await ledger.record(a_row("old", at=MORNING - timedelta(days=1)))
    await ledger.record(a_row("ours"))
    await ledger.record(a_row("theirs", tenant="other"))
    assert set(exported(ledger)) == {"old", "ours", "theirs"}
    assert set(exported(ledger, since=MORNING)) == {"ours", "theirs"}
    assert set(exported(ledger, since=MORNING, tenant="acme")) == {"ours"}


async def test_an_export_is_read_one_request_at_a_time(ledger: Ledger) -> None:
    await asyncio.gather(*(ledger.record(a_row(f"r{number}")) for number in range(200)))
    stream = read_export(ledger.database)
    assert next(stream)["request_id"] == "r0"
    await ledger.record(a_row("later"))
    assert "later" not in {record["request_id"] for record in stream}


def make_older(path: Path) -> None:
    """A ledger from before there was feedback."""
    with contextlib.closing(SqliteDatabase(path)) as database:
        migrate(database, COMPONENT, MIGRATIONS[:1])


async def test_a_ledger_from_before_there_was_feedback_keeps_its_rows(path: Path) -> None:
    make_older(path)
    await Ledger.open(path).aclose()
    with sqlite3.connect(path) as upgraded:
        assert upgraded.execute("SELECT count(*) FROM feedback").fetchone() == (0,)


async def test_the_command_writes_json_lines_or_csv_without_keys(ledger: Ledger, path: Path, tmp_path: Path) -> None:
    await ledger.record(a_row("r1", key_id="laptop"))
    await ledger.rate("r1", "good", tenant="acme")
    words = ["ledger", "export", "--home", str(path.parent)]
    said = CliRunner().invoke(main, words)
    record = json.loads(said.stdout)
    assert (record["request_id"], record["feedback"], record["win_rate"]) == ("r1", "good", 0.25)
    assert record["at"] == "2026-11-22T08:30:15.123456+00:00"
    assert "laptop" not in said.stdout
    out = tmp_path / "out.csv"
    assert CliRunner().invoke(main, [*words, "--format", "csv", "--out", str(out)]).exit_code == 0
    (row,) = csv.DictReader(io.StringIO(out.read_text(encoding="utf-8")))
    assert (row["request_id"], row["feedback"], row["cost_usd"]) == ("r1", "good", "0")
    assert CliRunner().invoke(main, [*words, "--since", "2026-11-23"]).stdout == ""
    assert not list(tmp_path.glob("*.part"))


async def test_an_export_into_a_pipe_is_written_to_it(ledger: Ledger, path: Path, tmp_path: Path) -> None:
    await ledger.record(a_row("r1"))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    done = CliRunner().invoke(main, ["ledger", "export", "--home", str(path.parent), "--out", str(pipe)])
    with os.fdopen(reader, "rb") as received:
        assert json.loads(received.read())["request_id"] == "r1"
    assert done.exit_code == 0
    assert pipe.is_fifo()


async def test_an_output_that_cannot_be_is_named(ledger: Ledger, path: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "x"
    done = CliRunner().invoke(main, ["ledger", "export", "--home", str(path.parent), "--out", str(out)])
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert f"{out}: Not a directory; check the path" in done.output


def export_to(descriptor: int, home: Path) -> tuple[int, str]:
    """Run the command with an open file as its standard output; gives its exit status and what it complained."""
    words = [sys.executable, "-m", "router", "ledger", "export", "--home", str(home)]
    with os.fdopen(descriptor, "wb") as sink:
        done = subprocess.run(words, cwd=REPOSITORY, stdout=sink, stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stderr


async def test_a_full_disk_behind_standard_output_is_named(ledger: Ledger, path: Path) -> None:
    await ledger.record(a_row("r1"))
    status, said = await asyncio.to_thread(export_to, os.open("/dev/full", os.O_WRONLY), path.parent)
    assert status == 1
    assert said == "Error: standard output: No space left on device; check the path and the space left.\n"


async def test_a_reader_who_has_seen_enough_ends_an_export_quietly(ledger: Ledger, path: Path) -> None:
    await ledger.record(a_row("r1"))
    reading, writing = os.pipe()
    os.close(reading)
    _, said = await asyncio.to_thread(export_to, writing, path.parent)
    assert said == ""


async def test_a_callers_text_is_no_formula_in_a_spreadsheet(ledger: Ledger, path: Path) -> None:
    names = ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", "gpt-4o"]
    for number, name in enumerate(names):
        await ledger.record(a_row(f"r{number}", requested_model=name, latency_ms=-1.0))
    words = ["ledger", "export", "--home", str(path.parent)]
    table = io.StringIO(CliRunner().invoke(main, [*words, "--format", "csv"]).stdout_bytes.decode(), newline="")
    rows = list(csv.DictReader(table))
    assert [row["requested_model"] for row in rows] == [f"'{name}" for name in names[:-1]] + ["gpt-4o"]
    assert {row["latency_ms"] for row in rows} == {"-1.0"}
    lines = CliRunner().invoke(main, words).stdout.splitlines()
    assert [json.loads(line)["requested_model"] for line in lines] == names


async def test_what_is_true_or_false_is_exported_as_that(ledger: Ledger, path: Path) -> None:
    await ledger.record(a_row("r1", stream=True, tokens_estimated=False))
    (record,) = read_export(SqliteDatabase(path))
    assert (record["stream"], record["tokens_estimated"]) == (True, False)
    assert {type(record["stream"]), type(record["tokens_estimated"])} == {bool}


def test_the_command_names_a_folder_without_a_ledger(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["ledger", "export", "--home", str(tmp_path / "empty")])
    assert done.exit_code == 1
    assert "there is none; name its folder with --home" in done.output
    assert not (tmp_path / "empty").exists()


def test_an_export_leaves_the_schema_to_the_server(path: Path) -> None:
    make_older(path)
    done = CliRunner().invoke(main, ["ledger", "export", "--home", str(path.parent)])
    assert done.exit_code == 1
    assert "of an older schema; start the server once" in done.output
    with contextlib.closing(sqlite3.connect(path)) as untouched:
        assert untouched.execute("PRAGMA user_version").fetchone() == (1,)


def test_the_database_of_another_program_is_not_exported(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE requests (seq INTEGER)")
    with pytest.raises(LedgerError, match="another program"):
        next(read_export(SqliteDatabase(path)))
