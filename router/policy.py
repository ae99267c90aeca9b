"""Win rate and request facts -> Decision. Pure: no clock, no I/O, no state."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from router.errors import InvalidRequest, NoUpstream, UnknownModel
from router.scoring.curve import Curve, OperatingPoint, PromiseKind
from router.scoring.familiarity import UNFAMILIAR_ABOVE
from router.types import DUE_REASONS, Decision, Evidence, Reason, Route, Tuning, WhenUnfamiliar

AUTO = "auto"
DEFAULT_OPERATING_POINT = "balanced"

NO_PROMISE = "none"
"""What is said of a threshold that is an estimate."""

NEAR = 0.1 + 1e-9
"""A promise may give this much more quality than was asked for, or take this much less of the strong model."""


def _none(_: str) -> bool:
    return False


class Models(Struct, frozen=True):
    """The model ids behind the two routes; None where nothing is configured. ``named``: whether another is there."""

    weak: str | None
    strong: str | None
    named: Callable[[str], bool] = _none

    def on(self, route: Route, pinned: str | None = None) -> str | None:
        """The model id on a route. The third route has the one that the caller pinned."""
        return {"weak": self.weak, "strong": self.strong, "named": pinned}[route]


class Dial:
    """What turns a caller's wish into a threshold, and says what is promised of it.

    A quality or share that is asked for is a bound. Where a stored point promises at least that and not much more
    (``NEAR``), it decides: of several the one whose target is nearest, then the surest. Elsewhere the artifact's curve
    gives an estimate, which is never bolder than what was promised for less. The ends, 0 and 1, need neither.

    Args:
        curve: the artifact's measured cost-quality curve.
        operating_points: the artifact's stored points, by name.
        default: the server's own threshold, 0..1.
        when_unfamiliar: where the server sends prompts unlike all training: promises made otherwise do not hold here.
    """

    def __init__(
        self,
        *,
        curve: Curve,
        operating_points: Mapping[str, OperatingPoint],
        default: float,
        when_unfamiliar: WhenUnfamiliar = "strong",
    ) -> None:
        self.curve = curve
        self.operating_points = operating_points
        self.default = default
        held = {
            name: point
            for name, point in operating_points.items()
            if point.promise is not None and point.promise.unfamiliar == when_unfamiliar
        }
        self._promises = {name: point.promised for name, point in held.items()}
        self._qualities = _nearest_first(held, "quality")
        self._shares = _nearest_first(held, "strong_share")[::-1]

    @classmethod
    def for_server(
        cls,
        *,
        curve: Curve,
        operating_points: Mapping[str, OperatingPoint],
        threshold: float | None,
        when_unfamiliar: WhenUnfamiliar,
    ) -> Dial:
        """The dial of a server: its own threshold where it has one, else the artifact's balanced point."""
        default = operating_points[DEFAULT_OPERATING_POINT].threshold if threshold is None else threshold
        return cls(curve=curve, operating_points=operating_points, default=default, when_unfamiliar=when_unfamiliar)

    def threshold(self, tuning: Tuning) -> float:
        """The threshold that a tuning asks for, 0..1."""
        if tuning.threshold is not None:
            return tuning.threshold
        point = self._point(tuning)
        if point is not None:
            return point.threshold
        if tuning.quality is not None:
            return self._estimate_for_quality(tuning.quality)
        if tuning.strong_share is not None:
            return self._estimate_for_share(tuning.strong_share)
        return self.default

    def promise(self, tuning: Tuning) -> str | None:
        """What is promised of that threshold, or ``none``; None where no quality, share or named point is asked for."""
        if tuning.quality is None and tuning.strong_share is None and tuning.operating_point is None:
            return None
        if tuning.operating_point is not None:
            return self.promise_of(tuning.operating_point) or NO_PROMISE
        point = self._point(tuning)
        return NO_PROMISE if point is None or point.promised is None else point.promised

    def promise_of(self, name: str) -> str | None:
        """What is promised of a stored point here; None where nothing is."""
        return self._promises.get(name)

    def _point(self, tuning: Tuning) -> OperatingPoint | None:
        """The stored point that a tuning leads to, if one does."""
        if tuning.quality is not None:
            wanted = tuning.quality
            return _first(self._qualities, lambda target: 0.0 < wanted <= target <= wanted + NEAR)
        if tuning.strong_share is not None:
            asked = tuning.strong_share
            return _first(self._shares, lambda target: asked - NEAR <= target <= asked < 1.0)
        return None if tuning.operating_point is None else self._operating_point(tuning.operating_point)

    def _estimate_for_quality(self, wanted: float) -> float:
        """The curve's threshold, or a safer one that less was promised at."""
        promised = [point.threshold for target, point in self._qualities if 0.0 < target <= wanted]
        return min([self.curve.threshold_for_quality(wanted), *promised])

    def _estimate_for_share(self, asked: float) -> float:
        """The curve's threshold, or a thriftier one that more was promised at."""
        promised = [point.threshold for target, point in self._shares if asked <= target < 1.0]
        return max([self.curve.threshold_for_strong_share(asked), *promised])

    def _operating_point(self, name: str) -> OperatingPoint:
        try:
            return self.operating_points[name]
        except KeyError:
            known = ", ".join(f"auto:{point}" for point in sorted(self.operating_points))
            raise InvalidRequest(
                f"Unknown operating point 'auto:{name[:100]}'. Known: {known}.", param="model"
            ) from None


_Promised = tuple[tuple[float, OperatingPoint], ...]


def _nearest_first(points: Mapping[str, OperatingPoint], kind: PromiseKind) -> _Promised:
    """Promised targets with their points, lowest target first; of equal ones the surest stands at the side of less."""
    promised = [(point.promise, point) for point in points.values() if point.promise and point.promise.kind == kind]
    sign = -1.0 if kind == "quality" else 1.0
    promised.sort(key=lambda item: (item[0].target, sign * item[0].confidence))
    return tuple((promise.target, point) for promise, point in promised)


def _first(promised: _Promised, covers: Callable[[float], bool]) -> OperatingPoint | None:
    return next((point for target, point in promised if covers(target)), None)


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
    model = models.on(route, tuning.pinned_model)
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


def kept_promise(promise: str | None, reason: str) -> str | None:
    """A promise as far as it speaks of a request: not where it was pinned, or went where it could."""
    return promise if promise is None or reason in DUE_REASONS else NO_PROMISE


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
    if models.named(tuning.pinned_model):
        return "named"
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
