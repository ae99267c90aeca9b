"""``underdog artifacts``: list, show, use, rollback."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from msgspec import Struct

from router.commands.options import config_option, home_option, json_option, print_json
from router.errors import ArtifactError, SettingsError
from router.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from router.artifacts.in_use import InUse
    from router.artifacts.server import RunningServer


class Confirmed(Struct, frozen=True, kw_only=True):
    """What the server at an address makes of a choice. ``why`` it is silent on the artifact that it serves."""

    url: str
    state: Literal["serves it", "away", "silent"]
    why: str | None = None


def _server_options(command: Callable[..., None]) -> Callable[..., None]:
    """What finds the home folder and the server on it."""
    for option in (
        click.option("--port", help="Port of the server that may be running.  [default: 8787]"),
        click.option("--host", help="Address of the server that may be running.  [default: 127.0.0.1]"),
        config_option,
        home_option,
        json_option,
    ):
        command = option(command)
    return command


@click.group("artifacts")
def command() -> None:
    """List and choose classifier artifacts.

    A running server takes another one over without dropping a request. They are looked for in ./models, in the home
    folder's models, and among those that ship.
    """


@command.command("list")
@home_option
@config_option
@json_option
def list_(home: str | None, config: Path | None, as_json: bool) -> None:
    """List the artifacts that are found here, and mark the one in use."""
    from router.artifacts.places import find_all

    settings = load_settings(flags={"home": home}, config=config)
    chosen, why = _chosen(settings)
    found = find_all(settings.home_path)
    if as_json:
        rows = [
            {
                "artifact": each.label,
                "folder": str(each.folder),
                "in_use": each.folder == chosen,
                "description": each.manifest.description if each.manifest else None,
                "fault": each.fault or None,
            }
            for each in found
        ]
        print_json(rows)
        return
    width = max((len(each.label) for each in found), default=0)
    for each in found:
        mark = "*" if each.folder == chosen else " "
        click.echo(f"{mark} {each.label:{width}}  {each.folder}{f'  ({each.fault})' if each.fault else ''}")
    if all(each.folder != chosen for each in found):
        click.echo(f"* {chosen}")
    click.echo(why)


@command.command()
@click.argument("wanted", metavar="NAME[/VERSION]|FOLDER", required=False)
@home_option
@config_option
@json_option
def show(wanted: str | None, home: str | None, config: Path | None, as_json: bool) -> None:
    """Verify an artifact and say what it is. Without a name, the one in use."""
    from router.artifacts.places import find
    from router.scoring.artifact import load_artifact

    settings = load_settings(flags={"home": home}, config=config)
    folder = find(wanted, settings.home_path) if wanted else _chosen(settings)[0]
    manifest = load_artifact(folder).manifest
    if as_json:
        shown = {"artifact": manifest.label, "folder": str(folder), "sha256": manifest.digest, "manifest": manifest}
        print_json(shown)
        return
    lines = {
        "artifact": f"{manifest.label}: {manifest.description}",
        "folder": f"{folder}  (hashes and golden rows verified)",
        "sha256": manifest.digest,
        "made by": manifest.command,
        "encoder": f"{manifest.encoder.vocabulary:,} tokens, {manifest.encoder.dim} numbers, {manifest.encoder.sha256}",
        "heads": ", ".join(f"{head.name} ({head.kind})" for head in manifest.heads),
        "learned from": ", ".join(str(source.get("name")) for source in manifest.training_data) or "not said",
    }
    for name, text in lines.items():
        click.echo(f"{name:13} {_printable(text)}")
    for name, point in sorted(manifest.operating_points.items(), key=lambda item: item[1].strong_share):
        click.echo(f"auto:{name:8} threshold {point.threshold:.4f}, strong share {point.strong_share:.2f}")


@command.command()
@click.argument("wanted", metavar="NAME[/VERSION]|FOLDER")
@_server_options
def use(*, wanted: str, as_json: bool, **flags: Any) -> None:
    """Put an artifact in use.

    It is verified first; a running server takes it over within seconds. Of a NAME the highest version is taken. One
    that is in use already is loaded again: do so after it was made anew or its threshold was tuned.
    """
    from router.artifacts.places import find
    from router.artifacts.pointer import Pointer

    settings = _unpinned(flags)
    folder = find(wanted, settings.home_path)
    chosen = _verified(folder, settings)
    server = _running(settings)
    Pointer(settings.home_path).put(folder, chosen.artifact, chosen.digest)
    if as_json:
        _print_chosen(server, chosen, folder)
        return
    click.echo(f"{chosen.artifact} is in use from now on ({folder}).")
    click.echo(_in_words(_confirmed(server, chosen)))


@command.command()
@_server_options
def rollback(*, as_json: bool, **flags: Any) -> None:
    """Go back to the artifact in use before. The shipped one was before the first."""
    from router.artifacts.pointer import Pointer
    from router.scoring.artifact import default_artifact_path

    settings = _unpinned(flags)
    pointer = Pointer(settings.home_path)
    uses = pointer.uses()
    if not uses:
        raise ArtifactError("Nothing to roll back: no artifact was put in use; the shipped one is.")
    before = uses[-2] if len(uses) > 1 else None
    folder = Path(before.folder) if before else default_artifact_path()
    try:
        chosen = _verified(folder, settings)
    except ArtifactError as error:
        raise ArtifactError(
            f"{error} Nothing was changed; choose another with `underdog artifacts use NAME`."
        ) from error
    server = _running(settings)
    pointer.back(uses[-1])
    made_anew = before is not None and before.digest != chosen.digest
    if as_json:
        _print_chosen(server, chosen, folder, back_from=uses[-1].label, made_anew=made_anew)
        return
    click.echo(f"Back from {uses[-1].label}: {chosen.artifact} is in use from now on.")
    if made_anew:
        click.echo(f"Note: {folder} was made anew since it was in use; it is not quite what it was then.")
    click.echo(_in_words(_confirmed(server, chosen)))


def _printable(text: str) -> str:
    """Without control characters: whoever made an artifact has no business steering the terminal."""
    return "".join(" " if unicodedata.category(sign) in ("Cc", "Cf") else sign for sign in text)


def _unpinned(flags: dict[str, Any]) -> Settings:
    """The settings, which must leave the choice open."""
    config = flags.pop("config")
    settings = load_settings(flags=flags, config=config)
    if settings.artifact:
        raise SettingsError(
            f"The setting `artifact` pins {settings.artifact}: remove UNDERDOG_ARTIFACT from the environment, or "
            "`artifact` from the TOML file, so that there is a choice."
        )
    return settings


def _verified(folder: Path, settings: Settings) -> InUse:
    """The artifact, loaded as a server would: what cannot serve is refused before anything changes."""
    from router.artifacts.in_use import InUse
    from router.scoring.scorer import Scorer

    return InUse.of(Scorer.load(folder), settings)


def _running(settings: Settings) -> RunningServer:
    """The server that runs at the configured address; one that pins its artifact is refused."""
    from router.artifacts.server import RunningServer, ServedArtifact

    server = RunningServer.at(settings.host, settings.port)
    health = server.health()
    if isinstance(health, ServedArtifact) and health.artifact_pinned:
        raise SettingsError(
            f"The server on {server.url} is pinned to {health.artifact} by its own --artifact or UNDERDOG_ARTIFACT, so "
            "nothing was changed. Start it without, or name another server with --port."
        )
    return server


def _confirmed(server: RunningServer, chosen: InUse) -> Confirmed:
    """Wait until the server serves what was chosen, if there is one.

    Raises:
        ArtifactError: it goes on with another.
    """
    from router.artifacts.server import Silence

    health = server.health()
    if health is None:
        return Confirmed(url=server.url, state="away")
    if isinstance(health, Silence):
        return Confirmed(url=server.url, state="silent", why=health.why)
    server.wait_for(chosen.artifact, chosen.digest)
    return Confirmed(url=server.url, state="serves it")


def _in_words(confirmed: Confirmed) -> str:
    if confirmed.state == "away":
        return f"No server answers on {confirmed.url}; the next one with this home folder starts with it."
    if confirmed.state == "silent":
        return (
            f"Something answers on {confirmed.url} but does not say which artifact it serves ({confirmed.why}): "
            f"look at {confirmed.url}/health, and restart it if it is an older server."
        )
    return f"The server on {confirmed.url} serves it."


def _print_chosen(server: RunningServer, chosen: InUse, folder: Path, **more: object) -> None:
    """What is in use from now on, and what the server makes of it; ``more`` is told besides."""
    told = {"artifact": chosen.artifact, "folder": str(folder), "sha256": chosen.digest, **more}
    print_json({**told, "server": _confirmed(server, chosen)})


def _chosen(settings: Settings) -> tuple[Path, str]:
    """The folder that a server with these settings would take, and why that one."""
    from router.artifacts.pointer import Pointer
    from router.scoring.artifact import default_artifact_path

    if settings.artifact:
        return Path(settings.artifact).expanduser().resolve(), "In use: pinned by the setting `artifact`."
    current = Pointer(settings.home_path).current()
    if current is None:
        return (
            default_artifact_path().resolve(),
            "In use: the shipped one, until `underdog artifacts use` says otherwise.",
        )
    return Path(current.folder), f"In use since {current.at:%Y-%m-%d %H:%M} UTC."
