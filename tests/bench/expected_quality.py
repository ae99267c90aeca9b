"""Expected quality against measured quality, on labels that the artifact never saw.

Run: ``python -m tests.bench.expected_quality [--json]``. It reads ``../shared/data`` and says so where that is absent.
The sets that are test sets of others (MT-Bench, MMLU, GSM8K) are looked at only; nothing is chosen by them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.replay.amounts import Amounts, Ratios
from router.replay.figures import figures_at
from router.replay.requests import Collected
from router.scoring.scorer import Scorer
from training.evaluate import Benchmark

FloatArray = NDArray[np.float64]

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
POINTS = ("cheap", "balanced", "best")
WEAK, BASELINE = "Mixtral-8x7B-Instruct-v0.1", "gpt4_1106_preview"
RESAMPLES = 2_000
SHARES = 10_000


class Compared(Struct, frozen=True, kw_only=True):
    """One point on one set: shares of the gap between the two models; 95 % intervals by resampling the prompts."""

    labels: str
    n: int
    point: str
    strong_share: float
    expected: float
    expected_ci: tuple[float, float]
    measured: float
    measured_ci: tuple[float, float]
    difference_ci: tuple[float, float]


def alpaca(data: Path) -> tuple[list[str], FloatArray]:
    """Instructions, and how much better judges found the strong model's answer (-1..1): the mean of three judges."""
    found: dict[str, list[float]] = defaultdict(list)
    with gzip.open(data / "judged" / "alpaca_eval.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            preferred = row["preference"].get(WEAK) if row["baseline"] == BASELINE else None
            if preferred is not None:
                found[row["instruction"]].append(3.0 - 2.0 * preferred)
    return list(found), np.array([fmean(gains) for gains in found.values()])


def benchmark(name: str) -> Callable[[Path], tuple[list[str], FloatArray]]:
    """One of RouteLLM's tables by its protocol: what the strong model's answer scores more than the weak one's."""

    def read(data: Path) -> tuple[list[str], FloatArray]:
        table = Benchmark.load(name, data / "routellm_evals")
        return list(table.prompts), table.strong - table.weak

    return read


LABELS = {"AlpacaEval": alpaca} | {
    title: benchmark(name) for title, name in (("MT-Bench", "mt-bench"), ("MMLU", "mmlu"), ("GSM8K", "gsm8k"))
}
"""Labels of one pair of models each, mixtral-8x7b-instruct-v0.1 and gpt-4-1106-preview."""


def compared(labels: str, data: Path, scorer: Scorer) -> list[Compared]:
    """Expected and measured quality at the artifact's points, by the win rate alone."""
    prompts, gain = LABELS[labels](data)
    _, win_rates = scorer.score_batch(prompts)
    thresholds = [scorer.manifest.operating_points[point].threshold for point in POINTS]
    collected = Collected()
    for win_rate in win_rates.tolist():
        collected.add(win_rate, None, Amounts(0.0, 0.0, 0.0, 0.0))
    figures = figures_at(
        collected.requests(), np.sort(thresholds), when_unfamiliar="win-rate", ratios=Ratios(1.0, 1.0, 1.0)
    )
    found = []
    for point, threshold in zip(POINTS, thresholds, strict=True):
        place = int(np.searchsorted(np.sort(thresholds), threshold))
        strong = win_rates >= threshold
        measured = _resampled(gain, strong)
        difference = measured - _resampled(win_rates, strong)
        found.append(
            Compared(
                labels=labels,
                n=len(prompts),
                point=point,
                strong_share=float(strong.mean()),
                expected=float(figures.quality.value[place]),
                expected_ci=(float(figures.quality.low[place]), float(figures.quality.high[place])),
                measured=float(gain[strong].sum() / gain.sum()),
                measured_ci=_interval(measured),
                difference_ci=_interval(difference),
            )
        )
    return found


def on_its_votes(scorer: Scorer) -> dict[str, tuple[float, float]]:
    """Expected and measured quality, by point, on the held-out votes that the artifact's curve was measured on.

    Their win rates are not kept: they are read off the curve's strong shares, spread evenly between its points.
    """
    curve = scorer.curve
    shares = (np.arange(SHARES) + 0.5) / SHARES
    read = np.interp(shares, curve.strong_share[::-1], curve.threshold[::-1])
    rates = np.clip(read, curve.threshold[1], curve.threshold[-2])
    found = {}
    for point in POINTS:
        stored = scorer.manifest.operating_points[point]
        found[point] = (float(rates[rates >= stored.threshold].sum() / rates.sum()), stored.quality)
    return found


def _resampled(gain: FloatArray, strong: NDArray[np.bool_]) -> FloatArray:
    """Quality of resamples of the prompts; NaN where the strong model gains nothing. The same resamples each time."""
    random = np.random.default_rng(0)
    draws = (random.integers(0, len(gain), len(gain)) for _ in range(RESAMPLES))
    sums = np.array([(gain[drawn][strong[drawn]].sum(), gain[drawn].sum()) for drawn in draws])
    return sums[:, 0] / np.where(sums[:, 1] > 0, sums[:, 1], np.nan)


def _interval(values: FloatArray) -> tuple[float, float]:
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def line(row: Compared) -> str:
    """A row of the table in docs/replay.md."""
    expected, measured, difference = (
        _with(value, ends)
        for value, ends in (
            (f"{row.expected:.2f}", row.expected_ci),
            (f"{row.measured:.2f}", row.measured_ci),
            (f"{row.measured - row.expected:+.2f}", row.difference_ci),
        )
    )
    figures = f"{row.strong_share:.2f} | {expected} | {measured} | {difference}"
    return f"| {row.labels}, n = {row.n:,} | {row.point} | {figures} |"


def _with(value: str, ends: tuple[float, float]) -> str:
    return f"{value} [{ends[0]:.2f}, {ends[1]:.2f}]"


def main() -> None:
    """Print a line for each set and point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    if not DATA.is_dir():
        print("no ../shared/data beside the checkout: nothing is measured")
        return
    scorer = Scorer.load()
    print("on its own held-out votes (expected, measured):", on_its_votes(scorer), file=sys.stderr)
    rows = [row for labels in LABELS for row in compared(labels, DATA, scorer)]
    if as_json:
        print(msgspec.json.encode(rows).decode())
        return
    for row in rows:
        print(line(row))


if __name__ == "__main__":
    main()
