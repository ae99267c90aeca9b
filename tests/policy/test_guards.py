"""No combination of needs, abilities, pins, rules and thresholds reaches a model that lacks what is needed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import ApiError, ContextLengthExceeded, InvalidRequest, UnknownModel, UnsupportedByModel
from router.policy import Models, decide, kept_promise, under
from router.types import Decision, Evidence, Reason, Route, Ruling, Shortfall, Tuning

BOTH = Models(weak="small", strong="large")
NO_IMAGES = Shortfall(reason="capability", field="messages[0].content", what="images", takes="none")
TOO_LONG = Shortfall(reason="context", field="messages", what="about 9000 tokens of prompt", takes="4096")
PERHAPS_TOO_LONG = Shortfall(
    reason="context", field="messages", what="about 4000 tokens of prompt", takes="4096", certain=False
)


def decided(
    win_rate: float,
    shortfalls: dict[Route, Shortfall],
    *,
    models: Models = BOTH,
    threshold: float = 0.5,
    ruling: Ruling | None = None,
    sticks: bool = False,
    **tuning: Any,
) -> Decision:
    ruling = ruling or Ruling()
    ruled, bounded = under(Tuning(**tuning), threshold, ruling, models)
    return decide(
        tuning=ruled,
        threshold=bounded,
        win_rate=win_rate,
        models=models,
        artifact="test/1",
        evidence=Evidence(),
        ruling=ruling,
        shortfalls=shortfalls,
        sticks=lambda: sticks,
    )


@pytest.mark.parametrize(("lacks", "reason"), [(NO_IMAGES, "capability"), (TOO_LONG, "context")])
def test_a_request_that_the_due_model_does_not_take_goes_to_the_other(lacks: Shortfall, reason: Reason) -> None:
    up = decided(0.1, {"weak": lacks})
    down = decided(0.9, {"strong": lacks})
    assert (up.route, up.reason, up.eligible) == ("strong", reason, ("strong",))
    assert (down.route, down.reason, down.eligible) == ("weak", reason, ("weak",))
    assert up.evidence.needs == f"{lacks.what}: weak model small takes {lacks.takes}"


def test_a_request_that_the_due_model_takes_stays_and_never_falls_back_to_one_that_does_not() -> None:
    decision = decided(0.9, {"weak": NO_IMAGES})
    assert (decision.route, decision.reason, decision.eligible) == ("strong", "win-rate", ("strong",))
    assert decision.evidence.needs is None


def test_a_moved_request_keeps_no_promise() -> None:
    assert kept_promise("80 % at 95 %", decided(0.1, {"weak": NO_IMAGES}).reason) == "none"


def test_where_nobody_takes_it_the_error_names_field_models_and_remedy() -> None:
    with pytest.raises(UnsupportedByModel) as refused:
        decided(0.1, {"weak": NO_IMAGES, "strong": NO_IMAGES})
    error = refused.value
    assert (error.status, error.code, error.param) == (400, "unsupported_by_model", "messages[0].content")
    assert all(word in error.message for word in ("small", "large", "images", "[[catalogue]]"))
    with pytest.raises(ContextLengthExceeded) as too_long:
        decided(0.1, {"weak": TOO_LONG}, models=Models(weak="small", strong=None))
    assert (too_long.value.code, too_long.value.param) == ("context_length_exceeded", "messages")


def test_a_pinned_model_that_does_not_take_it_is_not_exchanged_for_another() -> None:
    with pytest.raises(UnsupportedByModel, match="content': of images weak model small takes none"):
        decided(0.1, {"weak": NO_IMAGES}, pinned_model="small")
    with pytest.raises(ContextLengthExceeded):
        decided(0.1, {"strong": TOO_LONG}, pinned_route="strong")


def test_a_prompt_that_may_fit_is_moved_where_it_fits_and_tried_where_nobody_is_sure() -> None:
    moved = decided(0.1, {"weak": PERHAPS_TOO_LONG})
    tried = decided(0.1, {"weak": PERHAPS_TOO_LONG, "strong": TOO_LONG})
    pinned = decided(0.1, {"weak": PERHAPS_TOO_LONG}, pinned_route="weak")
    assert (moved.route, moved.reason) == ("strong", "context")
    assert (tried.route, tried.reason, tried.eligible) == ("weak", "win-rate", ("weak",))
    assert (pinned.route, pinned.reason) == ("weak", "pinned")


def test_a_conversation_sticks_only_to_a_model_that_takes_it() -> None:
    assert decided(0.1, {}, sticks=True).reason == "sticky"
    assert decided(0.1, {"strong": NO_IMAGES}, sticks=True).route == "weak"
    assert decided(0.9, {}, sticks=True).reason == "win-rate"


shortfalls_st = st.dictionaries(
    st.sampled_from(["weak", "strong"]), st.sampled_from([NO_IMAGES, TOO_LONG, PERHAPS_TOO_LONG])
)
fraction = st.floats(0, 1)
rulings = st.one_of(
    st.just(Ruling()),
    st.builds(Ruling, name=st.just("r"), route=st.sampled_from(["weak", "strong"])),
    st.builds(Ruling, name=st.just("r"), model=st.sampled_from(["small", "large"])),
    st.tuples(fraction, fraction).map(
        lambda ends: Ruling(name="r", min_threshold=min(ends), max_threshold=max(ends)),
    ),
)
tunings = st.one_of(
    st.just({}),
    st.builds(lambda route: {"pinned_route": route}, st.sampled_from(["weak", "strong"])),
    st.builds(lambda model: {"pinned_model": model}, st.sampled_from(["small", "large"])),
)
configured = st.sampled_from([BOTH, Models(weak="small", strong=None), Models(weak=None, strong="large")])


@given(
    win_rate=fraction,
    threshold=fraction,
    shortfalls=shortfalls_st,
    ruling=rulings,
    tuning=tunings,
    models=configured,
    sticks=st.booleans(),
)
def test_nothing_reaches_a_model_that_certainly_lacks_what_is_needed(
    win_rate: float,
    threshold: float,
    shortfalls: dict[Route, Shortfall],
    ruling: Ruling,
    tuning: dict[str, Any],
    models: Models,
    sticks: bool,
) -> None:
    error: ApiError | None = None
    try:
        decision = decided(
            win_rate, shortfalls, models=models, threshold=threshold, ruling=ruling, sticks=sticks, **tuning
        )
    except (InvalidRequest, UnknownModel) as refused:
        error = refused
    if error is not None:
        # Whoever refuses says so of a model that does lack it, or of one that is not configured.
        lacking = any(lacks.field == error.param and lacks.certain for lacks in shortfalls.values())
        assert lacking if isinstance(error, InvalidRequest) else None in (models.weak, models.strong)
        return
    assert decision.route in decision.eligible
    for route in decision.eligible:
        lacks = shortfalls.get(route)
        assert lacks is None or not lacks.certain
        if lacks is not None and len(decision.eligible) > 1:
            assert all(other in shortfalls for other in decision.eligible)
    if ruling.route is not None:
        assert decision.eligible == (ruling.route,)
    if ruling.model is not None:
        assert decision.model == ruling.model
    if decision.threshold is not None and (tuning == {} or decision.reason == "rule"):
        bounds = ruling.route is None and ruling.model is None
        assert not bounds or ruling.min_threshold <= decision.threshold <= ruling.max_threshold


@given(win_rate=fraction, ruling=rulings, tuning=tunings)
def test_no_wish_of_the_callers_loosens_a_bound(win_rate: float, ruling: Ruling, tuning: dict[str, Any]) -> None:
    decision = decided(win_rate, {}, ruling=ruling, **tuning)
    if ruling.route is None and ruling.model is None:
        if decision.route == "strong":
            assert win_rate >= ruling.min_threshold
        else:
            assert win_rate < ruling.max_threshold or ruling.max_threshold == 1.0
