"""``underdog``: serve, fetch the embedded LLM, explain one decision.

Heavy parts are imported inside the commands: ``--help`` must not wait for a server's imports.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from router import __version__
from router.errors import ArtifactError, UnderdogError
from router.settings import FIELDS, PREFIX, Settings, load_settings
from router.types import Evidence, Tuning, WhenUnfamiliar

Command = Callable[..., None]

SHIFTED_STATUS = 3
"""Exit status of `underdog drift` where traffic has changed."""


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
@click.option("--artifact", help="Folder of the classifier artifact.  [default: the server's]")
@click.option("--unfamiliar", help="Where prompts unlike all training go: strong, weak or win-rate.")
@_config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def route(
    prompt: str,
    threshold: str | None,
    artifact: str | None,
    unfamiliar: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Say where PROMPT would go, and why. Needs no server and asks no model. PROMPT may be - for standard input."""
    text = _read_standard_input() if prompt == "-" else prompt
    if not text.strip():
        raise click.UsageError("The prompt is empty.")
    from router.scoring.scorer import Scorer

    settings = load_settings(
        flags={"threshold": threshold, "artifact": artifact, "unfamiliar": unfamiliar}, config=config
    )
    scorer = Scorer.load(Path(settings.artifact).expanduser() if settings.artifact else None)
    decision = _explain(scorer, text, settings.threshold, settings.unfamiliar)
    click.echo(msgspec.json.encode(decision).decode() if as_json else _readable(decision))


@main.command()
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
@_config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def drift(
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
    """
    from datetime import UTC, datetime

    from router.ledger.drift import read_drift
    from router.ledger.ledger import LEDGER_FILE
    from router.scoring.artifact import load_artifact

    settings = load_settings(flags={"home": home, "artifact": artifact}, config=config)
    loaded = load_artifact(_artifact_folder(settings), verify=False)
    manifest = loaded.manifest
    if manifest.reference is None:
        raise ArtifactError(f"artifact {manifest.label}: does not say what its prompts looked like; refit it.")
    found = read_drift(
        settings.home_path / LEDGER_FILE,
        artifact=manifest.label,
        reference=manifest.reference,
        curve=loaded.curve,
        days=days,
        until=datetime.now(UTC),
        tenant=tenant,
    )
    if as_json:
        click.echo(
            msgspec.json.encode({**msgspec.to_builtins(found), "changed": found.changed, "differs": found.differs})
        )
    else:
        from router.drift_table import show

        show(found)
    counted = found.changed + (found.differs if strict else [])
    sys.exit(SHIFTED_STATUS if counted else 0)


def _artifact_folder(settings: Settings) -> Path:
    from router.scoring.artifact import default_artifact_path

    return Path(settings.artifact).expanduser() if settings.artifact else default_artifact_path()


def _read_standard_input() -> str:
    # Whatever the locale: prompts are UTF-8, and a stray byte is no reason to stop.
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def _explain(scorer: Any, text: str, threshold: float | None, when_unfamiliar: WhenUnfamiliar) -> dict[str, Any]:
    from router.policy import DEFAULT_OPERATING_POINT, Models, decide

    used = scorer.manifest.operating_points[DEFAULT_OPERATING_POINT].threshold if threshold is None else threshold
    score = scorer.score(text)
    decision = decide(
        tuning=Tuning(),
        threshold=used,
        win_rate=score.win_rate,
        models=Models(weak="weak", strong="strong"),
        artifact=scorer.version,
        evidence=Evidence(unfamiliarity=score.unfamiliarity),
        when_unfamiliar=when_unfamiliar,
    )
    return {
        "route": decision.route,
        "reason": decision.reason,
        "win_rate": round(score.win_rate, 6),
        "threshold": round(used, 6),
        "artifact": scorer.version,
        "tokens": score.tokens,
        "unfamiliarity": None if score.unfamiliarity is None else round(score.unfamiliarity, 4),
        "contributions": {name: round(value, 4) for name, value in scorer.explain(text).items()},
    }


def _readable(decision: dict[str, Any]) -> str:
    relation = ">=" if decision["win_rate"] >= decision["threshold"] else "<"
    comparison = f"win rate {decision['win_rate']:.3f} {relation} threshold {decision['threshold']:.3f}"
    if decision["reason"] == "unfamiliar":
        comparison = f"unfamiliar ({decision['unfamiliarity']:.2f}, the limit is 1), whatever its {comparison}"
    lines = [f"{decision['route']}: {comparison}  ({decision['artifact']}, {decision['tokens']} tokens)"]
    lines += [f"  {value:+.3f}  {name}" for name, value in decision["contributions"].items()]
    return "\n".join(lines)
