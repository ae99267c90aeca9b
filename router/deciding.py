"""From a request to its decision: its terms, its score, the policy, a preview of its cost."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
from numpy.typing import NDArray

from router.admission import expected_usage
from router.allowed import may_have, require_allowed
from router.artifacts.in_use import InUse
from router.budgets import Pace
from router.calls import Call
from router.catalogue import Abilities, narrowest
from router.ledger.prices import ModelRef
from router.needs import Needs, shortfall, unspoken
from router.policy import BOTH_ROUTES, NO_PROMISE, RULED, Models, kept_promise, pinned_route
from router.scoring.prompt import bound
from router.scoring.scorer import Scorer
from router.sticky import Stickiness, Trail, trail
from router.terms import Scored, Terms, Ways, admitted, decision_on, require_known, score_of, terms_of
from router.types import Cost, Decision, Evidence, Reason, Route, Shortfall, Tuning, Usage
from router.upstream.base import Upstream
from router.upstream.build import Upstreams
from router.upstream.pool import models_of

STICKY_HEADER = "x-router-sticky"
"""``off`` in it lets a request leave the model that answered its conversation so far."""


MOST_PACED = 1.0 - 1e-9
"""The highest threshold that leaves the strong model in question."""


class PacedBy(msgspec.Struct, frozen=True):
    """Whose budget it is, as ``team:search``, and the least threshold at which it lasts."""

    scope: str
    threshold: float


class RoutePreview(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen to a request, without asking anybody. Costs are estimates in US dollars; None where unknown.

    ``promise``: what is promised of the threshold, ``none`` where it is an estimate, None where neither was asked for.
    ``rule``: the operator's rules that were applied. ``eligible``: the routes that may answer. ``paced_by``: whose
    budget asks for what least threshold; None where money lasts anyway.
    """

    route: Route
    model: str
    reason: Reason
    win_rate: float | None
    threshold: float | None
    artifact: str
    cost_usd: float | None
    baseline_cost_usd: float | None
    evidence: Evidence
    promise: str | None
    rule: str | None = None
    eligible: tuple[Route, ...] = BOTH_ROUTES
    paced_by: PacedBy | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """What a decision read: the text and its score. As a function an encoder that need not encode that text again."""

    scored: Scored
    scorer: Scorer

    def __call__(self, asked: str) -> NDArray[np.float32]:
        """The embedding of a text, float32 [dim]."""
        return self.scored.score.embedding if bound(asked) == self.scored.text else self.scorer.encode(asked)


class Decider:
    """Decides where requests go. Asks nobody.

    Args:
        upstreams: what there is to choose from.
        ways: how the operator wants requests decided.
        strict: whether rules are refused that lead nowhere.

    Raises:
        SettingsError: a rule names a model or a route that is not configured.
    """

    def __init__(self, *, upstreams: Upstreams, ways: Ways, strict: bool = True) -> None:
        self._upstreams = upstreams
        self._ways = ways
        for ruling in ways.rules.rulings if strict else ():
            require_known(ruling, self.models)

    @property
    def models(self) -> Models:
        """The model ids behind the routes, as far as they are known."""
        weak, strong = self._upstreams.weak, self._upstreams.strong
        return Models(
            weak=weak.model if weak else None,
            strong=strong.model if strong else None,
            named=lambda name: self._upstreams.named.find(name) is not None,
            read=self._upstreams.read,
            lacking=self._upstreams.named.lacking,
            names=self._upstreams.names,
        )

    @property
    def routes(self) -> bool:
        """Whether there are two models to choose between."""
        return self._upstreams.weak is not None and self._upstreams.strong is not None

    @property
    def baseline(self) -> ModelRef | None:
        """The strong model, by whose price savings are told; None where there is none."""
        return _reference(self._upstreams.strong)

    def admit(self, call: Call) -> str | None:
        """The name of the rule that a request for embeddings falls under, which no route is chosen for.

        Raises:
            RefusedByRule: the rule turns it away.
        """
        return admitted(call, self._ways).name

    def terms(self, call: Call, in_use: InUse, pace: Pace | None = None) -> Terms:
        """The terms of a request: what the operator leaves of its wishes, and what models lack for it.

        Args:
            call: the request.
            in_use: the artifact that decides.
            pace: the least threshold at which the budgets last that it counts against.

        Raises:
            ModelNotAllowed: the key may not ask for the model.
            ApiError: as ``router.terms.terms_of``.
        """
        require_allowed(call, self._upstreams)
        needs = Needs(call.request, call.body)
        terms = terms_of(call, needs, in_use, self._ways, self.models, pace)
        promise = NO_PROMISE if terms.promise is not None and not self.routes else terms.promise
        shortfalls = self._shortfalls(call, needs, terms.tuning)
        if pace is not None and pace.threshold > MOST_PACED and "weak" in shortfalls:
            # Nobody but the strong model takes it: whether there is money for that is seen when it is asked.
            return self.terms(call, in_use, msgspec.structs.replace(pace, threshold=MOST_PACED))
        return dataclasses.replace(terms, promise=promise, shortfalls=shortfalls)

    def decide(self, call: Call, in_use: InUse, terms: Terms, *, explain: bool = False) -> tuple[Decision, Reading]:
        """The decision, and what it read.

        Raises:
            UnknownModel: a pin names a model or a route that is not configured.
            NoUpstream: no model is configured at all.
            UnsupportedByModel, ContextLengthExceeded: no model that may answer takes the request.
        """
        scored = terms.scored or score_of(call, in_use)
        decision = decision_on(
            terms,
            scored,
            call,
            in_use,
            self._ways,
            self.models,
            explain=explain,
            sticks=lambda: self._sticks(call, in_use, terms, scored),
        )
        return decision, Reading(scored, in_use.scorer)

    def cache_policy(self, in_use: InUse, terms: Terms) -> str:
        """Whatever outside a request's body decides which model answers it: part of its cache key.

        Stickiness is not: a kept answer costs less than staying or leaving, and where the strong model is due for it,
        no weak one's is taken for a reworded question.
        """
        unfamiliar = self._ways.when_unfamiliar
        # A pace moves all the time: what it decided is told from the rest by the answer's own reason.
        tuning, threshold = terms.unpaced or (terms.tuning, terms.threshold)
        pinned = pinned_route(tuning, self.models)
        rule = f"pin={pinned}" if pinned else f"threshold={threshold:.6f}|unfamiliar={unfamiliar}"
        if pinned == "named":
            rule += f"|{_named(self._upstreams.named.find(tuning.pinned_model or ''))}"
        if terms.shortfalls:
            rule += "".join(f"|not={route}" for route in sorted(terms.shortfalls))
        # The artifact belongs to it even under a pin: vectors of two encoders must never be compared.
        return f"{in_use.digest}|{rule}|{_named(self._upstreams.weak)}|{_named(self._upstreams.strong)}"

    def preview(self, call: Call, in_use: InUse, pace: Pace | None = None) -> RoutePreview:
        """The decision for a request, and what it would cost."""
        terms = self.terms(call, in_use, pace)
        decision, _ = self.decide(call, in_use, terms, explain=True)
        expected = self.expected_cost(call, decision.route, decision.model)
        return RoutePreview(
            route=decision.route,
            model=decision.model,
            reason=decision.reason,
            win_rate=decision.win_rate,
            threshold=decision.threshold,
            artifact=decision.artifact,
            cost_usd=None if expected.usd is None else float(expected.usd),
            baseline_cost_usd=None if expected.baseline_usd is None else float(expected.baseline_usd),
            evidence=decision.evidence,
            promise=kept_promise(terms.promise, decision.reason),
            rule=decision.rule,
            eligible=decision.eligible,
            paced_by=None if pace is None else PacedBy(pace.scope, pace.threshold),
        )

    def remember(self, call: Call) -> Remember | None:
        """What keeps in mind who answered a request, for the conversation's next turn; None where nobody asks."""
        stickiness = self._ways.stickiness
        if stickiness is None or not self.routes:
            return None
        return Remember(stickiness, _trail(call))

    def abilities(self, upstream: Upstream) -> Abilities:
        """What an upstream surely takes: of deployments of several models, what all of them do."""
        return narrowest([self._ways.catalogue.of(*model) for model in models_of(upstream)])

    def may_answer(self, call: Call, decision: Decision, route: Route, upstream: Upstream) -> bool:
        """Whether an upstream may answer a request in the place of who was decided for, since that one failed.

        Of the two routes those that the decision calls eligible. Another model may where no pin, rule or hook chose,
        where the key may ask for it, and where it takes what the request needs.
        """
        if route != "named":
            return route in decision.eligible
        if decision.reason in ("pinned", "rule", "hook") or not may_have(call.principal, upstream, self._upstreams):
            return False
        lacks = self._lacks(call, Needs(call.request, call.body), upstream)
        return lacks is None or not lacks.certain

    def _lacks(self, call: Call, needs: Needs, upstream: Upstream) -> Shortfall | None:
        return unspoken(call.native, upstream.dialect) or shortfall(needs, self.abilities(upstream))

    def _shortfalls(self, call: Call, needs: Needs, tuning: Tuning) -> dict[Route, Shortfall]:
        upstreams: dict[Route, Upstream | None] = {"weak": self._upstreams.weak, "strong": self._upstreams.strong}
        if pinned_route(tuning, self.models) == "named":
            upstreams["named"] = self._upstreams.named.find(tuning.pinned_model or "")
        found = {
            route: self._lacks(call, needs, upstream) for route, upstream in upstreams.items() if upstream is not None
        }
        return {route: lacks for route, lacks in found.items() if lacks is not None}

    def _sticks(self, call: Call, in_use: InUse, terms: Terms, scored: Scored) -> bool:
        """Whether a request for which the weak model is due stays on the strong one.

        A wish of the caller's for this one request, and any rule that had a say in it, come first.
        """
        stickiness, weak, strong = self._ways.stickiness, self._upstreams.weak, self._upstreams.strong
        if stickiness is None or weak is None or strong is None or not _may_stick(call, terms):
            return False
        curve = in_use.scorer.curve
        return stickiness.stays(
            _trail(call),
            call.request.messages,
            weak=ModelRef(weak.provider, weak.model),
            strong=ModelRef(strong.provider, strong.model),
            between=lambda: curve.strong_share_at(scored.score.win_rate) - curve.strong_share_at(terms.threshold),
        )

    def expected_cost(self, call: Call, route: Route, model: str) -> Cost:
        """What a request is expected to cost if this model answers it."""
        answering = _reference(self._upstreams.answering(route, model))
        return self._ways.prices.cost(expected_usage(call), answering, self.baseline)


class Remember:
    """Keeps in mind, once a request is settled, who answered it."""

    def __init__(self, stickiness: Stickiness, way: Trail) -> None:
        self._stickiness = stickiness
        self._way = way

    def __call__(self, decision: Decision, usage: Usage | None) -> None:
        """The request was answered by this decision's route."""
        self._stickiness.answered(self._way, route=decision.route, model=decision.model, usage=usage)


def _may_stick(call: Call, terms: Terms) -> bool:
    asked = terms.tuning
    dialled = asked.threshold is not None or asked.quality is not None or asked.strong_share is not None
    wanted = call.headers.get(STICKY_HEADER, "").strip().lower() != "off"
    return wanted and not dialled and asked.source != RULED and 0.0 < terms.threshold < 1.0


def _trail(call: Call) -> Trail:
    return trail(call.principal.tenant, call.request.messages)


def _named(upstream: Upstream | None) -> str:
    """What tells a model from another one of the same name, also over a restart with other settings."""
    return "" if upstream is None else f"{upstream.provider}/{upstream.model}@{upstream.address}"


def _reference(upstream: Upstream | None) -> ModelRef | None:
    return None if upstream is None else ModelRef(upstream.provider, upstream.model)
