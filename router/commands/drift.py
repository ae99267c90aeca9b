"""``underdog drift``: has traffic shifted?"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from router.commands.options import artifact_option, config_option, json_option, print_json
from router.errors import ArtifactError
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
@artifact_option
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
    from router.artifacts.in_use import load_in_use
    from router.commands.drift_tables import show
    from router.database import open_database
    from router.ledger.drift import read_drift

    settings = load_settings(flags={"home": home, "artifact": artifact}, config=config)
    scorer = load_in_use(settings).scorer
    if scorer.manifest.reference is None:
        raise ArtifactError(f"artifact {scorer.version}: does not say what its prompts looked like; refit it.")
    found = read_drift(
        open_database(settings, "ledger"),
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
        show(found)
    counted = found.changed + (found.differs if strict else [])
    sys.exit(SHIFTED_STATUS if counted else 0)
