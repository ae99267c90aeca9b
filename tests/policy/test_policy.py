"""Win rate and threshold make a decision; pins and missing models change it, and the reason says so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import InvalidRequest, NoUpstream, UnknownModel
from router.policy import Dial, Models, decide, kept_promise
from router.scoring.curve import Curve, CurvePoints, OperatingPoint, Promise, PromiseKind
from router.types import Decision, Evidence, Tuning, WhenUnfamiliar

BOTH = Models(weak="small", strong="large")
CURVE = Curve(CurvePoints(threshold=[0.2, 0.4, 0.6], strong_share=[0.8, 0.5, 0.2], quality=[0.95, 0.7, 0.3]))


def point(threshold: float, kind: PromiseKind | None = None, target: float = 0.0) -> OperatingPoint:
    promise = None if kind is None else Promise(kind=kind, target=target, confidence=0.95)
    return OperatingPoint(
        threshold=threshold, strong_share=0.5, quality=0.5, n=1500, promise=promise, date="2026-11-23" if kind else ""
    )


DIAL = Dial(curve=CURVE, operating_points={"cheap": point(0.6), "balanced": point(0.4)}, default=0.33)
PROMISING = Dial(
    curve=CURVE,
    operating_points={
        "balanced": point(0.4),
        "good": point(0.31, "quality", 0.8),
        "also-good": point(0.32, "quality", 0.85),
        "best": point(0.11, "quality", 0.95),
        "budget": point(0.51, "strong_share", 0.3),
        "tight": point(0.61, "strong_share", 0.1),
    },
    default=0.33,
)
fraction = st.floats(0, 1)


def decided(
    win_rate: float = 0.5,
    threshold: float = 0.5,
    models: Models = BOTH,
    *,
    unfamiliarity: float | None = None,
    when_unfamiliar: WhenUnfamiliar = "strong",
    **tuning: Any,
) -> Decision:
    return decide(
        tuning=Tuning(**tuning),
        threshold=threshold,
        win_rate=win_rate,
        models=models,
        artifact="test/1",
        evidence=Evidence(unfamiliarity=unfamiliarity),
        when_unfamiliar=when_unfamiliar,
    )


@given(fraction, fraction)
def test_strong_exactly_when_the_win_rate_reaches_the_threshold(win_rate: float, threshold: float) -> None:
    decision = decided(win_rate, threshold)
    assert decision.route == ("strong" if win_rate >= threshold else "weak")
    assert decision.model == ("large" if win_rate >= threshold else "small")
    assert decision.reason == "win-rate"


def test_a_strong_request_without_a_strong_model_goes_to_the_weak_one_and_says_so() -> None:
    decision = decided(0.9, 0.1, Models(weak="small", strong=None))
    assert (decision.route, decision.model, decision.reason) == ("weak", "small", "no-strong-model")


def test_a_weak_request_without_a_weak_model_goes_to_the_strong_one_and_says_so() -> None:
    decision = decided(0.1, 0.9, Models(weak=None, strong="large"))
    assert (decision.route, decision.model, decision.reason) == ("strong", "large", "no-weak-model")


def test_without_any_model_there_is_nobody_to_ask() -> None:
    with pytest.raises(NoUpstream, match="UNDERDOG_WEAK_URL"):
        decided(models=Models(weak=None, strong=None))


@pytest.mark.parametrize("pin", [{"pinned_route": "weak"}, {"pinned_model": "small"}])
def test_a_pin_overrides_the_win_rate(pin: dict[str, Any]) -> None:
    decision = decided(0.99, 0.01, **pin)
    assert (decision.route, decision.reason) == ("weak", "pinned")


def test_a_pin_on_a_route_without_a_model_is_refused_with_the_setting_to_set() -> None:
    with pytest.raises(UnknownModel, match="UNDERDOG_STRONG_URL"):
        decided(models=Models(weak="small", strong=None), pinned_route="strong")


def test_a_pin_on_an_unknown_model_lists_those_that_exist() -> None:
    with pytest.raises(UnknownModel, match="auto, small, large"):
        decided(pinned_model="medium")


def test_what_an_unknown_model_lacks_is_said_where_it_is_known() -> None:
    models = Models(weak="small", strong=None, lacking={"openai/o3": "OPENAI_API_KEY is not set"}.get)
    with pytest.raises(
        UnknownModel, match=r"'openai/o3' does not exist here: OPENAI_API_KEY is not set\. Use auto, small,"
    ):
        decided(models=models, pinned_model="openai/o3")
    with pytest.raises(UnknownModel, match=r"'medium' does not exist here\. Use"):
        decided(models=models, pinned_model="medium")


@pytest.mark.parametrize(
    ("tuning", "threshold"),
    [
        (Tuning(), 0.33),
        (Tuning(threshold=0.11), 0.11),
        (Tuning(operating_point="cheap"), 0.6),
        (Tuning(quality=0.7), 0.4),
        (Tuning(strong_share=0.2), 0.6),
        (Tuning(quality=1.0), 0.0),
        (Tuning(strong_share=1.0), 0.0),
        (Tuning(strong_share=0.0), 1.0),
    ],
)
def test_every_dial_becomes_a_threshold(tuning: Tuning, threshold: float) -> None:
    assert DIAL.threshold(tuning) == pytest.approx(threshold)


@given(fraction, fraction)
def test_more_quality_never_costs_less(low: float, high: float) -> None:
    low, high = sorted((low, high))
    assert DIAL.threshold(Tuning(quality=low)) >= DIAL.threshold(Tuning(quality=high))


def test_an_unknown_operating_point_lists_those_that_exist() -> None:
    with pytest.raises(InvalidRequest, match="auto:balanced, auto:cheap"):
        DIAL.threshold(Tuning(operating_point="extreme"))


@pytest.mark.parametrize(
    ("tuning", "threshold", "promise"),
    [
        (Tuning(quality=0.9), 0.11, "quality>=0.95; confidence=0.95; n=1500; date=2026-11-23"),
        (Tuning(quality=0.8), 0.31, "quality>=0.8; confidence=0.95; n=1500; date=2026-11-23"),
        (Tuning(quality=0.7), 0.31, "quality>=0.8; confidence=0.95; n=1500; date=2026-11-23"),
        (Tuning(strong_share=0.4), 0.51, "strong_share<=0.3; confidence=0.95; n=1500; date=2026-11-23"),
        (Tuning(quality=0.96), min(0.11, CURVE.threshold_for_quality(0.96)), "none"),
        (Tuning(quality=0.3), CURVE.threshold_for_quality(0.3), "none"),
        (Tuning(strong_share=0.9), CURVE.threshold_for_strong_share(0.9), "none"),
        (Tuning(strong_share=0.35), 0.51, "strong_share<=0.3; confidence=0.95; n=1500; date=2026-11-23"),
        (Tuning(strong_share=0.1), 0.61, "strong_share<=0.1; confidence=0.95; n=1500; date=2026-11-23"),
        (Tuning(strong_share=0.05), max(0.61, CURVE.threshold_for_strong_share(0.05)), "none"),
        (Tuning(operating_point="good"), 0.31, "quality>=0.8; confidence=0.95; n=1500; date=2026-11-23"),
        (Tuning(operating_point="balanced"), 0.4, "none"),
        (Tuning(threshold=0.11), 0.11, None),
        (Tuning(), 0.33, None),
        (Tuning(pinned_route="weak"), 0.33, None),
    ],
)
def test_a_stored_promise_that_covers_what_is_asked_decides_and_elsewhere_none_is_made(
    tuning: Tuning, threshold: float, promise: str | None
) -> None:
    assert PROMISING.threshold(tuning) == pytest.approx(threshold)
    assert PROMISING.promise(tuning) == promise


@pytest.mark.parametrize(
    ("tuning", "threshold"),
    [
        (Tuning(quality=0.0), 1.0),
        (Tuning(quality=1.0), 0.0),
        (Tuning(strong_share=0.0), 1.0),
        (Tuning(strong_share=1.0), 0.0),
    ],
)
def test_the_ends_of_a_dial_stay_what_they_are_whatever_is_promised(tuning: Tuning, threshold: float) -> None:
    assert PROMISING.threshold(tuning) == threshold


@given(fraction, fraction)
def test_whoever_asks_for_more_never_gets_less(first: float, second: float) -> None:
    in_order = {name: found for name, found in PROMISING.operating_points.items() if name != "also-good"}
    dial = Dial(curve=CURVE, operating_points=in_order, default=0.33)
    less, more = sorted((first, second))
    assert dial.threshold(Tuning(quality=more)) <= dial.threshold(Tuning(quality=less))
    assert dial.threshold(Tuning(strong_share=more)) <= dial.threshold(Tuning(strong_share=less))


def test_of_two_promises_as_near_the_surer_one_decides() -> None:
    sure = Promise(kind="quality", target=0.8, confidence=0.99)
    points = {"balanced": point(0.4), "good": point(0.31, "quality", 0.8)}
    points["sure"] = OperatingPoint(threshold=0.2, strong_share=0.5, quality=0.5, n=9, promise=sure, date="2026-11-23")
    dial = Dial(curve=CURVE, operating_points=points, default=0.33)
    assert dial.threshold(Tuning(quality=0.8)) == 0.2


def test_promises_made_with_another_way_for_unfamiliar_prompts_do_not_hold() -> None:
    points = {"balanced": point(0.4), "good": point(0.31, "quality", 0.8)}
    elsewhere = Dial(curve=CURVE, operating_points=points, default=0.33, when_unfamiliar="weak")
    assert elsewhere.promise(Tuning(quality=0.8)) == "none"
    assert elsewhere.threshold(Tuning(quality=0.8)) == CURVE.threshold_for_quality(0.8)
    assert elsewhere.promise(Tuning(operating_point="good")) == "none"
    assert elsewhere.threshold(Tuning(operating_point="good")) == 0.31


def test_a_promise_speaks_of_requests_that_were_neither_pinned_nor_sent_where_they_could_go() -> None:
    assert kept_promise("quality>=0.8; ...", "unfamiliar") == "quality>=0.8; ..."
    assert kept_promise("quality>=0.8; ...", "win-rate") == "quality>=0.8; ..."
    assert kept_promise("quality>=0.8; ...", "no-strong-model") == "none"
    assert kept_promise(None, "no-strong-model") is None


@pytest.mark.parametrize("win_rate", [0.1, 0.9])
@pytest.mark.parametrize("where", ["strong", "weak"])
def test_an_unfamiliar_prompt_goes_where_the_operator_says_whatever_its_win_rate(
    win_rate: float, where: WhenUnfamiliar
) -> None:
    decision = decided(win_rate, unfamiliarity=1.01, when_unfamiliar=where)
    assert (decision.route, decision.reason) == (where, "unfamiliar")


def test_the_operator_may_have_unfamiliar_prompts_routed_by_the_win_rate() -> None:
    decision = decided(0.1, unfamiliarity=3.0, when_unfamiliar="win-rate")
    assert (decision.route, decision.reason) == ("weak", "win-rate")


@pytest.mark.parametrize("unfamiliarity", [None, 0.7, 1.0])
def test_a_prompt_within_the_limit_or_of_an_artifact_that_cannot_tell_is_routed_by_the_win_rate(
    unfamiliarity: float | None,
) -> None:
    assert decided(0.1, unfamiliarity=unfamiliarity).reason == "win-rate"


@pytest.mark.parametrize(("threshold", "route"), [(0.0, "strong"), (1.0, "weak")])
@pytest.mark.parametrize("where", ["strong", "weak"])
def test_a_threshold_of_0_or_1_means_always_or_never_for_unfamiliar_prompts_too(
    threshold: float, route: str, where: WhenUnfamiliar
) -> None:
    decision = decided(0.5, threshold, unfamiliarity=2.0, when_unfamiliar=where)
    assert (decision.route, decision.reason) == (route, "win-rate")


def test_a_pin_is_never_overridden_by_unfamiliarity() -> None:
    decision = decided(unfamiliarity=2.0, pinned_route="weak")
    assert (decision.route, decision.reason) == ("weak", "pinned")


def test_an_unfamiliar_prompt_without_the_model_it_is_due_goes_to_the_other_one() -> None:
    without_strong = decided(unfamiliarity=2.0, models=Models(weak="small", strong=None))
    assert (without_strong.route, without_strong.reason) == ("weak", "no-strong-model")
    without_weak = decided(unfamiliarity=2.0, when_unfamiliar="weak", models=Models(weak=None, strong="large"))
    assert (without_weak.route, without_weak.reason) == ("strong", "no-weak-model")
