"""``train-router answer-lengths``: how much longer strong models answer."""

from __future__ import annotations

from pathlib import Path

import click

from training.commands.shared import json_option, print_json, seed_option


@click.command("answer-lengths")
@click.argument("battles", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--strong", multiple=True, help="A strong model; may be given several times.  [default: RouteLLM's]")
@seed_option("Of the resampling.")
@json_option()
def command(*, battles: Path, strong: tuple[str, ...], seed: int, as_json: bool) -> None:
    """Estimate what the interval of savings rests on, from BATTLES that keep both answers.

    The file is in the form of human-preference-55k. The setting `baseline_lengths` takes the result, low and high.
    """
    from training.answer_lengths import COLUMNS, STRONG, length_ratio
    from training.records import Drops
    from training.tables import read_columns

    rows = (row.values for row in read_columns(battles, Drops(), battles.name, COLUMNS))
    found = length_ratio(rows, strong=strong or STRONG, seed=seed)
    if as_json:
        print_json(found)
        return
    click.echo(
        f"{found.ratio:g} characters of a strong model's answer for one of the other's, over {found.battles} battles "
        f"of {found.strong_models} strong models; for another pair {found.low:g} to {found.high:g} (95 %)."
    )
