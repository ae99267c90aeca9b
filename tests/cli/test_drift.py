"""``underdog drift``: tables for people, JSON for programs, and an exit status for both."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from router.cli import main
from router.commands.drift import SHIFTED_STATUS
from router.ledger import Ledger
from router.ledger.ledger import LEDGER_FILE
from tests.ledger.support import a_row


def drift(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["drift", "--home", str(home), *arguments], prog_name="underdog")


async def record(home: Path, n: int, *, name: str = "new", **changes: Any) -> None:
    ledger = Ledger.open(home / LEDGER_FILE)
    fields = {"at": datetime.now(UTC) - timedelta(hours=1), "scored_tokens": 9, "unfamiliarity": 0.6, **changes}
    written = [ledger.submit(a_row(f"req-{name}-{number}", **fields)) for number in range(n)]
    for row in written:
        await row
    await ledger.aclose()


async def test_traffic_that_changed_is_named_and_the_status_says_so(tmp_path: Path) -> None:
    await record(tmp_path, 150)
    await record(tmp_path, 150, name="old", at=datetime.now(UTC) - timedelta(days=9), scored_tokens=300)
    found = drift(tmp_path)
    assert found.exit_code == SHIFTED_STATUS
    assert "Changed since the days before: tokens." in found.output


async def test_a_difference_from_the_artifacts_prompts_counts_only_where_it_is_asked_for(tmp_path: Path) -> None:
    await record(tmp_path, 150)
    found = drift(tmp_path)
    assert found.exit_code == 0
    assert "Unlike what the artifact was made on, or its curve expects: win rate, tokens" in found.output
    assert "not enough requests (n=0)" in found.output
    assert drift(tmp_path, "--strict").exit_code == SHIFTED_STATUS


async def test_a_few_requests_tell_nothing_and_the_status_is_0(tmp_path: Path) -> None:
    await record(tmp_path, 5)
    found = drift(tmp_path, "--days", "2")
    assert found.exit_code == 0
    assert "Not enough requests to tell whether anything has changed." in found.output


async def test_one_earlier_request_is_no_change_and_is_shown_to_be_too_few(tmp_path: Path) -> None:
    await record(tmp_path, 1, name="old", at=datetime.now(UTC) - timedelta(days=9), unfamiliarity=1.5)
    await record(tmp_path, 300)
    found = drift(tmp_path)
    assert found.exit_code == 0
    assert found.output.count("(n=1)") == 4  # three distributions and the unfamiliar share


async def test_json_has_every_figure(tmp_path: Path) -> None:
    await record(tmp_path, 150)
    found = json.loads(drift(tmp_path, "--json", "--tenant", "acme").output)
    assert found["recent_requests"] == 150
    assert {row["quantity"] for row in found["distributions"]} == {"win rate", "tokens", "unfamiliarity"}
    assert found["distributions"][0]["against_artifact"]["psi"] > 1
    assert found["changed"] == []
    assert "tokens" in found["differs"]


def test_the_help_says_that_a_retrained_artifact_needs_a_new_version() -> None:
    said = " ".join(CliRunner().invoke(main, ["drift", "--help"]).output.split())
    assert "give one that was retrained a new version" in said


@pytest.mark.parametrize(("arguments", "status", "said"), [([], 1, "there is none"), (["--days", "0"], 2, "--days")])
def test_what_cannot_be_told_says_why(tmp_path: Path, arguments: list[str], status: int, said: str) -> None:
    found = drift(tmp_path, *arguments)
    assert found.exit_code == status
    assert said in found.output
