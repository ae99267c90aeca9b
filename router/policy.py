"""Win rate and request facts -> Decision. Pure: no clock, no I/O, no state."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from router.errors import InvalidRequest, NoUpstream, UnknownModel
from router.scoring.curve import Curve
from router.scoring.familiarity import UNFAMILIAR_ABOVE
from router.types import Decision, Evidence, Reason, Route, Tuning, WhenUnfamiliar

AUTO = "auto"
DEFAULT_OPERATING_POINT = "balanced"


class Models(Struct, frozen=True):
    """The model ids behind the two routes. None where nothing is configured."""

    weak: str | None
    strong: str | None

    def on(self, route: Route) -> str | None:
        """The model id on a route."""
        return self.weak if route == "weak" else self.strong


class Dial(Struct, frozen=True, kw_only=True):
    """What turns a caller's wish into a threshold.

    ``operating_points`` maps names to thresholds, ``default`` is the server's own threshold, ``curve`` is the
    artifact's measured cost-quality curve.
    """

    curve: Curve
    operating_points: Mapping[str, float]
    default: float

    def threshold(self, tuning: Tuning) -> float:
        """The threshold that a tuning asks for, 0..1."""
        if tuning.threshold is not None:
            return tuning.threshold
        if tuning.quality is not None:
            return self.curve.threshold_for_quality(tuning.quality)
        if tuning.strong_share is not None:
            return self.curve.threshold_for_strong_share(tuning.strong_share)
        if tuning.operating_point is not None:
            return self._operating_point(tuning.operating_point)
        return self.default

    def _operating_point(self, name: str) -> float:
        try:
            return self.operating_points[name]
        except KeyError:
            known = ", ".join(f"auto:{point}" for point in sorted(self.operating_points))
            raise InvalidRequest(
                f"Unknown operating point 'auto:{name[:100]}'. Known: {known}.", param="model"
            ) from None


def decide(
    *,
    tuning: Tuning,
    threshold: float,
    win_rate: float,
    models: Models,
    artifact: str,
    evidence: Evidence,
    when_unfamiliar: WhenUnfamiliar = "strong",
) -> Decision:
    """Choose the route for one request.

    The rule is RouteLLM's: strong when win rate >= threshold. A prompt that is unlike all training goes where
    ``when_unfamiliar`` says instead, unless the artifact cannot tell, or the threshold is 0 or 1, which mean always and
    never. A pinned route or model overrides both. Where the chosen route has no model, a routed request goes to the
    other one and the reason says so; a pinned one is refused.

    Raises:
        UnknownModel: a pin names a model or a route that is not configured.
        NoUpstream: no model is configured at all.
    """
    pinned = pinned_route(tuning, models)
    if pinned is not None:
        route, reason = pinned, _PINNED
    else:
        due, why = _due(win_rate, threshold, evidence.unfamiliarity, when_unfamiliar)
        route, reason = _available(due, why, models)
    model = models.on(route)
    if model is None:
        raise UnknownModel(_missing(route), param="model")
    return Decision(
        route=route,
        model=model,
        reason=reason,
        win_rate=win_rate,
        threshold=threshold,
        artifact=artifact,
        evidence=evidence,
    )


_PINNED: Reason = "pinned"


def pinned_route(tuning: Tuning, models: Models) -> Route | None:
    """The route that the caller's pin leads to, or None where the win rate decides."""
    if tuning.pinned_route is not None:
        return tuning.pinned_route
    if tuning.pinned_model is None:
        return None
    if tuning.pinned_model == models.weak:
        return "weak"
    if tuning.pinned_model == models.strong:
        return "strong"
    offered = ", ".join(dict.fromkeys(name for name in (AUTO, models.weak, models.strong) if name))
    message = (
        f"The model '{tuning.pinned_model[:100]}' does not exist here. Use {offered}, or another of GET /v1/models."
    )
    raise UnknownModel(message, param="model")


def _due(
    win_rate: float, threshold: float, unfamiliarity: float | None, when_unfamiliar: WhenUnfamiliar
) -> tuple[Route, Reason]:
    unfamiliar = unfamiliarity is not None and unfamiliarity > UNFAMILIAR_ABOVE
    if unfamiliar and when_unfamiliar != "win-rate" and 0.0 < threshold < 1.0:
        return when_unfamiliar, "unfamiliar"
    return ("strong" if win_rate >= threshold else "weak"), "win-rate"


def _available(due: Route, why: Reason, models: Models) -> tuple[Route, Reason]:
    if models.weak is None and models.strong is None:
        raise NoUpstream("No model is configured. Set UNDERDOG_WEAK_URL or UNDERDOG_STRONG_URL.")
    if models.on(due) is not None:
        return due, why
    return ("weak", "no-strong-model") if due == "strong" else ("strong", "no-weak-model")


def _missing(route: Route) -> str:
    remedy = f"Set UNDERDOG_{route.upper()}_URL and UNDERDOG_{route.upper()}_MODEL"
    return f"No {route} model is configured. {remedy}{', or a provider key' if route == 'strong' else ''}."
