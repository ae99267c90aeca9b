"""``underdog tune-threshold``: the threshold for a share of strong calls, from whatever prompts there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from router.cli import main
from router.ledger import Ledger
from router.ledger.ledger import LEDGER_FILE
from router.scoring.scorer import Scorer
from tests.ledger.support import a_row

PROMPTS = [f"Prove that {number} is the sum of {number % 9} primes, and why." for number in range(60)]


def tune(home: Path, *arguments: str, typed: str | None = None) -> Result:
    asked = ["tune-threshold", "--home", str(home), *arguments]
    return CliRunner().invoke(main, asked, input=typed, prog_name="underdog")


def tuned(home: Path, *arguments: str, typed: str | None = None) -> dict[str, Any]:
    result = tune(home, "--json", *arguments, typed=typed)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.output)
    return found


def test_prompts_in_lines_give_the_threshold_that_sends_this_share_of_them(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("\n".join(PROMPTS))
    found = tuned(tmp_path, str(file), "--strong-share", "0.3")
    scorer = Scorer.load()
    sent = [scorer.score(prompt).win_rate >= found["threshold"] for prompt in PROMPTS]
    assert sum(sent) / len(sent) == pytest.approx(found["strong_share"]) == pytest.approx(0.3, abs=0.05)
    assert found["strong_share_low"] < 0.3 < found["strong_share_high"]
    assert found["threshold_low"] <= found["threshold"] <= found["threshold_high"]
    assert (found["n"], found["source"], found["confidence"]) == (60, "prompts.txt", 0.95)


def test_people_read_routellms_line_and_how_to_use_it(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("\n".join(PROMPTS))
    threshold = tuned(tmp_path, str(file), "--strong-share", "0.5")["threshold"]
    shown = tune(tmp_path, str(file), "--strong-share", "0.5").output
    assert shown.splitlines()[0] == f"For 50.0% strong model calls, threshold = {threshold}"
    assert f"router-mf-{threshold}" in shown
    assert "(95% confidence)" in shown


def test_records_of_every_kind_are_read_alike(tmp_path: Path) -> None:
    messages = [[{"role": "user", "content": prompt}] for prompt in PROMPTS]
    kinds: dict[str, list[Any]] = {
        "prompt": [{"prompt": prompt} for prompt in PROMPTS],
        "messages": [{"model": "auto", "messages": each} for each in messages],
        "batch": [{"custom_id": "1", "body": {"messages": each}} for each in messages],
        "text": list(PROMPTS),
    }
    found = {
        kind: tuned(tmp_path, "-", "--strong-share", "0.3", typed="\n".join(map(json.dumps, rows)))["threshold"]
        for kind, rows in kinds.items()
    }
    found["list"] = tuned(tmp_path, "-", "--strong-share", "0.3", typed=json.dumps(kinds["prompt"]))["threshold"]
    assert len(set(found.values())) == 1


def test_rows_that_are_no_prompts_are_counted(tmp_path: Path) -> None:
    rows = [{"prompt": prompt} for prompt in PROMPTS] + [{"question": "?"}, {"prompt": " "}, 7]
    found = tuned(tmp_path, "-", "--strong-share", "0.3", typed="\n".join(map(json.dumps, rows)))
    assert found["n"] == 60
    assert found["left_out"] == {"no 'prompt' or 'messages'": 2, "empty prompt": 1}


async def test_the_ledger_tells_of_the_requests_that_a_threshold_decided_about(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / LEDGER_FILE)
    rows = [a_row(f"req-{number}", win_rate=0.7 + number / 1000, tenant="a") for number in range(100)]
    rows += [a_row("pinned", win_rate=0.1, reason="pinned"), a_row("cached", win_rate=0.1, cache="exact")]
    rows += [a_row("other", win_rate=0.1, artifact="mine/2"), a_row("b", win_rate=0.1, tenant="b")]
    for written in [ledger.submit(row) for row in rows]:
        await written
    await ledger.aclose()
    found = tuned(tmp_path, "--ledger", "--tenant", "a", "--strong-share", "0.25")
    assert (found["n"], found["source"], found["strong_share"]) == (100, "the ledger", 0.25)
    assert found["threshold"] == 0.7745
    newest = tuned(tmp_path, "--ledger", "--tenant", "a", "--last", "10", "--strong-share", "0.5")
    assert (newest["n"], newest["threshold"]) == (10, 0.7945)


def test_without_prompts_the_artifacts_curve_is_read(tmp_path: Path) -> None:
    found = tuned(tmp_path, "--strong-share", "0.5")
    assert found["threshold"] == pytest.approx(Scorer.load().curve.threshold_for_strong_share(0.5), abs=1e-6)
    assert found["strong_share_low"] is None
    assert "Your prompts are others" in tune(tmp_path, "--strong-share", "0.5").output


@pytest.mark.parametrize(
    ("arguments", "typed", "status", "said"),
    [
        (("--strong-share", "1.5"), None, 2, "1.5 is not in the range"),
        ((), None, 2, "Missing option '--strong-share'"),
        (("-", "--ledger", "--strong-share", "0.5"), None, 2, "one of them"),
        (("-", "--strong-share", "0.5"), "", 1, "standard input: holds no prompts"),
        (("-", "--strong-share", "0.5"), '{"prompt": "a"}\n{"prompt', 1, "standard input, line 2: is no JSON"),
        (("nowhere.txt", "--strong-share", "0.5"), None, 1, "nowhere.txt: cannot be read (No such file"),
        (("--ledger", "--strong-share", "0.5"), None, 1, "there is none"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    tmp_path: Path, arguments: tuple[str, ...], typed: str | None, status: int, said: str
) -> None:
    result = tune(tmp_path, *arguments, typed=typed)
    assert result.exit_code == status
    assert said in result.output
    assert "Traceback" not in result.output
