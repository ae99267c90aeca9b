"""What training costs at scale: ``python -m tests.bench.training_scale [--full] [--hub] [ROWS ...]``.

Votes are made from the real ones beside the checkout, or else from the sample: the head of one prompt is joined to the
tail of another, so that nearly every prompt is new, and about as long as people's are. They are written as the
published CSV of ``human-preference-55k`` with answers of usual length, and ``train-router`` runs on it in a process of
its own, keeping the prompts of the test sets out.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.machine import machine
from training.corpus import read_source
from training.records import Battle

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared" / "data"
SAMPLE = REPOSITORY / "data" / "sample"
VOTES, TEST_SETS = (
    (SHARED / "arena" / "votes_2023.jsonl.gz", SHARED / "routellm_evals")
    if SHARED.is_dir()
    else (SAMPLE / "battles.jsonl", SAMPLE / "benchmarks")
)

ROWS = (55_000, 110_000, 220_000)
FULL_ROWS = 500_000
PLAIN_SHARE = 0.1
"""Rows that are an old vote as it is: real sets hold the same prompt more than once."""

ANSWER_CHARS = 1_200

READ_BY_DATASETS = """
import sys
from training.battles import BATTLE_FORMS
from training.forms import records_of
from training.hub import hub_rows
from training.records import Drops

print(sum(1 for _ in records_of(hub_rows(sys.argv[1]), BATTLE_FORMS, Drops(), "hub")), "votes")
"""
"""Reads a folder as a set of the hub is read, with the same library; nothing is fetched."""

MOST_SECONDS, MOST_GB, LIMITS_AT = 300.0, 4.0, 55_000


class Cost(NamedTuple):
    """What one run took: wall and CPU seconds, and the most memory that it held, in GB."""

    wall_s: float
    cpu_s: float
    peak_gb: float


def resampled(votes: list[Battle], rows: int, *, seed: int = 0) -> Iterator[dict[str, Any]]:
    """``rows`` votes in the columns of ``human-preference-55k``, drawn with replacement and recombined."""
    draw = random.Random(seed)
    answers = " ".join(vote.prompt for vote in votes)
    for number in range(rows):
        vote, other = draw.choice(votes), draw.choice(votes)
        prompt = vote.prompt if draw.random() < PLAIN_SHARE else _joined(vote.prompt, other.prompt, draw)
        begin = draw.randrange(max(1, len(answers) - ANSWER_CHARS))
        answer = json.dumps([answers[begin : begin + ANSWER_CHARS]])
        yield {
            "id": number,
            "model_a": vote.model_a,
            "model_b": vote.model_b,
            "prompt": json.dumps([prompt, *vote.turns[1:]]),
            "response_a": answer,
            "response_b": answer,
            "winner_model_a": int(vote.winner == "model_a"),
            "winner_model_b": int(vote.winner == "model_b"),
            "winner_tie": int(vote.winner in ("tie", "both_bad")),
        }


def write_votes(path: Path, rows: int, source: Path) -> None:
    """Write ``rows`` votes, resampled from those of ``source``, to the CSV file ``path``."""
    made = resampled(read_source(str(source)).battles, rows)
    first = next(made)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(made)


def run(*arguments: str | Path, **environ: str) -> Cost:
    """Run Python in a process of its own; what it prints is passed on."""
    began = time.perf_counter()
    with subprocess.Popen([sys.executable, *arguments], cwd=REPOSITORY, env={**os.environ, **environ}) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(process.returncode)
    return Cost(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e9)


def report(what: str, rows: int, cost: Cost) -> None:
    """Print one line."""
    each_us = cost.cpu_s / rows * 1e6
    print(
        f"{what}: {cost.wall_s:.1f} s, {cost.cpu_s:.1f} s of CPU ({each_us:.0f} us a vote), "
        f"{cost.peak_gb:.2f} GB at most",
        flush=True,
    )


def _joined(one: str, other: str, draw: random.Random) -> str:
    """The first words of one text and the last words of another."""
    head, tail = one.split(" "), other.split(" ")
    return " ".join(head[: draw.randint(1, len(head))] + tail[draw.randrange(len(tail)) :])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", type=int, metavar="ROWS", help=f"how many votes; by default {ROWS}")
    parser.add_argument("--full", action="store_true", help=f"also {FULL_ROWS:,}")
    parser.add_argument("--hub", action="store_true", help="also read the file by the library that reads the hub")
    parser.add_argument("--classifier", default="ridge", help="kind of classifier, as train-router has it")
    chosen = parser.parse_args()
    print(machine(), flush=True)
    for rows in [*(chosen.rows or ROWS), *([FULL_ROWS] if chosen.full else [])]:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "votes"
            folder.mkdir()
            write_votes(folder / "votes.csv", rows, VOTES)
            paths = ("--battles", folder / "votes.csv", "--test-sets", TEST_SETS, "--out", Path(scratch) / "out")
            cost = run("-m", "training", *paths, "--classifier", chosen.classifier, "--quiet")
            report(f"{rows:,} votes, trained", rows, cost)
            if chosen.hub:
                read = run("-c", READ_BY_DATASETS, folder, HF_HOME=f"{scratch}/hub")
                report(f"{rows:,} votes, read by datasets", rows, read)
        # By CPU: on a machine that others use too, the wall clock measures them.
        if rows == LIMITS_AT and (cost.cpu_s > MOST_SECONDS or cost.peak_gb > MOST_GB):
            raise SystemExit(f"over the limit of {MOST_SECONDS:.0f} s of CPU and {MOST_GB:.0f} GB")


if __name__ == "__main__":
    main()
