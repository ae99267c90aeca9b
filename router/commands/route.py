"""``underdog route``: one decision, explained, without a server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from router.commands.options import artifact_option, config_option, home_option, json_option, unfamiliar_option
from router.settings import load_settings

if TYPE_CHECKING:
    from router.artifacts.in_use import InUse
    from router.settings import Settings
    from router.types import Route, Tuning


@click.command("route")
@click.argument("prompt")
@click.option("--threshold", help="Threshold to decide by, 0 to 1.  [default: the server's]")
@click.option("--quality", help="Share of the gap between weak and strong model to recover, 0 to 1.")
@click.option("--strong-share", help="Share of requests to send to the strong model, 0 to 1.")
@click.option("--point", metavar="NAME", help="Operating point of the artifact, as in auto:NAME.")
@artifact_option
@unfamiliar_option
@home_option
@config_option
@json_option
def command(
    *,
    prompt: str,
    threshold: str | None,
    quality: str | None,
    strong_share: str | None,
    point: str | None,
    artifact: str | None,
    unfamiliar: str | None,
    home: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Say where PROMPT would go, and why. Needs no server and asks no model. PROMPT may be - for standard input."""
    text = _read_standard_input() if prompt == "-" else prompt
    if not text.strip():
        raise click.UsageError("The prompt is empty.")
    given = {"--threshold": threshold, "--quality": quality, "--strong-share": strong_share, "--point": point}
    if len(asked := [flag for flag, value in given.items() if value is not None]) > 1:
        raise click.UsageError(f"Give only one of {' and '.join(asked)}: each sets the threshold.")
    from router.artifacts.in_use import load_in_use

    flags = {"threshold": threshold, "artifact": artifact, "unfamiliar": unfamiliar, "home": home}
    settings = load_settings(flags=flags, config=config)
    tuning = _tuning(quality, strong_share, point)
    explained = _explain(load_in_use(settings), text, tuning, settings)
    click.echo(msgspec.json.encode(explained).decode() if as_json else _readable(explained))


def _read_standard_input() -> str:
    # Whatever the locale: prompts are UTF-8, and a stray byte is no reason to stop.
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def _tuning(quality: str | None, strong_share: str | None, point: str | None) -> Tuning:
    """What a request with these dials would ask for."""
    from router.http.tuning import tuning_for

    dials = {"quality": quality, "strong_share": strong_share}
    query = [(name, value) for name, value in dials.items() if value is not None]
    return tuning_for(query=query, headers={}, model="auto" if point is None else f"auto:{point}")


def _explain(in_use: InUse, text: str, tuning: Tuning, settings: Settings) -> dict[str, Any]:
    from router.calls import Call
    from router.errors import RefusedByRule
    from router.needs import Needs
    from router.policy import Models, kept_promise
    from router.principals import ANONYMOUS
    from router.terms import decision_on, score_of, terms_of, ways_of
    from router.types import ChatRequest, Message
    from router.upstream.aliases import Aliases

    request = ChatRequest(messages=[Message(role="user", content=text)])
    body = {"messages": [{"role": "user", "content": text}]}
    call = Call(principal=ANONYMOUS, request=request, body=body, tuning=tuning)
    ways = ways_of(settings)
    models = Models(
        weak=_model(settings, "weak"),
        strong=_model(settings, "strong"),
        # Which others can be asked depends on the server's keys: of a name it is taken that it can.
        named=lambda _: True,
        read=Aliases(settings.aliases, has=lambda _: True).read,
    )
    try:
        terms = terms_of(call, Needs(request, body), in_use, ways, models)
    except RefusedByRule as error:
        return {"refused": error.message, "rule": error.rule}
    scored = terms.scored or score_of(call, in_use)
    decision = decision_on(terms, scored, call, in_use, ways, models, explain=True)
    score = scored.score
    return {
        "route": decision.route,
        "reason": decision.reason,
        "rule": decision.rule,
        "win_rate": round(score.win_rate, 6),
        "threshold": round(terms.threshold, 6),
        "artifact": in_use.artifact,
        "tokens": score.tokens,
        "unfamiliarity": None if score.unfamiliarity is None else round(score.unfamiliarity, 4),
        "promise": kept_promise(terms.promise, decision.reason),
        "contributions": {name: round(value, 4) for name, value in decision.evidence.contributions.items()},
    }


def _model(settings: Settings, route: Route) -> str:
    """The model of a route as the settings name it, or the route's own name."""
    configured = settings.weak_model if route == "weak" else settings.strong_model
    deployed = (deployment.model for deployment in settings.deployments if deployment.route == route)
    return configured or next(deployed, None) or route


def _readable(explained: dict[str, Any]) -> str:
    if "refused" in explained:
        return f"refused by the rule {explained['rule']}: {explained['refused']}"
    relation = ">=" if explained["win_rate"] >= explained["threshold"] else "<"
    comparison = f"win rate {explained['win_rate']:.3f} {relation} threshold {explained['threshold']:.3f}"
    if explained["reason"] == "unfamiliar":
        comparison = f"unfamiliar ({explained['unfamiliarity']:.2f}, the limit is 1), whatever its {comparison}"
    if explained["reason"] in ("rule", "hook"):
        comparison = f"by the {explained['reason']} {explained['rule']}, whatever the {comparison}"
    lines = [f"{explained['route']}: {comparison}  ({explained['artifact']}, {explained['tokens']} tokens)"]
    if explained["rule"] is not None and explained["reason"] not in ("rule", "hook"):
        lines.append(f"rule: {explained['rule']}")
    if explained["promise"] is not None:
        lines.append(f"promise: {explained['promise']}")
    lines += [f"  {value:+.3f}  {name}" for name, value in explained["contributions"].items()]
    return "\n".join(lines)
