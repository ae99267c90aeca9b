"""``underdog``: serve, fetch the embedded LLM, explain one decision, choose the artifact.

Heavy parts are imported inside the commands: ``--help`` must not wait for a server's imports.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click
import msgspec

from router import __version__
from router.artifacts.commands import artifacts
from router.errors import UnderdogError
from router.settings import FIELDS, PREFIX, load_settings

if TYPE_CHECKING:
    from router.artifacts.in_use import InUse

Command = Callable[..., None]


class _Group(click.Group):
    """Turns our own errors into one line on standard error and exit status 1. Wrong usage exits with 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UnderdogError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="underdog")
def main() -> None:
    """Underdog sends each LLM request to the cheapest model that will answer it well enough."""


main.add_command(artifacts)


def _setting_options(command: Command) -> Command:
    """One flag for every setting. Keys have none: a command line is visible to other users of the machine."""
    for name, field in reversed(FIELDS.items()):
        if name.endswith("api_key"):
            continue
        flag = "--" + name.replace("_", "-")
        declaration = f"{flag}/--no-{flag[2:]}" if isinstance(field.default, bool) else flag
        about = f"{_sentence(field)}  [default: {_shown_default(field)}; {PREFIX}{name.upper()}]"
        command = click.option(declaration, name, default=None, help=about)(command)
    return _config_option(command)


_config_option = click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings.")


def _sentence(field: msgspec.structs.FieldInfo) -> str:
    """The setting's description: the last ``Meta`` of its annotation carries it."""
    return str(field.type.__metadata__[-1].description)


def _shown_default(field: msgspec.structs.FieldInfo) -> str:
    if field.default is None:
        return "none"
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default)


@main.command()
@_setting_options
def serve(config: Path | None, **flags: Any) -> None:
    """Start the server.

    Keys have no flags: set UNDERDOG_API_KEY, UNDERDOG_WEAK_API_KEY and UNDERDOG_STRONG_API_KEY, or use the TOML file.
    """
    from router.serve import run

    run(load_settings(flags=flags, config=config))


@main.command()
@click.option("--home", help="Folder to keep it in.  [default: ~/.local/share/underdog]")
def fetch(home: str | None) -> None:
    """Fetch the embedded LLM and verify its hash. Does nothing where it is there."""
    from router.upstream.embedded.fetch import fetch_weights

    settings = load_settings(flags={"home": home})
    click.echo(fetch_weights(settings.home_path))


@main.command()
@click.argument("prompt")
@click.option("--threshold", help="Threshold to decide by, 0 to 1.  [default: the server's]")
@click.option("--quality", help="Share of the gap between weak and strong model to recover, 0 to 1.")
@click.option("--strong-share", help="Share of requests to send to the strong model, 0 to 1.")
@click.option("--point", metavar="NAME", help="Operating point of the artifact, as in auto:NAME.")
@click.option("--artifact", help="Folder of the classifier artifact.  [default: the server's]")
@_config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def route(
    prompt: str,
    threshold: str | None,
    quality: str | None,
    strong_share: str | None,
    point: str | None,
    artifact: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Say where PROMPT would go, and why. Needs no server and asks no model. PROMPT may be - for standard input."""
    text = _read_standard_input() if prompt == "-" else prompt
    if not text.strip():
        raise click.UsageError("The prompt is empty.")
    from router.artifacts.in_use import load_in_use

    given = {"--threshold": threshold, "--quality": quality, "--strong-share": strong_share, "--point": point}
    if len(asked := [flag for flag, value in given.items() if value is not None]) > 1:
        raise click.UsageError(f"Give only one of {' and '.join(asked)}: each sets the threshold.")
    settings = load_settings(flags={"threshold": threshold, "artifact": artifact}, config=config)
    decision = _explain(load_in_use(settings), text, _tuning(quality, strong_share, point))
    click.echo(msgspec.json.encode(decision).decode() if as_json else _readable(decision))


@main.group()
def ledger() -> None:
    """What the ledger holds."""


@ledger.command()
@click.option("--since", type=click.DateTime(), help="Requests from this day or time (UTC) on.  [default: all]")
@click.option("--tenant", help="Requests of this tenant.  [default: all]")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write.  [default: standard output]"
)
@click.option("--home", help="Folder of the server.  [default: ~/.local/share/underdog]")
@_config_option
def export(
    since: datetime | None, tenant: str | None, form: str, out: Path | None, home: str | None, config: Path | None
) -> None:
    """Write the requests, one record each, with the callers' feedback: no prompts, no answers, no keys.

    `train-router tune-threshold --on` reads it.
    """
    from router.ledger.ledger import FILE_NAME, Ledger

    path = load_settings(flags={"home": home}, config=config).home_path / FILE_NAME
    if not path.is_file():
        raise click.ClickException(f"{path}: there is no ledger; name the folder of the server with --home.")
    opened = Ledger.open(path)
    try:
        records = opened.export(since=None if since is None else since.replace(tzinfo=UTC), tenant=tenant)
        _write_records(records, form, out)
    finally:
        opened.close()


def _write_records(records: Iterator[dict[str, Any]], form: str, out: Path | None) -> None:
    """One line for each record; a file appears only when all of it is written."""
    write: Callable[[Iterator[dict[str, Any]], TextIO], None] = _write_csv if form == "csv" else _write_json_lines
    if out is None:
        # Whatever the locale, as with a file: UTF-8.
        stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="", write_through=True)
        write(records, stream)
        stream.detach()
        return
    partial = out.with_name(out.name + ".part")
    try:
        with partial.open("w", encoding="utf-8", newline="") as sink:
            write(records, sink)
        partial.replace(out)
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}; check the path and the space left.") from error
    finally:
        partial.unlink(missing_ok=True)


def _write_json_lines(records: Iterator[dict[str, Any]], sink: TextIO) -> None:
    sink.writelines(msgspec.json.encode(record).decode() + "\n" for record in records)


def _write_csv(records: Iterator[dict[str, Any]], sink: TextIO) -> None:
    from router.ledger.export import EXPORTED

    writer = csv.DictWriter(sink, EXPORTED)
    writer.writeheader()
    writer.writerows(records)


def _read_standard_input() -> str:
    # Whatever the locale: prompts are UTF-8, and a stray byte is no reason to stop.
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def _tuning(quality: str | None, strong_share: str | None, point: str | None) -> Any:
    """What a request with these dials would ask for."""
    from router.http.tuning import tuning_for

    dials = {"quality": quality, "strong_share": strong_share}
    query = [(name, value) for name, value in dials.items() if value is not None]
    return tuning_for(query=query, headers={}, model="auto" if point is None else f"auto:{point}")


def _explain(in_use: InUse, text: str, tuning: Any) -> dict[str, Any]:
    scorer, dial = in_use.scorer, in_use.dial
    used = dial.threshold(tuning)
    score = scorer.score(text)
    return {
        "route": "strong" if score.win_rate >= used else "weak",
        "win_rate": round(score.win_rate, 6),
        "threshold": round(used, 6),
        "artifact": in_use.artifact,
        "tokens": score.tokens,
        "promise": dial.promise(tuning),
        "contributions": {name: round(value, 4) for name, value in scorer.explain(text).items()},
    }


def _readable(decision: dict[str, Any]) -> str:
    relation = ">=" if decision["route"] == "strong" else "<"
    comparison = f"win rate {decision['win_rate']:.3f} {relation} threshold {decision['threshold']:.3f}"
    lines = [f"{decision['route']}: {comparison}  ({decision['artifact']}, {decision['tokens']} tokens)"]
    if decision["promise"] is not None:
        lines.append(f"promise: {decision['promise']}")
    lines += [f"  {value:+.3f}  {name}" for name, value in decision["contributions"].items()]
    return "\n".join(lines)
