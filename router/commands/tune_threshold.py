"""``underdog tune-threshold``: which threshold sends a share of one's own prompts to the strong model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from router.commands.options import (
    artifact_option,
    config_option,
    home_option,
    json_option,
    print_json,
    unfamiliar_option,
)
from router.naming import plain
from router.settings import load_settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from router.artifacts.in_use import InUse
    from router.scoring.shares import ShareThreshold
    from router.settings import Settings


class Tuned(Struct, frozen=True, kw_only=True):
    """A threshold for a share of strong calls, and how sure that is; see `router.scoring.shares.ShareThreshold`.

    ``source``: what the ``n`` prompts are. What only prompts of one's own can tell is None where the threshold was read
    off the artifact's curve. ``left_out``: rows that are no prompts, by reason.
    """

    threshold: float
    strong_share: float
    wanted: float
    source: str
    n: int
    artifact: str
    strong_share_low: float | None = None
    strong_share_high: float | None = None
    threshold_low: float | None = None
    threshold_high: float | None = None
    confidence: float | None = None
    left_out: dict[str, int] = {}


@click.command("tune-threshold")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--strong-share",
    type=click.FloatRange(0.0, 1.0),
    required=True,
    help="Share of requests to send to the strong model, 0 to 1.",
)
@click.option("--ledger", "from_ledger", is_flag=True, help="Of what the server was asked lately, instead of a FILE.")
@click.option(
    "--last",
    type=click.IntRange(min=1, max=1_000_000),
    default=10_000,
    show_default=True,
    help="With --ledger: so many newest requests.",
)
@click.option("--tenant", help="With --ledger: whose requests.  [default: everybody's]")
@artifact_option
@unfamiliar_option
@home_option
@config_option
@json_option
def command(
    *,
    file: Path | None,
    strong_share: float,
    from_ledger: bool,
    last: int,
    tenant: str | None,
    artifact: str | None,
    unfamiliar: str | None,
    home: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Find the threshold that sends a share of your prompts to the strong model.

    RouteLLM calls it calibrating. FILE has a prompt a line, or JSON Lines with 'prompt' or 'messages'; - is standard
    input. Without FILE and --ledger the artifact's own curve is read: an estimate, from prompts that are not yours.
    Needs no grades, no server and no extras; `train-router tune-threshold` gives promises, also of quality.
    """
    if file is not None and from_ledger:
        raise click.UsageError("Give FILE or --ledger, one of them.")
    from router.artifacts.in_use import load_in_use

    settings = load_settings(flags={"artifact": artifact, "unfamiliar": unfamiliar, "home": home}, config=config)
    in_use = load_in_use(settings)
    if from_ledger:
        tuned = _of_ledger(in_use, settings, strong_share, last=last, tenant=tenant)
    elif file is not None:
        tuned = _of_file(in_use, settings, strong_share, file)
    else:
        tuned = _of_curve(in_use, strong_share)
    if as_json:
        print_json(tuned)
    else:
        click.echo(_readable(tuned))


def _of_curve(in_use: InUse, strong_share: float) -> Tuned:
    curve = in_use.scorer.curve
    threshold = round(curve.threshold_for_strong_share(strong_share), 6)
    points = in_use.scorer.manifest.operating_points.values()
    return Tuned(
        threshold=threshold,
        strong_share=round(curve.strong_share_at(threshold), 4),
        wanted=strong_share,
        source="the artifact's own prompts",
        n=max((point.n for point in points if point.promise is None), default=0),
        artifact=in_use.artifact,
    )


def _of_file(in_use: InUse, settings: Settings, strong_share: float, file: Path) -> Tuned:
    from router.commands.prompt_file import STANDARD_INPUT, read_prompts
    from router.scoring.shares import scored

    prompts, left_out = read_prompts(file)
    source = "standard input" if file == STANDARD_INPUT else file.name
    win_rates = scored(in_use.scorer, prompts, when_unfamiliar=settings.unfamiliar)
    return _tuned(in_use, win_rates, strong_share, source, left_out)


def _of_ledger(in_use: InUse, settings: Settings, strong_share: float, *, last: int, tenant: str | None) -> Tuned:
    import numpy as np

    from router.database import open_database
    from router.errors import DataError
    from router.ledger.reading import reading
    from router.ledger.routed import read_routed
    from router.scoring.shares import seen

    database = open_database(settings, "ledger")
    try:
        with reading(database) as connection:
            rows = read_routed(connection, in_use.artifact, last=last, tenant=tenant)
    finally:
        database.close()
    if not rows:
        raise DataError(
            f"The ledger holds no request that {in_use.artifact} scored and a threshold decided about; give a FILE of "
            "prompts."
        )
    win_rates = np.array([seen(win_rate, unfamiliarity, settings.unfamiliar) for win_rate, unfamiliarity in rows])
    return _tuned(in_use, win_rates, strong_share, "the ledger", {})


def _tuned(
    in_use: InUse, win_rates: NDArray[np.float64], strong_share: float, source: str, left_out: dict[str, int]
) -> Tuned:
    from router.scoring.shares import threshold_for_share

    found: ShareThreshold = threshold_for_share(win_rates, strong_share)
    return Tuned(
        threshold=found.threshold,
        strong_share=round(found.share, 6),
        wanted=found.wanted,
        source=source,
        n=found.n,
        artifact=in_use.artifact,
        strong_share_low=round(found.share_low, 4),
        strong_share_high=round(found.share_high, 4),
        threshold_low=round(found.threshold_low, 6),
        threshold_high=round(found.threshold_high, 6),
        confidence=found.confidence,
        left_out=left_out,
    )


def _readable(tuned: Tuned) -> str:
    threshold = plain(tuned.threshold)
    lines = [
        f"For {_percent(tuned.wanted)} strong model calls, threshold = {threshold}",
        f"It sends {_percent(tuned.strong_share)} of {tuned.n:,} prompts ({tuned.source}) to the strong model.",
    ]
    if tuned.strong_share_low is None or tuned.strong_share_high is None or tuned.confidence is None:
        lines.append("Your prompts are others: give a FILE of them, or --ledger, for a threshold of your own.")
    else:
        between = f"{_percent(tuned.strong_share_low)} and {_percent(tuned.strong_share_high)}"
        lines.append(f"Of all traffic like them it would be between {between} ({tuned.confidence:.0%} confidence),")
        lines.append(
            f"and the threshold for just {_percent(tuned.wanted)} lies between {tuned.threshold_low:g} and "
            f"{tuned.threshold_high:g}."
        )
    if tuned.left_out:
        lines.append("Left out: " + ", ".join(f"{count:,} rows ({why})" for why, count in tuned.left_out.items()) + ".")
    lines.append(
        f"Use it: model 'router-mf-{threshold}', '?threshold={threshold}', or for everybody `underdog "
        f"config set threshold {threshold}`."
    )
    return "\n".join(lines)


def _percent(share: float) -> str:
    return f"{share * 100:.1f}%"
