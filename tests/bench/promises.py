"""How often a promised threshold is broken, and what it costs. Run: ``python -m tests.bench.promises [--splits N]``.

Real tables stand in for somebody's traffic: of each random split a part is labelled, the rest comes later. Rows of
RouteLLM's MMLU and GSM8K, on which the shipped classifier ranks weakly, and tables that it was fitted on, where it
knows more than it will of anybody's traffic. Nothing is fitted or chosen here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from scipy.stats import beta

from router.scoring.curve import Promise, PromiseKind
from router.scoring.scorer import Scorer
from tests.bench.machine import machine
from tests.promise.splits import Tally, simulate
from training.evaluate import Benchmark
from training.forms import records_of
from training.graded import GRADED_FORMS
from training.promise import Rows, of_labels
from training.records import Drops, Graded
from training.refit.labels import Label
from training.tables import read_rows

DATA = Path("../shared/data")
GRADED = {
    "mmlu-pro": ("golden/mmlu_pro.jsonl.gz", "Meta-Llama-3_1-8B-Instruct", "Meta-Llama-3_1-70B-Instruct"),
    "ulab": ("golden/ulab.jsonl.gz", "mistral-7b-instruct-v0.3", "llama-3.3-nemotron-super-49b-v1"),
}
"""Tables that the classifier was fitted on: file, weak and strong model. It ranks ulab's well, MMLU-Pro's hardly."""

SPLITS = 500
SEED = 0

PLANS: list[tuple[str, int, PromiseKind, float, float]] = [
    ("mmlu", 500, "quality", 0.5, 0.95),
    ("mmlu", 1_500, "quality", 0.5, 0.95),
    ("mmlu", 500, "quality", 0.8, 0.95),
    ("mmlu", 1_500, "quality", 0.8, 0.95),
    ("mmlu", 1_500, "quality", 0.8, 0.9),
    ("mmlu", 4_000, "quality", 0.8, 0.95),
    ("mmlu", 7_000, "quality", 0.8, 0.95),
    ("mmlu", 1_500, "quality", 0.9, 0.95),
    ("mmlu, weak only", 1_500, "quality", 0.8, 0.95),
    ("gsm8k", 300, "quality", 0.5, 0.95),
    ("gsm8k", 650, "quality", 0.5, 0.95),
    ("gsm8k", 650, "quality", 0.8, 0.95),
    ("gsm8k", 650, "quality", 0.8, 0.9),
    ("mmlu-pro", 500, "quality", 0.8, 0.95),
    ("mmlu-pro", 1_500, "quality", 0.8, 0.95),
    ("mmlu-pro", 1_500, "quality", 0.5, 0.9),
    ("ulab", 500, "quality", 0.8, 0.95),
    ("ulab", 1_500, "quality", 0.8, 0.95),
    ("ulab", 1_500, "quality", 0.5, 0.9),
    ("mmlu", 200, "strong_share", 0.3, 0.95),
    ("mmlu", 1_500, "strong_share", 0.3, 0.95),
    ("mmlu", 1_500, "strong_share", 0.3, 0.9),
    ("gsm8k", 650, "strong_share", 0.3, 0.95),
]
SHARES_OF_THE_REST = [("mmlu", 1_500, 0.3, 0.95), ("mmlu", 1_500, 0.3, 0.9), ("gsm8k", 650, 0.3, 0.95)]
"""Promised of the very rows that come later: table, n, strong share, confidence."""


def tables(scorer: Scorer) -> dict[str, Rows]:
    """Every table, scored once."""
    found = {name: _benchmark(scorer, name) for name in ("mmlu", "gsm8k")}
    found["mmlu, weak only"] = _benchmark(scorer, "mmlu", weak_only=True)
    return found | {name: _graded(scorer, *which) for name, which in GRADED.items()}


def _benchmark(scorer: Scorer, name: str, *, weak_only: bool = False) -> Rows:
    table = Benchmark.load(name, DATA)
    labels = [
        Label(prompt=prompt, weak=weak / 100, strong=None if weak_only else strong / 100)
        for prompt, weak, strong in zip(table.prompts, table.weak.tolist(), table.strong.tolist(), strict=True)
    ]
    return of_labels(labels, scorer, when_unfamiliar="strong")


def _graded(scorer: Scorer, file: str, weak: str, strong: str) -> Rows:
    path = DATA / file
    drops = Drops()
    rows = records_of(read_rows(path, drops, path.name), GRADED_FORMS, drops, path.name)
    labels = [
        Label(prompt=row.prompt, weak=row.scores[weak], strong=row.scores[strong])
        for row in rows
        if isinstance(row, Graded) and weak in row.scores and strong in row.scores
    ]
    return of_labels(labels, scorer, when_unfamiliar="strong")


def interval(count: int, of: int) -> str:
    """A share of splits with its 95 % Clopper-Pearson interval, in percent."""
    low = beta.ppf(0.025, count, of - count + 1) if count else 0.0
    high = beta.ppf(0.975, count + 1, of - count) if count < of else 1.0
    return f"{100 * count / of:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def show(name: str, table: Rows, n: int, promise: Promise, splits: int) -> None:
    """Simulate, and print one row of the table."""
    tally = simulate(table, promise, n=n, splits=splits, seed=SEED)
    print(line(f"{name}, {n:,} of {len(table):,}", promise, tally), flush=True)


def line(labelled: str, promise: Promise, tally: Tally) -> str:
    """One row of the table."""
    rest = "" if promise.requests is None else " of the later rows"
    cells = [
        labelled,
        f"{promise.kind} {promise.target:g} at {promise.confidence:g}{rest}",
        interval(tally.broken_drawn, tally.splits),
        interval(tally.broken, tally.splits),
        interval(tally.broken_later, tally.splits),
        f"{100 * tally.none / tally.splits:.1f}",
        f"{tally.share:.3f}",
        f"{tally.best_share:.3f}",
        f"{tally.plug_in_share:.3f}",
        f"{100 * tally.plug_in_broken / tally.splits:.1f}",
        f"{100 * tally.plug_in_broken_later / tally.splits:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


HEADER = (
    "| rows labelled | promise | broken, drawn with replacement, % | broken, split | broken on the later rows alone "
    "| none made, % | strong share | oracle's | plug-in's | plug-in broken, % | on later rows, % |\n"
    + "|---" * 11
    + "|"
)


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=SPLITS, help="random splits of each table")
    splits = parser.parse_args().splits
    print(machine())
    if not DATA.is_dir():
        print(f"no {DATA} beside the checkout: this measures real tables that are not part of the project")
        return
    scorer = Scorer.load()
    found = tables(scorer)
    print(f"{scorer.version}, {splits} splits of each table\n\n{HEADER}")
    for name, n, kind, target, confidence in PLANS:
        show(name, found[name], n, Promise(kind=kind, target=target, confidence=confidence), splits)
    for name, n, target, confidence in SHARES_OF_THE_REST:
        later = len(found[name]) - n
        promise = Promise(kind="strong_share", target=target, confidence=confidence, requests=later)
        show(name, found[name], n, promise, splits)


if __name__ == "__main__":
    main()
