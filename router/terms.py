"""The terms on which a request is decided: what the operator's rules and hook leave of the caller's wishes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import msgspec

from router.artifacts.in_use import InUse
from router.budgets import Pace
from router.calls import Call
from router.catalogue import Catalogue
from router.errors import RefusedByRule, SettingsError, UnknownModel
from router.ledger.prices import Prices
from router.needs import Needs
from router.policy import NO_PROMISE, NO_RULING, NOTHING_LACKS, RULED, Models, decide, only_route, pinned_route, under
from router.principals import Principal
from router.rules import Facts, Hook, Rules, load_hook
from router.rules.hook import overridden
from router.scoring.prompt import prompt_text
from router.scoring.scorer import Score
from router.settings import Settings
from router.sticky import InMemory, Memory, Stickiness
from router.types import Decision, Evidence, Route, Ruling, Shortfall, Tuning, WhenUnfamiliar


@dataclass(frozen=True, slots=True)
class Ways:
    """How the operator wants requests decided.

    Args:
        when_unfamiliar: where prompts unlike all training go.
        catalogue: what models can take.
        rules: what comes before the score.
        hook: the operator's own function; None where there is none.
        stickiness: keeps conversations where leaving does not pay; None where it is switched off.
        prices: what models cost.
    """

    when_unfamiliar: WhenUnfamiliar = "strong"
    catalogue: Catalogue = field(default_factory=Catalogue)
    rules: Rules = field(default_factory=Rules)
    hook: Hook | None = None
    stickiness: Stickiness | None = None
    prices: Prices = field(default_factory=Prices)


def ways_of(settings: Settings, memory: Memory | None = None) -> Ways:
    """The ways of a server.

    Args:
        settings: of the server.
        memory: of who answered which conversation, by the monotonic clock; None keeps it in this process.

    Raises:
        SettingsError: a rule or the hook cannot be used.
    """
    clock = time.monotonic
    prices = Prices(settings.prices)
    return Ways(
        when_unfamiliar=settings.unfamiliar,
        catalogue=Catalogue(settings.catalogue, embedded_context=settings.embedded_context),
        rules=Rules(settings.rules),
        hook=load_hook(settings.hook, required=settings.hook_required) if settings.hook else None,
        stickiness=Stickiness(memory or InMemory(clock), clock, prices) if settings.sticky else None,
        prices=prices,
    )


@dataclass(frozen=True, slots=True)
class Scored:
    """The text of a conversation that was scored, and its score."""

    text: str
    score: Score


@dataclass(frozen=True, slots=True)
class Terms:
    """All that is known of a request before its score; that too, where a hook had to see it.

    ``tuning`` and ``threshold`` are the caller's as far as the operator's ``ruling`` lets them stand. ``shortfalls``:
    what models lack for the request, by route. ``unpaced``: tuning and threshold as they would be without a pace; None
    where they are.
    """

    tuning: Tuning
    threshold: float
    promise: str | None
    ruling: Ruling
    shortfalls: Mapping[Route, Shortfall] = field(default_factory=dict)
    scored: Scored | None = None
    unpaced: tuple[Tuning, float] | None = None


def terms_of(call: Call, needs: Needs, in_use: InUse, ways: Ways, models: Models, pace: Pace | None = None) -> Terms:
    """The terms of a request; its shortfalls are not yet among them.

    The operator's rules and hook, the bounds of the key, and the pace of the budgets narrow what the caller may have.

    Raises:
        InvalidRequest: an unknown operating point.
        RefusedByRule: the operator turns it away.
        HookFailed: the operator's hook did.
        UnknownModel: a pin names a model that is not configured.
    """
    threshold = in_use.dial.threshold(call.tuning)
    if not ways.rules and ways.hook is None and pace is None and not _is_bounded(call.principal):
        return Terms(call.tuning, threshold, in_use.dial.promise(call.tuning), NO_RULING)
    facts = Facts(call, needs, models.names(call.tuning))
    ruling = ways.rules.ruling(facts)
    terms = _under(narrowed(ruling, call.principal, pace), call, in_use, threshold, models)
    if ways.hook is not None:
        scored = score_of(call, in_use)
        so_far = decision_on(terms, scored, call, in_use, ways, models, explain=False)
        ruling = overridden(ruling, ways.hook.ruling(facts, so_far))
        terms = _under(narrowed(ruling, call.principal, pace), call, in_use, threshold, models, scored)
    if pace is None:
        return terms
    return replace(terms, unpaced=under(call.tuning, threshold, narrowed(ruling, call.principal, None), models))


def narrowed(ruling: Ruling, principal: Principal, pace: Pace | None) -> Ruling:
    """A ruling under the bounds of the caller's key and the pace of its budgets, whichever leaves less.

    A pace never asks for more than the key's bounds allow. Where rules choose the route themselves, it stays.
    """
    if _is_bounded(principal):
        ruling = _raised(ruling, principal.min_threshold, "key")
        if principal.max_threshold < ruling.max_threshold:
            ruling = msgspec.structs.replace(ruling, max_threshold=principal.max_threshold, by="key")
    if pace is not None:
        ruling = _raised(ruling, min(pace.threshold, ruling.max_threshold), "paced")
    return ruling


def _raised(ruling: Ruling, floor: float, by: Literal["key", "paced"]) -> Ruling:
    if floor <= ruling.min_threshold:
        return ruling
    return msgspec.structs.replace(ruling, min_threshold=floor, by=by)


def _is_bounded(principal: Principal) -> bool:
    return principal.min_threshold > 0.0 or principal.max_threshold < 1.0


def admitted(call: Call, ways: Ways) -> Ruling:
    """The operator's ruling on a request that no route is chosen for: whether it may be asked is all that counts.

    Raises:
        RefusedByRule: it may not.
    """
    ruling = ways.rules.ruling(Facts(call, Needs(call.request, call.body))) if ways.rules else NO_RULING
    _require_admitted(ruling)
    return ruling


def score_of(call: Call, in_use: InUse) -> Scored:
    """The score of a request's conversation."""
    text = prompt_text(call.request.messages)
    return Scored(text, in_use.scorer.score(text))


def decision_on(
    terms: Terms,
    scored: Scored,
    call: Call,
    in_use: InUse,
    ways: Ways,
    models: Models,
    *,
    explain: bool,
    sticks: Callable[[], bool] = lambda: False,
) -> Decision:
    """Decide a request on its terms; see ``policy.decide`` for what is raised."""
    score = scored.score
    return decide(
        tuning=terms.tuning,
        threshold=terms.threshold,
        win_rate=score.win_rate,
        models=models,
        artifact=in_use.artifact,
        evidence=Evidence(
            score=score.score,
            tokens=score.tokens,
            unfamiliarity=score.unfamiliarity,
            tuned_by=terms.tuning.source,
            contributions=in_use.scorer.explain(scored.text) if explain else {},
        ),
        when_unfamiliar=ways.when_unfamiliar,
        ruling=terms.ruling,
        shortfalls=terms.shortfalls or NOTHING_LACKS,
        sticks=sticks,
    )


def require_known(ruling: Ruling, models: Models) -> None:
    """Refuse a rule that leads nowhere.

    Raises:
        SettingsError: naming the rule and the field.
    """
    if ruling.route is not None and models.on(ruling.route) is None:
        raise SettingsError(f"rules: '{ruling.name}': then.route: no {ruling.route} model is configured.")
    if (only := only_route(ruling)) is not None and models.on(only) is None:
        bound = "min_threshold" if only == "weak" else "max_threshold"
        raise SettingsError(f"rules: '{ruling.name}': then.{bound}: leaves {only} alone, and no {only} model is there.")
    if ruling.model is not None:
        try:
            known = pinned_route(models.read(Tuning(pinned_model=ruling.model)), models)
        except UnknownModel as error:
            raise SettingsError(f"rules: '{ruling.name}': then.model: {error.message}") from None
        if known is None:
            raise SettingsError(f"rules: '{ruling.name}': then.model: '{ruling.model}' stands for no one model.")


def _under(
    ruling: Ruling, call: Call, in_use: InUse, threshold: float, models: Models, scored: Scored | None = None
) -> Terms:
    _require_admitted(ruling)
    tuning, threshold = under(call.tuning, threshold, ruling, models)
    promise = in_use.dial.promise(call.tuning)
    if promise is not None and tuning.source == RULED:
        promise = NO_PROMISE
    return Terms(tuning, threshold, promise, ruling, scored=scored)


def _require_admitted(ruling: Ruling) -> None:
    if ruling.refuse is not None:
        raise RefusedByRule(ruling.refuse, rule=ruling.name or "")
