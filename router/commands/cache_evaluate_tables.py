"""What ``underdog cache evaluate`` prints for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from router.cache.evaluation import Evaluation, Served, Share


def show(found: Evaluation) -> None:
    """Print the tables."""
    console = Console()
    hits, traps = found.shipped.hits.of, found.shipped.wrong.of
    console.print(
        f"{found.verifier}: {hits:,} should-hits, {traps:,} traps; {found.cpu_ms_per_pair:.2f} ms of CPU a pair"
    )
    console.print(_settings(found))
    if found.auc is not None:
        console.print(f"A should-hit is scored above a trap with chance {found.auc:.3f} (AUC).")
    if found.families:
        console.print(_families(found))


def _settings(found: Evaluation) -> Table:
    table = Table("threshold", "should-hits served", "traps answered wrongly", title="Served (95 % intervals)")
    table.add_row(f"shipped, max_wrong {found.max_wrong:g}", *_served(found.shipped))
    for budget, served in found.best.items():
        table.add_row(f"best at <= {float(budget):.0%} wrong", *_served(served))
    return table


def _families(found: Evaluation) -> Table:
    table = Table("family", "", "served", title="By family, at the shipped setting")
    for row in found.families:
        table.add_row(row.family, "should hit" if row.same_answer else "trap", _share(row.served))
    return table


def _served(served: Served) -> tuple[str, str]:
    return _share(served.hits), _share(served.wrong)


def _share(share: Share) -> str:
    if share.share is None or share.interval is None:
        return "none there"
    low, high = share.interval
    return f"{share.count:,} of {share.of:,}: {share.share:.1%} ({low:.1%} to {high:.1%})"
