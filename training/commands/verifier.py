"""``train-router verifier``: which verifier of the semantic cache serves most rewordings, and how few traps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from training.commands.shared import (
    DISTILL_PACKAGES,
    TRAIN_PACKAGES,
    Say,
    folder_option,
    json_option,
    print_json,
    quiet_option,
    require_extra,
    seed_option,
    speaker,
)

if TYPE_CHECKING:
    from training.pairs.figures import Figures

OWN_PAIRS = Path(__file__).resolve().parents[2] / "data" / "cache"


@click.command("verifier")
@folder_option(
    "--data", required=True, help="Folder of data sets; Quora's pairs are read from its qqp, where it has one."
)
@folder_option("--pairs", "own", default=OWN_PAIRS, help="Folder of our pairs.  [default: data/cache]")
@folder_option("--encoder", help="Folder of a static encoder.  [default: that of the shipped artifact]")
@folder_option(
    "--teacher",
    help="Folder of a sentence encoder (all-MiniLM-L6-v2): adds what is made from one, and takes an hour.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for fits of the pair encoder, so that a run that was cut off goes on where it was.",
)
@click.option(
    "--export",
    "out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the verifier that is served into this folder, such as models/verifier/1: fitted, which needs "
    "--teacher, or going on, which needs --start and --calibrate.",
)
@folder_option(
    "--start",
    help="Folder of a verifier to go on from: with --teacher its pair encoder learns more, without it stays as it is.",
)
@folder_option(
    "--calibrate",
    help="Folder of pairs that no fit knew, each for choosing or for evidence; what --start's thresholds will rest on.",
)
@folder_option(
    "--clamp",
    help="Write how much of the pair encoder's logit counts into this verifier's manifest, after a table of what that "
    "costs and spares.",
)
@click.option(
    "--folds", "count", type=click.IntRange(2), default=4, show_default=True, help="Parts to hold out in turn."
)
@click.option("--quora", type=click.IntRange(0), default=20_000, show_default=True, help="How many of Quora's pairs.")
@seed_option("Fixes whatever is drawn.")
@json_option()
@quiet_option()
def command(
    *,
    data: Path,
    own: Path,
    encoder: Path | None,
    teacher: Path | None,
    keep: Path | None,
    out: Path | None,
    start: Path | None,
    calibrate: Path | None,
    clamp: Path | None,
    count: int,
    quora: int,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compare verifiers on requests, and kinds of traps, that their fit did not know; or fit the one that is served.

    Each is fitted once for every fold, without the fold's groups of pairs and without its families of traps.

    With --start, --calibrate and --export a verifier goes on from the one that is there, and rests on new pairs.
    """
    _check_options(teacher=teacher, out=out, clamp=clamp, start=start, calibrate=calibrate)
    if teacher is None:
        require_extra("train", TRAIN_PACKAGES)
    else:
        require_extra("distill", DISTILL_PACKAGES)
    from training.encoders import encoder_folder
    from training.pairs.table import table

    shared = {"own": own, "data": data, "encoder": encoder_folder(encoder), "keep": keep, "folds": count}
    shared |= {"quora": quora, "seed": seed}
    say = speaker(wanted=not (quiet or as_json))
    if clamp is not None:
        _clamped(clamp, shared, say, as_json=as_json)
        return
    if start is not None and calibrate is not None and out is not None:
        rows = _gone_on(start, calibrate, shared, teacher, out, say)
    elif teacher is not None and out is not None:
        rows = _fitted(shared, teacher, out, say)
    else:
        rows = _compared(shared, teacher, say)
    if as_json:
        print_json(rows)
    else:
        click.echo("\n".join(table(rows)))


def _check_options(
    *, teacher: Path | None, out: Path | None, clamp: Path | None, start: Path | None, calibrate: Path | None
) -> None:
    """Stop, with click's error, at options that do not go together."""
    if clamp is not None and any(given is not None for given in (teacher, out, start, calibrate)):
        raise click.UsageError(
            "--clamp changes a verifier that is there; it goes with neither --teacher nor --start nor --export"
        )
    if (start is None) != (calibrate is None) or (start is not None and out is None):
        raise click.UsageError("--start, --calibrate and --export go together")
    if start is not None and out is not None and out.resolve() == start.resolve():
        raise click.UsageError("--export must name another folder than --start")
    if teacher is None and out is not None and start is None:
        raise click.UsageError("--export needs --teacher: the pair encoder starts from a sentence encoder")


def _compared(shared: dict[str, Any], teacher: Path | None, say: Say) -> list[Figures]:
    from training.pairs.run import Comparison, compare_verifiers

    return compare_verifiers(Comparison(**shared, teacher=teacher), say)


def _fitted(shared: dict[str, Any], teacher: Path, out: Path, say: Say) -> list[Figures]:
    from training.pairs.fit import FitPlan, fit_verifier

    drawn = " ".join(f"--{name} {shared[name]}" for name in ("folds", "quora", "seed"))
    command = f"train-router verifier --data DATA --teacher TEACHER {drawn} --export models/verifier/{out.name}"
    plan = FitPlan(**shared, teacher=teacher, out=out, version=out.name, command=command)
    _, rows = fit_verifier(plan, say)
    return rows


def _gone_on(
    start: Path, calibrate: Path, shared: dict[str, Any], teacher: Path | None, out: Path, say: Say
) -> list[Figures]:
    from training.pairs.go_on import GoOnPlan, go_on_verifier

    learns = "" if teacher is None else f" --teacher TEACHER --seed {shared['seed']}"
    command = (
        f"train-router verifier --data DATA --start models/verifier/{start.name} --calibrate {calibrate.name}"
        f"{learns} --export models/verifier/{out.name}"
    )
    wanted = {name: shared[name] for name in ("own", "data", "encoder", "keep", "seed")}
    plan = GoOnPlan(
        **wanted, start=start, calibrate=calibrate, teacher=teacher, out=out, version=out.name, command=command
    )
    _, rows = go_on_verifier(plan, say)
    return rows


def _clamped(folder: Path, shared: dict[str, Any], say: Say, *, as_json: bool) -> None:
    from training.pairs.clamp import clamp_table, measure_clamps, set_clamps

    wanted = {name: shared[name] for name in ("own", "data", "encoder", "folds", "quora", "seed")}
    rows = measure_clamps(folder, **wanted, say=say)
    set_clamps(folder)
    if as_json:
        print_json(rows)
    else:
        click.echo("\n".join(clamp_table(rows)))
