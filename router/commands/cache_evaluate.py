"""``underdog cache evaluate``: what the verifier serves of pairs that people have judged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from router.commands.options import json_option, print_json

if TYPE_CHECKING:
    from router.cache.evaluation import Evaluation, JudgedPair
    from router.cache.verify import Verifier


@click.command("evaluate")
@click.option("--pairs", required=True, type=click.Path(path_type=Path), help="JSON lines or CSV, plain or .gz.")
@click.option("--artifact", type=click.Path(path_type=Path), help="Folder of a verifier.  [default: the shipped one]")
@click.option(
    "--max-wrong",
    type=click.FloatRange(0, 1),
    help="Share of traps that may be answered wrongly, as an upper limit.  [default: 0.01, as shipped]",
)
@json_option
def evaluate(*, pairs: Path, artifact: Path | None, max_wrong: float | None, as_json: bool) -> None:
    """Say how many should-hits are served and how many traps answered wrongly.

    A row of the file has a, b and same_answer, or text_a, text_b and label; texts may be lists of messages. same_answer
    is true where whoever sends b wants exactly the answer to a. Rows with a family are also counted by it.
    """
    from router.cache.shipped import load_or_rules, load_verifier
    from router.commands.cache_evaluate_tables import show
    from router.commands.cache_pairs import read_pairs
    from router.scoring.verifier.evidence import MAX_WRONG

    budget = MAX_WRONG if max_wrong is None else max_wrong
    load = partial(load_verifier, artifact, max_wrong=budget)
    judged = read_pairs(pairs)
    # A verifier that was asked for by name must be there; without the shipped one the cache goes on by rule.
    verifier = load() if artifact is not None else load_or_rules(load)
    found = measured(judged, verifier, max_wrong=budget)
    if as_json:
        print_json(found)
    else:
        show(found)


def measured(pairs: Sequence[JudgedPair], verifier: Verifier, *, max_wrong: float) -> Evaluation:
    """Ask a verifier about each pair, with a progress bar on a terminal, and give its figures."""
    from rich.console import Console
    from rich.progress import track

    from router.cache.evaluation import evaluated
    from router.cache.would_hit import verdict

    verdicts = []
    cpu_s = 0.0
    terminal = Console(stderr=True)
    shown = track(pairs, "judging pairs", console=terminal, transient=True, disable=not terminal.is_terminal)
    for pair in shown:
        began = time.process_time()
        verdicts.append(verdict(verifier, pair.a, pair.b))
        cpu_s += time.process_time() - began
    return evaluated(pairs, verdicts, verifier=verifier.name, max_wrong=max_wrong, cpu_s=cpu_s)
