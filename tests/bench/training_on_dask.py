"""What Dask costs and changes: ``python -m tests.bench.training_on_dask [--data DIR] [--seeds N] [--workers N]``.

Encoding is timed here and on local worker processes. Then trees are cross-fitted on the slices of one seed after the
other: here, here once more with another seed for the trees alone (what luck does), and on the workers. Every figure is
of prompts that the fit did not see; no test set is read but for its prompts, which are kept out.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from router.scoring.encoder import StaticEncoder
from tests.bench.machine import machine
from tests.bench.training_scale import SAMPLE, SHARED
from training.cluster.connect import Cluster, cluster
from training.encoders import encoder_folder
from training.fit import Means
from training.gains import gains
from training.held_out import held_out_curve
from training.labels import label
from training.pipeline import SLICES, Fit, Slice, cross_fitted
from training.plan import Plan
from training.reading import read_corpus, without_tests
from training.records import Labelled
from training.selection.rankings import auc, rank_correlation
from training.splits import split_by_group
from training.workplace import Here

FloatArray = NDArray[np.float64]

OTHER_SEED = 1000
SEED_STEP = 7919


def main() -> None:
    """Time the encoding, then compare the forests."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.training_on_dask", description=__doc__)
    parser.add_argument("--data", type=Path, default=SHARED if SHARED.is_dir() else SAMPLE)
    parser.add_argument("--classifier", default="lightgbm")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    print(machine(), flush=True)
    folder = encoder_folder(None)
    encoder = StaticEncoder.load(folder)
    here = Here().encoding(encoder, folder)
    plan = Plan(data=chosen.data, out=Path(), name="bench", version="1", classifier=chosen.classifier)
    corpus = without_tests(read_corpus(plan), plan, here.vectors)
    labelled = label(corpus)
    gain_of = gains(corpus)
    prompts = [row.prompt for row in labelled]

    print(f"\nencoding {len(prompts):,} prompts, start of workers left out")
    raw = here.rows(prompts)
    for workers in range(chosen.workers + 1):
        _time_encoding(workers, encoder, folder, prompts, raw)

    if not chosen.seeds:
        return
    print(f"\n{chosen.classifier}, trees grown here and by {chosen.workers} workers, cross-fitted")
    place = {id(row): number for number, row in enumerate(labelled)}
    found: dict[str, list[dict[str, float]]] = {"here": [], "other seed": [], "workers": []}
    with cluster(f"local:{chosen.workers}", print) as there:
        for seed in range(chosen.seeds):
            slices = {
                name: Slice(rows, raw[[place[id(row)] for row in rows]])
                for name, rows in split_by_group(labelled, SLICES, seed=seed).items()
            }
            boosts = {"here": Here().boost, "other seed": partial(_reseeded, Here().boost), "workers": there.boost}
            for name, boost in boosts.items():
                started = time.monotonic()
                fit = Fit(chosen.classifier, encoder, Means(dim=encoder.dim, seed=seed, boost=boost))
                win_rates = cross_fitted(fit, slices["fit"], slices["calibrate"])
                figures = _figures(win_rates, slices["fit"].labelled, gain_of)
                found[name].append(figures)
                shown = "  ".join(f"{key} {value:.4f}" for key, value in figures.items())
                print(f"seed {seed} {name:>10}: {shown}  {time.monotonic() - started:.0f} s, {_load()}", flush=True)
    if chosen.seeds > 1:
        _compare(found)


def _time_encoding(
    workers: int, encoder: StaticEncoder, folder: Path, prompts: Sequence[str], expected: NDArray[np.float32]
) -> None:
    """Print what rows of the prompts take, here where there are no workers."""
    place: AbstractContextManager[Any] = cluster(f"local:{workers}", lambda _line: None) if workers else nullcontext()
    with place as there:
        workplace = there or Here()
        encoding = workplace.encoding(encoder, folder)
        encoding.rows(prompts[:2048])  # every worker has loaded the encoder
        cpu, started = _cpu(there), time.monotonic()
        rows = encoding.rows(prompts)
        wall, spent = time.monotonic() - started, _cpu(there) - cpu
    where = f"{workers} workers" if workers else "here"
    same = "the same bits" if rows.tobytes() == expected.tobytes() else "OTHER BITS"
    print(f"{where:>10}: {wall:.1f} s, {spent:.1f} s of CPU, {same}, {_load()}", flush=True)


def _cpu(there: Cluster | None) -> float:
    """CPU seconds of this process and, where there are any, of the workers."""
    workers = sum(there.client.run(time.process_time).values()) if there is not None else 0.0
    return time.process_time() + float(workers)


def _reseeded(boost: Callable[..., Any], rows: Any, target: Any, weight: Any, seed: int) -> Any:
    return boost(rows, target, weight, OTHER_SEED + SEED_STEP * seed)


def _figures(win_rates: FloatArray, labelled: Sequence[Labelled], gain_of: Any) -> dict[str, float]:
    """Ranking of exams within their source and of votes, who won a vote, and the share of the gap over all shares."""
    known = [n for n, row in enumerate(labelled) if row.family == "chat" and (row.source, row.prompt) in gain_of]
    decided = [n for n, row in enumerate(labelled) if row.family == "chat" and row.strong_wins is not None]
    votes = [n for n, row in enumerate(labelled) if row.family == "chat"]
    target = np.array([row.target for row in labelled], np.float64)
    source = np.array([row.source if row.family == "exam" else "" for row in labelled])
    exams = [rank_correlation(win_rates[source == name], target[source == name]) for name in np.unique(source) if name]
    gain = np.array([gain_of[labelled[n].source, labelled[n].prompt] for n in known])
    curve = held_out_curve([labelled[n].prompt for n in known], win_rates[known], gain)
    return {
        "exams": float(np.mean(exams)) if exams else float("nan"),
        "votes": rank_correlation(win_rates[votes], target[votes]),
        "auc": auc(win_rates[decided], np.array([(labelled[n].strong_wins or 0.0) > 0.5 for n in decided])),
        "apgr": float(curve["router"]["apgr"]),
    }


def _compare(found: dict[str, list[dict[str, float]]]) -> None:
    """Print the mean of each figure, and paired differences from ``here`` with their 95 % interval over the seeds."""
    for key in found["here"][0]:
        values = {name: np.array([figures[key] for figures in rows]) for name, rows in found.items()}
        print(f"{key}: " + ", ".join(f"{name} {part.mean():.4f}" for name, part in values.items()))
        for name in ("other seed", "workers"):
            difference = values[name] - values["here"]
            error = difference.std(ddof=1) / np.sqrt(len(difference))
            reach = error * stats.t.ppf(0.975, len(difference) - 1)
            low, mean, high = (float(difference.mean() + side * reach) for side in (-1, 0, 1))
            print(f"  {name} less here: {mean:+.4f} [{low:+.4f}, {high:+.4f}], sd {difference.std(ddof=1):.4f}")


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    main()
