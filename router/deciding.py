"""From a request to its decision: its score, the policy, a preview of its cost."""

from __future__ import annotations

import msgspec

from router.artifacts.in_use import InUse
from router.cache import Embed
from router.calls import Call
from router.ledger.prices import ModelRef, cost
from router.ledger.tokens import estimate_usage
from router.policy import NO_PROMISE, Models, decide, kept_promise, pinned_route
from router.scoring.prompt import bound, prompt_text
from router.types import Cost, Decision, Evidence, Reason, Route, Tuning, Usage, WhenUnfamiliar
from router.upstream.base import Upstream
from router.upstream.build import Upstreams

EXPECTED_COMPLETION_TOKENS = 264
"""Answer length that a preview assumes: the mean that RouteLLM's paper (arXiv 2406.18665) takes for its costs."""


class RoutePreview(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen to a request, without asking anybody. Costs are estimates in US dollars; None where unknown.

    ``promise``: what is promised of the threshold, ``none`` where it is an estimate, None where neither was asked for.
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


class Decider:
    """Decides where requests go. Asks nobody.

    Args:
        upstreams: what there is to choose from.
        when_unfamiliar: where prompts unlike all training go.
    """

    def __init__(self, *, upstreams: Upstreams, when_unfamiliar: WhenUnfamiliar) -> None:
        self._upstreams = upstreams
        self._when_unfamiliar: WhenUnfamiliar = when_unfamiliar

    @property
    def models(self) -> Models:
        """The model ids behind the routes, as far as they are known."""
        weak, strong = self._upstreams.weak, self._upstreams.strong
        return Models(
            weak=weak.model if weak else None,
            strong=strong.model if strong else None,
            named=lambda name: self._upstreams.named.find(name) is not None,
        )

    @property
    def routes(self) -> bool:
        """Whether there are two models to choose between."""
        return self._upstreams.weak is not None and self._upstreams.strong is not None

    @property
    def baseline(self) -> ModelRef | None:
        """The strong model, by whose price savings are told; None where there is none."""
        return _reference(self._upstreams.strong)

    def promise(self, in_use: InUse, tuning: Tuning) -> str | None:
        """What is promised of a request's threshold; see ``Dial.promise``. Nothing where there is no choice."""
        promise = in_use.dial.promise(tuning)
        return NO_PROMISE if promise is not None and not self.routes else promise

    def decide(self, call: Call, in_use: InUse, threshold: float, *, explain: bool = False) -> tuple[Decision, Embed]:
        """The decision, and an encoder that need not encode the scored text again.

        Raises:
            UnknownModel: a pin names a model or a route that is not configured.
            NoUpstream: no model is configured at all.
        """
        scorer = in_use.scorer
        text = prompt_text(call.request.messages)
        score = scorer.score(text)
        evidence = Evidence(
            score=score.score,
            tokens=score.tokens,
            unfamiliarity=score.unfamiliarity,
            tuned_by=call.tuning.source,
            contributions=scorer.explain(text) if explain else {},
        )
        decision = decide(
            tuning=call.tuning,
            threshold=threshold,
            win_rate=score.win_rate,
            models=self.models,
            artifact=in_use.artifact,
            evidence=evidence,
            when_unfamiliar=self._when_unfamiliar,
        )
        return decision, lambda asked: score.embedding if bound(asked) == text else scorer.encode(asked)

    def cache_policy(self, call: Call, in_use: InUse, threshold: float) -> str:
        """Whatever outside a request's body decides which model answers it: part of its cache key."""
        pinned = pinned_route(call.tuning, self.models)
        rule = f"pin={pinned}" if pinned else f"threshold={threshold:.6f}|unfamiliar={self._when_unfamiliar}"
        if pinned == "named":
            rule += f"|{_named(self._upstreams.named.find(call.tuning.pinned_model or ''))}"
        # The artifact belongs to it even under a pin: vectors of two encoders must never be compared.
        return f"{in_use.digest}|{rule}|{_named(self._upstreams.weak)}|{_named(self._upstreams.strong)}"

    def preview(self, call: Call, in_use: InUse) -> RoutePreview:
        """The decision for a request, and what it would cost."""
        decision, _ = self.decide(call, in_use, in_use.dial.threshold(call.tuning), explain=True)
        expected = self._expected_cost(call, decision)
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
            promise=kept_promise(self.promise(in_use, call.tuning), decision.reason),
        )

    def _expected_cost(self, call: Call, decision: Decision) -> Cost:
        limits = (call.request.max_completion_tokens, call.request.max_tokens, EXPECTED_COMPLETION_TOKENS)
        prompt_tokens = estimate_usage(call.request, "").prompt_tokens
        # Some servers read a negative limit as none.
        completion_tokens = min(limit for limit in limits if limit is not None and limit >= 0)
        usage = Usage(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, estimated=True)
        return cost(usage, _reference(self._upstreams.answering(decision.route, decision.model)), self.baseline)


def _named(upstream: Upstream | None) -> str:
    """What tells a model from another one of the same name, also over a restart with other settings."""
    return "" if upstream is None else f"{upstream.provider}/{upstream.model}@{upstream.address}"


def _reference(upstream: Upstream | None) -> ModelRef | None:
    return None if upstream is None else ModelRef(upstream.provider, upstream.model)
