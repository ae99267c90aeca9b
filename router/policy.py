"""Win rate and request facts -> Decision. Pure: no clock, no I/O, no state."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from router.errors import ContextLengthExceeded, InvalidRequest, NoUpstream, UnknownModel, UnsupportedByModel
from router.scoring.curve import Curve, OperatingPoint, PromiseKind
from router.scoring.familiarity import UNFAMILIAR_ABOVE
from router.types import DUE_REASONS, Decision, Evidence, Reason, Route, Ruling, Shortfall, Tuning, WhenUnfamiliar

AUTO = "auto"
RULED = "rule"
"""The ``source`` of a tuning that the operator's rules put in the place of the caller's."""

BOTH_ROUTES: tuple[Route, ...] = ("weak", "strong")
NO_RULING = Ruling()
NOTHING_LACKS: Mapping[Route, Shortfall] = {}
DEFAULT_OPERATING_POINT = "balanced"

NO_PROMISE = "none"
"""What is said of a threshold that is an estimate."""

NEAR = 0.1 + 1e-9
"""A promise may give this much more quality than was asked for, or take this much less of the strong model."""


def _none(_: str) -> bool:
    return False


def _as_it_is(tuning: Tuning) -> Tuning:
    return tuning


def _not_known(_: str) -> str | None:
    return None


def _no_names(_: Tuning) -> frozenset[str]:
    return frozenset()


class Models(Struct, frozen=True):
    """The model ids behind the two routes; None where nothing is configured. ``named``: whether another is there.

    ``read``: gives a tuning with the alias in it, if there is one, as what it stands for. ``names``: all names of what
    a tuning pins. ``lacking``: says what a model needs to be there, where that is known.
    """

    weak: str | None
    strong: str | None
    named: Callable[[str], bool] = _none
    read: Callable[[Tuning], Tuning] = _as_it_is
    names: Callable[[Tuning], frozenset[str]] = _no_names
    lacking: Callable[[str], str | None] = _not_known

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
    ruling: Ruling = NO_RULING,
    shortfalls: Mapping[Route, Shortfall] = NOTHING_LACKS,
    sticks: Callable[[], bool] = lambda: False,
) -> Decision:
    """Choose the route for one request.

    The rule is RouteLLM's: strong when win rate >= threshold. A prompt that is unlike all training goes where
    ``when_unfamiliar`` says instead, unless the artifact cannot tell, or the threshold is 0 or 1, which mean always and
    never. A conversation that the strong model answered stays there where ``sticks`` says so. A pinned route or model
    overrides all of it. Where the chosen route has no model, or one that lacks what the request needs, a routed request
    goes to the other one and the reason says so; a pinned one is refused.

    Args:
        tuning: what the caller asked for, as the operator's rules left it.
        threshold: the threshold that it comes to, 0..1.
        win_rate: the estimate for this prompt, 0..1.
        models: what there is to choose from.
        artifact: what gave the win rate.
        evidence: what the decision rests on.
        when_unfamiliar: where prompts unlike all training go.
        ruling: what the operator's rules say; ``tuning`` and ``threshold`` heed it already.
        shortfalls: what models lack for this request, by route.
        sticks: asked only where the weak model is due and both may answer.

    Raises:
        UnknownModel: a pin names a model or a route that is not configured.
        NoUpstream: no model is configured at all.
        UnsupportedByModel, ContextLengthExceeded: no model that may answer can.
    """
    pinned = pinned_route(tuning, models)
    if pinned is not None:
        reason: Reason = ruling.by if tuning.source == RULED else "pinned"
        choice = _pinned(pinned, tuning.pinned_model, reason, models, shortfalls)
    else:
        due, why = _due(win_rate, threshold, evidence.unfamiliarity, when_unfamiliar)
        if tuning.source == RULED:
            why = ruling.by
        choice = guarded(*_available(due, why, models), models, shortfalls)
        if choice.reason in DUE_REASONS and choice.route == "weak" and "strong" in choice.eligible and sticks():
            choice = msgspec.structs.replace(choice, route="strong", reason="sticky")
    model = models.on(choice.route, tuning.pinned_model)
    if model is None:
        raise UnknownModel(_missing(choice.route), param="model")
    return Decision(
        route=choice.route,
        model=model,
        reason=choice.reason,
        win_rate=win_rate,
        threshold=threshold,
        artifact=artifact,
        evidence=msgspec.structs.replace(evidence, needs=choice.needs) if choice.needs else evidence,
        rule=ruling.name,
        eligible=choice.eligible,
    )


class Choice(Struct, frozen=True):
    """A route, why it, which may answer in its place, and what was lacking elsewhere, in words."""

    route: Route
    reason: Reason
    eligible: tuple[Route, ...]
    needs: str | None = None


def guarded(due: Route, why: Reason, models: Models, shortfalls: Mapping[Route, Shortfall]) -> Choice:
    """The route that is due, or the other one where its model lacks what the request needs.

    Where neither certainly takes it, one of which that is not certain may try.

    Raises:
        UnsupportedByModel, ContextLengthExceeded: neither can.
    """
    present: tuple[Route, ...] = tuple(route for route in BOTH_ROUTES if models.on(route) is not None)
    able = tuple(route for route in present if route not in shortfalls)
    if due in able:
        return Choice(due, why, able)
    lacks = shortfalls[due]
    needs = f"{lacks.what}: {_takes(due, models.on(due), lacks)}"
    able = able or tuple(route for route in present if not shortfalls[route].certain)
    if due in able:
        return Choice(due, why, able, needs)
    if able:
        return Choice(able[0], lacks.reason, able, needs)
    said = ", ".join(_takes(route, models.on(route), shortfalls[route]) for route in present)
    raise _refusal(lacks, f"no model here that may answer takes {lacks.what}: {said}.")


def _pinned(
    route: Route, name: str | None, reason: Reason, models: Models, shortfalls: Mapping[Route, Shortfall]
) -> Choice:
    lacks = shortfalls.get(route)
    if lacks is None:
        return Choice(route, reason, (route,))
    takes = _takes(route, models.on(route, name), lacks)
    if lacks.certain:
        raise _refusal(lacks, f"of {lacks.what} {takes}, and no other model may answer.")
    return Choice(route, reason, (route,), f"{lacks.what}: {takes}")


def _takes(route: Route, model: str | None, lacks: Shortfall) -> str:
    return f"{route} model {model} takes {lacks.takes}"


def _refusal(lacks: Shortfall, why: str) -> InvalidRequest:
    if lacks.reason == "context":
        message = f"'{lacks.field}': {why} Send less, or ask for a model with a larger window."
        return ContextLengthExceeded(message, param=lacks.field)
    remedy = "Leave it out, or ask for a model that takes it (GET /v1/models); [[catalogue]] corrects what is known."
    return UnsupportedByModel(f"'{lacks.field}': {why} {remedy}", param=lacks.field)


def under(tuning: Tuning, threshold: float, ruling: Ruling, models: Models) -> tuple[Tuning, float]:
    """The tuning and threshold that are left of a caller's under the operator's rules.

    A route or model of the rules' takes the place of whatever was asked for. Bounds hold for a pin to one of the two
    routes as well, which means always (0) or never (1): where they do not allow that, the bound decides instead. A
    model pinned by its id beside the two is not theirs to bound. A bound that leaves one route is a route of the
    rules': the other one does not stand in for it either, nor does a route of a later rule's.
    """
    only = only_route(ruling)
    if ruling.route is not None or ruling.model is not None:
        pinned_model = None if ruling.route is not None else ruling.model
        ruled = models.read(Tuning(pinned_route=ruling.route, pinned_model=pinned_model))
        if only is None or pinned_route(ruled, models) in (only, "named"):
            return msgspec.structs.replace(ruled, cache_only=tuning.cache_only, source=RULED), threshold
    if ruling.min_threshold <= 0.0 and ruling.max_threshold >= 1.0:
        return tuning, threshold
    pinned = pinned_route(tuning, models)
    if pinned not in (None, *BOTH_ROUTES):
        return tuning, threshold
    if only is not None:
        kept = tuning if pinned == only else Tuning(pinned_route=only, cache_only=tuning.cache_only, source=RULED)
        return kept, 1.0 if only == "weak" else 0.0
    asked = threshold if pinned is None else (0.0 if pinned == "strong" else 1.0)
    bounded = max(ruling.min_threshold, min(ruling.max_threshold, asked))
    if bounded == asked:
        return tuning, threshold
    return Tuning(cache_only=tuning.cache_only, source=RULED), bounded


def only_route(ruling: Ruling) -> Route | None:
    """The one route that the bounds of a ruling leave, if they leave but one."""
    if ruling.min_threshold >= 1.0:
        return "weak"
    return "strong" if ruling.max_threshold <= 0.0 else None


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
    why = models.lacking(tuning.pinned_model)
    here = f"here: {why}" if why else "here"
    message = (
        f"The model '{tuning.pinned_model[:100]}' does not exist {here}. Use {offered}, or another of GET /v1/models."
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
