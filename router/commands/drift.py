"""``underdog drift``: has traffic shifted?"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from router.artifacts.in_use import load_in_use
from router.commands.options import config_option, json_option, print_json
from router.errors import ArtifactError
from router.ledger.drift import Drift, Share, read_drift
from router.ledger.ledger import LEDGER_FILE
from router.scoring.reference import Shift
from router.settings import load_settings

SHIFTED_STATUS = 3
"""Exit status where traffic has changed."""


@click.command("drift")
@click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True, max=3650),
    default=7.0,
    show_default=True,
    help="Length of either period.",
)
@click.option("--tenant", help="Whose requests.  [default: everybody's]")
@click.option("--home", help="Folder with the ledger.  [default: the server's]")
@click.option("--artifact", help="Folder of the classifier artifact.  [default: the server's]")
@click.option("--strict", is_flag=True, help="Let a difference from the artifact's prompts count for the exit status.")
@config_option
@json_option
def command(
    *,
    days: float,
    tenant: str | None,
    home: str | None,
    artifact: str | None,
    strict: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Say whether traffic has shifted: from the artifact's own prompts, and from the days before.

    Reads the ledger, also while a server writes it. Exit status: 0 where nothing has changed since the days before or
    requests are too few to tell, 3 where something has, 1 where the ledger or the artifact cannot be used. No traffic
    is just like an artifact's prompts, so that this difference counts for the status with --strict only.

    The ledger knows an artifact by name and version: give one that was retrained a new version, or its requests are
    compared with those of the old one.
    """
    settings = load_settings(flags={"home": home, "artifact": artifact}, config=config)
    scorer = load_in_use(settings).scorer
    if scorer.manifest.reference is None:
        raise ArtifactError(f"artifact {scorer.version}: does not say what its prompts looked like; refit it.")
    found = read_drift(
        settings.home_path / LEDGER_FILE,
        artifact=scorer.version,
        reference=scorer.manifest.reference,
        curve=scorer.curve,
        days=days,
        until=datetime.now(UTC),
        tenant=tenant,
    )
    if as_json:
        print_json({**msgspec.to_builtins(found), "changed": found.changed, "differs": found.differs})
    else:
        _show(found)
    counted = found.changed + (found.differs if strict else [])
    sys.exit(SHIFTED_STATUS if counted else 0)


def _show(drift: Drift) -> None:
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
    table = Table("", "is", "expected", "by", "", title="Shares")
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
