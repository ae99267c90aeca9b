"""``train-router label`` from end to end, against real servers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from router.upstream.scripted.script import Turn
from tests.label.conftest import Label, Serve
from tests.label.support import read_rows, write_rows
from training.corpus import read_source

SUMS = [{"id": number, "prompt": f"What is {number} + 1?", "answer": str(number + 1)} for number in range(30)]


def adds(prompt: str, _times: int) -> str:
    return f"The answer is {int(prompt.split()[2]) + 1}."


def adds_below_ten(prompt: str, times: int) -> str:
    return adds(prompt, times) if int(prompt.split()[2]) < 10 else "I think it is 3."


async def test_weak_only_labels_are_graded_and_read_by_the_loaders(serve: Serve, label: Label, tmp_path: Path) -> None:
    weak = await serve(adds_below_ten, model="tiny")
    out = tmp_path / "labels.jsonl"
    done = await label(write_rows(tmp_path / "p.jsonl", SUMS), "--weak", weak.base_url, "--out", out)
    assert done.exit_code == 0, done.output
    rows = read_rows(out)
    assert [row["prompt"] for row in rows] == [row["prompt"] for row in SUMS]
    assert [row["weak_correct"] for row in rows] == [1] * 10 + [0] * 20
    assert rows[0] == {
        "id": "0",
        "prompt": "What is 0 + 1?",
        "weak_correct": 1,
        "grader": "number",
        "models": {"weak": "tiny"},
        "usage": {"weak": {"prompt_tokens": 5, "completion_tokens": 4}},
        "cost_usd": 0.0,
    }
    assert "20  graded: weak wrong" in done.output
    corpus = read_source(str(out))
    assert [row.scores for row in corpus.graded][9:11] == [{"weak": 1.0}, {"weak": 0.0}]
    assert not corpus.drops.total


async def test_graded_and_judged_rows_stand_in_one_file_that_the_loaders_read(
    serve: Serve, label: Label, tmp_path: Path
) -> None:
    def judges(prompt: str, _times: int) -> str:
        weak_is_first = prompt.index("WEAK") < prompt.index("STRONG")
        if "poem" in prompt:  # always for the strong one, wherever it stands
            return f"Reasons.\nVERDICT: {2 if weak_is_first else 1}"
        return "VERDICT: 1" if "joke" in prompt else "VERDICT: NEITHER"  # the first one, whoever that is

    rows: list[dict[str, Any]] = [{"prompt": "What is 1 + 1?", "answer": 2}]
    rows += [{"prompt": f"Write a {thing}"} for thing in ("poem", "joke", "proof")]
    weak = await serve(lambda prompt, _: "3" if "+" in prompt else "WEAK", model="w")
    strong = await serve(lambda prompt, _: "2" if "+" in prompt else "STRONG", model="s")
    judge = await serve(judges, model="j")
    out = tmp_path / "labels.jsonl"
    urls = ["--weak", weak.base_url, "--strong", strong.base_url, "--judge", judge.base_url]
    done = await label(write_rows(tmp_path / "p.jsonl", rows), *urls, "--out", out)
    assert done.exit_code == 0, done.output
    found = read_rows(out)
    assert (found[0]["weak_correct"], found[0]["strong_correct"]) == (0, 1)
    assert [row["winner"] for row in found[1:]] == ["strong", "tie", "both_bad"]
    assert found[1]["models"] == {"weak": "w", "strong": "s", "judge": "j"}
    assert found[1]["grader"] == "judge"
    assert len(judge.chats) == 6
    corpus = read_source(str(out))
    assert [(row.model_a, row.model_b, row.winner) for row in corpus.battles] == [
        ("weak", "strong", "model_b"),
        ("weak", "strong", "tie"),
        ("weak", "strong", "both_bad"),
    ]
    assert [row.scores for row in corpus.graded] == [{"weak": 0.0, "strong": 1.0}]
    assert not corpus.drops.total


async def test_an_unreadable_verdict_is_asked_for_once_more_and_counted(
    serve: Serve, label: Label, tmp_path: Path
) -> None:
    weak, strong = await serve(lambda *_: "W"), await serve(lambda *_: "S")
    judge = await serve(lambda prompt, times: "hm" if times == 0 or "mute" in prompt else "VERDICT: TIE")
    prompts = write_rows(tmp_path / "p.jsonl", [{"prompt": "a"}, {"prompt": "mute"}])
    out = tmp_path / "labels.jsonl"
    urls = ["--weak", weak.base_url, "--strong", strong.base_url, "--judge", judge.base_url]
    done = await label(prompts, *urls, "--out", out)
    assert done.exit_code == 1
    assert [row["winner"] for row in read_rows(out)] == ["tie"]
    assert "1  without a label: judge: no readable verdict" in done.output
    assert "4 verdicts could not be read" in done.output
    assert set(judge.asked.values()) == {2}


@pytest.mark.parametrize(
    "trouble",
    [
        Turn(status=429, headers={"retry-after": "0"}),
        Turn(status=500),
        Turn(status=503),
        Turn(fault="cut"),
        Turn(fault="cut-midway"),
        Turn(fault="hang"),
    ],
    ids=lambda turn: str(turn.fault or turn.status),
)
async def test_passing_trouble_is_retried(trouble: Turn, serve: Serve, label: Label, tmp_path: Path) -> None:
    weak = await serve(lambda prompt, times: trouble if times < 2 else adds(prompt, times))
    out = tmp_path / "labels.jsonl"
    prompts = write_rows(tmp_path / "p.jsonl", SUMS[:3])
    done = await label(prompts, "--weak", weak.base_url, "--out", out, "--timeout", 1)
    assert done.exit_code == 0, done.output
    assert [row["weak_correct"] for row in read_rows(out)] == [1, 1, 1]
    retries = int(re.search(r"\((\d+) retries\)", done.output)[1])
    # On a busy machine an answer may be late as well.
    assert retries >= 6 if trouble.fault == "hang" else retries == 6


@pytest.mark.parametrize(
    ("trouble", "reason", "tries"),
    [
        (Turn(status=500), "weak: status 500", 3),
        (Turn(status=400), "weak: status 400", 1),
        (Turn(status=429, headers={"retry-after": "86400"}), "weak: status 429", 1),
        (Turn(status=503, headers={"retry-after": "Fri, 31 Dec 2999 23:59:59 GMT"}), "weak: status 503", 1),
        (Turn(fault="hang"), "weak: no answer in 0.3 s", 3),
        (Turn(fault="not-json"), "not a chat answer", 1),
        (Turn(fault="redirect"), "weak: status 307", 1),
        (Turn(reply="", finish_reason="length"), "empty answer, cut off by --max-tokens", 1),
    ],
    ids=lambda value: str(value.fault or value.status) if isinstance(value, Turn) else None,
)
async def test_a_prompt_without_an_answer_is_counted_and_asked_again_by_the_next_run(
    trouble: Turn, reason: str, tries: int, serve: Serve, label: Label, tmp_path: Path
) -> None:
    well = False
    weak = await serve(lambda prompt, times: trouble if "2 +" in prompt and not well else adds(prompt, times))
    out = tmp_path / "labels.jsonl"
    words = [write_rows(tmp_path / "p.jsonl", SUMS[:4]), "--weak", weak.base_url, "--out", out]
    words += ["--timeout", 0.3, "--retries", 2]
    done = await label(*words)
    assert done.exit_code == 1
    assert f"1  without a label: {reason}" in done.output
    assert len(read_rows(out)) == 3
    assert weak.asked["What is 2 + 1?"] == tries
    well = True
    assert (await label(*words)).exit_code == 0
    assert len(read_rows(out)) == 4
    assert sum(weak.asked.values()) == 3 + tries + 1


async def test_a_refused_key_ends_the_run_and_names_its_variable(serve: Serve, label: Label, tmp_path: Path) -> None:
    weak = await serve(adds, api_key="right-key")
    out = tmp_path / "labels.jsonl"
    words = [write_rows(tmp_path / "p.jsonl", SUMS), "--weak", weak.base_url, "--weak-model", "m", "--out", out]
    done = await label(*words, env={"UNDERDOG_WEAK_API_KEY": "wrong-key"})
    assert done.exit_code == 1
    assert "UNDERDOG_WEAK_API_KEY" in done.output
    assert "wrong-key" not in done.output
    assert (await label(*words, env={"UNDERDOG_WEAK_API_KEY": "right-key"})).exit_code == 0
    written = out.read_text() + (tmp_path / "labels.jsonl.journal").read_text()
    assert "right-key" not in written
    assert "What is" not in (tmp_path / "labels.jsonl.journal").read_text()


async def test_a_server_that_is_down_ends_the_run_before_all_prompts_have_waited_for_it(
    serve: Serve, label: Label, tmp_path: Path
) -> None:
    weak = await serve(lambda *_: Turn(status=500))
    rows = [{"prompt": f"q{number}", "answer": "1"} for number in range(200)]
    prompts = write_rows(tmp_path / "p.jsonl", rows)
    done = await label(prompts, "--weak", weak.base_url, "--out", tmp_path / "l.jsonl", "--retries", 0)
    assert done.exit_code == 1
    assert "20 prompts in a row got no answer, the last one for this reason: weak: status 500" in done.output
    assert len(weak.chats) < 60


async def test_the_newer_name_of_the_token_limit_is_used_where_a_server_insists(
    serve: Serve, label: Label, tmp_path: Path
) -> None:
    def insists(prompt: str, times: int) -> Turn | str:
        if "max_tokens" in weak.chats[-1].body:
            return Turn(status=400, error_message="Use 'max_completion_tokens' instead.")
        return adds(prompt, times)

    weak = await serve(insists)
    prompts = write_rows(tmp_path / "p.jsonl", SUMS[:5])
    done = await label(prompts, "--weak", weak.base_url, "--out", tmp_path / "l.jsonl", "--concurrency", 1)
    assert done.exit_code == 0, done.output
    assert len(weak.chats) == 6


async def test_a_strong_model_added_later_asks_the_weak_one_nothing_again(
    serve: Serve, label: Label, tmp_path: Path
) -> None:
    weak, strong = await serve(adds_below_ten), await serve(adds)
    words = [write_rows(tmp_path / "p.jsonl", SUMS), "--weak", weak.base_url, "--out", tmp_path / "l.jsonl"]
    assert (await label(*words, "--limit", 12)).exit_code == 0
    assert len(weak.chats) == 12
    assert (await label(*words, "--strong", strong.base_url)).exit_code == 0
    assert set(weak.asked.values()) == {1}
    assert [row["strong_correct"] for row in read_rows(tmp_path / "l.jsonl")] == [1] * 30


async def test_corrected_answers_are_graded_anew_without_asking(serve: Serve, label: Label, tmp_path: Path) -> None:
    weak = await serve(lambda *_: "7")
    words = ["--weak", weak.base_url, "--out", tmp_path / "l.jsonl"]
    assert (await label(write_rows(tmp_path / "p.jsonl", [{"prompt": "a", "answer": "8"}]), *words)).exit_code == 0
    assert (await label(write_rows(tmp_path / "p.jsonl", [{"prompt": "a", "answer": "7"}]), *words)).exit_code == 0
    assert [row["weak_correct"] for row in read_rows(tmp_path / "l.jsonl")] == [1]
    assert len(weak.chats) == 1


async def test_changed_settings_are_refused_with_the_remedy(serve: Serve, label: Label, tmp_path: Path) -> None:
    weak = await serve(adds)
    words = [write_rows(tmp_path / "p.jsonl", SUMS[:2]), "--weak", weak.base_url, "--out", tmp_path / "l.jsonl"]
    assert (await label(*words)).exit_code == 0
    done = await label(*words, "--max-tokens", 7)
    assert done.exit_code == 1
    assert "max_tokens was 1024, is now 7" in done.output
    assert len(weak.chats) == 2


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["--weak", "localhost:1"], "give the base URL"),
        (["--weak", "http://me:secret@localhost/v1"], "UNDERDOG_WEAK_API_KEY"),
        (["--weak", "http://localhost/v1", "--judge", "http://localhost/v1"], "give --strong too"),
        (["--weak", "http://localhost/v1"], "give --answers FILE, or --strong and --judge"),
    ],
)
async def test_what_cannot_work_is_refused_before_anything_is_asked(
    words: list[str], remedy: str, label: Label, tmp_path: Path
) -> None:
    prompts = write_rows(tmp_path / "p.jsonl", [{"prompt": "no answer"}])
    done = await label(prompts, *words, "--out", tmp_path / "l.jsonl")
    assert done.exit_code in (1, 2)
    assert remedy in " ".join(done.output.split())
    assert "secret" not in done.output


async def test_a_file_of_somebody_else_is_not_overwritten(label: Label, tmp_path: Path) -> None:
    out = write_rows(tmp_path / "l.jsonl", [{"mine": 1}])
    prompts = write_rows(tmp_path / "p.jsonl", SUMS[:1])
    done = await label(prompts, "--weak", "http://localhost:1/v1", "--out", out)
    assert "was not begun by this command" in done.output
    assert json.loads(out.read_text()) == {"mine": 1}
