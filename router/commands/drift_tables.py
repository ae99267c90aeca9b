"""What ``underdog drift`` prints for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from router.ledger.drift import Drift, Share
from router.scoring.reference import Shift


def show(drift: Drift) -> None:
    """Print the tables and one sentence that sums them up."""
    console = Console()
    console.print(
        f"{drift.recent_requests:,} requests of the last {drift.days:g} days, decided by {drift.artifact}; "
        f"{drift.earlier_requests:,} in the {drift.days:g} days before.\n"
    )
    console.print(_distributions(drift))
    console.print(_shares(drift))
    console.print(_verdict(drift))


def _distributions(drift: Drift) -> Table:
    table = Table("", "against the artifact's prompts", "against earlier requests", title="Distributions")
    for row in drift.distributions:
        table.add_row(row.quantity, _shift(row.against_artifact), _shift(row.against_earlier))
    return table


def _shares(drift: Drift) -> Table:
    table = Table(title="Shares")
    for name in ("", "is", "expected", "by", ""):
        table.add_column(name, overflow="fold")
    for row in drift.shares:
        table.add_row(row.quantity, _percent(row.share), _percent(row.expected), row.expected_from, _counted(row))
    return table


def _shift(shift: Shift) -> str:
    if shift.psi is None:
        return f"not enough requests (n={shift.n:,})"
    chance = f"{shift.p:.2g}" if shift.p else "<1e-6"
    return f"{shift.verdict} (PSI {shift.psi:.3f}, p {chance}, n={shift.n:,})"


def _counted(share: Share) -> str:
    n = share.n
    if share.verdict == "not enough requests" and share.expected_n is not None:
        n = min(n, share.expected_n)
    return f"{share.verdict} (n={n:,})"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _verdict(drift: Drift) -> str:
    lines = []
    if drift.differs:
        lines.append(f"Unlike what the artifact was made on, or its curve expects: {', '.join(drift.differs)}.")
    if drift.changed:
        lines.append(f"Changed since the days before: {', '.join(drift.changed)}.")
    elif any(row.against_earlier.verdict == "stable" for row in drift.distributions):
        lines.append("Nothing has changed since the days before.")
    else:
        lines.append("Not enough requests to tell whether anything has changed.")
    return "\n".join(lines)
