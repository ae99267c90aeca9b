"""How well a budget is kept over months of bursty traffic. Run: ``python -m tests.bench.pacing [--seeds N]``.

Of each kind of traffic so many months are drawn and lived through with the pacer. Beside it stand the best threshold
for all of them that overspends in none, and the best one of each month, which is known only afterwards. Quality is the
share of the gap between the models that is recovered, by the win rates. ``--variants`` runs controllers that lost;
``--plot FILE`` draws one month.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import router.budgets.demand as demand
import router.budgets.pacer as pacer
from router.scoring.curve import Curve
from router.scoring.reference import Distribution
from router.scoring.scorer import Scorer
from tests.bench.machine import machine
from tests.budgets.months import DAY_S, USUAL, WORLDS, Month, Outcome, World, a_paced_month, least_threshold

SEEDS = 10
TIMES = 2000
"""Draws of the bootstrap."""

HEADER = f"{'traffic':<26}{'spent, % of it':>26}{'refused':>9}{'quality':>9}{'fixed':>8}{'more':>25}{'hindsight':>11}"

FLAT_DAY, FLAT_WEEK = np.ones(demand.DAY), np.ones(7)
VARIANTS: dict[str, Mapping[tuple[object, str], object]] = {
    "as it is": {},
    "keeps 3 % back at first": {(pacer, "BOLDNESS"): -0.03},
    "neither bold nor careful": {(pacer, "BOLDNESS"): 0.0},
    "follows traffic slowly": {(demand, "LEVEL_PART"): 1 / 10},
    "begins with even weeks": {(demand, "EXPECTED_HOURS"): FLAT_DAY, (demand, "EXPECTED_DAYS"): FLAT_WEEK},
    "learns no shape": {
        (demand, "EXPECTED_HOURS"): FLAT_DAY,
        (demand, "EXPECTED_DAYS"): FLAT_WEEK,
        (demand, "HOUR_PRIOR"): 1e9,
        (demand, "DAY_PRIOR"): 1e9,
    },
}


def lived(world: World, win_rates: Distribution, curve: Curve, seeds: int) -> list[tuple[Month, Outcome]]:
    """So many months of one kind of traffic."""
    return [a_paced_month(world, win_rates, seed, curve) for seed in range(seeds)]


def interval(values: NDArray[np.float64]) -> str:
    """A mean with its 95 % bootstrap interval."""
    chance = np.random.default_rng(0)
    means = values[chance.integers(0, len(values), (TIMES, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{values.mean():+.3f} [{low:+.3f}, {high:+.3f}]"


def line(name: str, months: list[tuple[Month, Outcome]]) -> str:
    """One row of the table."""
    fixed = least_threshold([month for month, _ in months])
    spent = 100 * np.array([outcome.spent[0] for _, outcome in months])
    quality = np.array([outcome.quality for _, outcome in months])
    beside = np.array([month.quality_at(fixed) for month, _ in months])
    hindsight = np.mean([month.quality_at(month.best_fixed()) for month, _ in months])
    shown = f"{spent.mean():.2f} [{spent.min():.2f}, {spent.max():.3f}]"
    refused = 100 * sum(outcome.refused for _, outcome in months) / sum(len(month.at) for month, _ in months)
    return (
        f"{name:<26}{shown:>26}{refused:>8.2f}%{quality.mean():>9.3f}{beside.mean():>8.3f}"
        f"{interval(quality - beside):>25}{hindsight:>11.3f}"
    )


@contextmanager
def replaced(changes: Mapping[tuple[object, str], object]) -> Iterator[None]:
    """Other constants for a while."""
    before = {(module, name): getattr(module, name) for module, name in changes}
    for (module, name), value in changes.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for (module, name), value in before.items():
            setattr(module, name, value)


def plot(win_rates: Distribution, curve: Curve, path: Path) -> None:
    """Draw a usual month: what is spent against an even plan, and the threshold."""
    from matplotlib.figure import Figure

    month, outcome = a_paced_month(USUAL, win_rates, 3, curve)
    at, threshold, spent = np.array(outcome.path).T
    days = (at - month.begins) / DAY_S
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot([0, 30], [0, 100], color="0.75", label="evenly")
    above.plot(days, 100 * spent, color="tab:blue", label="spent, % of the budget")
    above.legend(frameon=False, loc="upper left")
    below.plot(days, threshold, color="tab:orange", linewidth=0.9, label="threshold")
    below.axhline(month.best_fixed(), color="0.6", linestyle=":", label="best one for this month, known afterwards")
    below.set_ylim(0.7, 0.86)
    below.legend(frameon=False, loc="upper left")
    below.set_xlabel("day of a month with bursts of ten times the traffic")
    figure.savefig(path, dpi=90, metadata={"Software": None})


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pacing", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--variants", action="store_true")
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    scorer = Scorer.load()
    assert scorer.manifest.reference is not None
    win_rates, curve = scorer.manifest.reference.win_rate, scorer.curve
    if options.plot:
        plot(win_rates, curve, options.plot)
        return
    print(f"{machine()}\n{options.seeds} months of each kind\n{HEADER}", flush=True)
    if options.variants:
        kinds = ("usual month", "traffic halves mid-month", "a first week", "an eighth day")
        for name, changes in VARIANTS.items():
            print(name)
            with replaced(changes):
                for world in (world for world in WORLDS if world.name in kinds):
                    print(line(f"  {world.name}", lived(world, win_rates, curve, options.seeds)), flush=True)
        return
    for world in WORLDS:
        months = lived(world, win_rates, curve, options.seeds)
        print(line(world.name, months), flush=True)
        for number, (share, usd) in enumerate(world.keys, start=1):
            if usd:
                spent = 100 * np.array([outcome.spent[number] for _, outcome in months])
                print(f"  key with {share:.0%} of it: {spent.mean():.2f} [{spent.min():.2f}, {spent.max():.3f}]")


if __name__ == "__main__":
    main()
