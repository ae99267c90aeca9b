"""Where a request's tuning comes from, and what is refused."""

from __future__ import annotations

import pytest

from router.errors import InvalidRequest
from router.http.tuning import MAX_MODEL_CHARS, tuning_for
from router.types import Tuning


def tuned(model: str = "auto", query: dict[str, str] | None = None, headers: dict[str, str] | None = None) -> Tuning:
    return tuning_for(query=(query or {}).items(), headers=headers or {}, model=model)


def test_without_a_wish_the_server_decides() -> None:
    assert tuned() == Tuning(source="server")


@pytest.mark.parametrize("dial", ["threshold", "quality", "strong_share"])
def test_each_dial_is_read_from_the_query(dial: str) -> None:
    tuning = tuned(query={dial: "0.25"})
    assert getattr(tuning, dial) == 0.25
    assert tuning.source == "query"


@pytest.mark.parametrize("dial", ["threshold", "quality", "strong-share"])
def test_each_dial_is_read_from_a_header(dial: str) -> None:
    tuning = tuned(headers={f"x-router-{dial}": "0.75"})
    assert getattr(tuning, dial.replace("-", "_")) == 0.75
    assert tuning.source == "header"


def test_the_query_wins_over_header_and_model_name() -> None:
    tuning = tuned(model="strong", query={"threshold": "0.1"}, headers={"x-router-quality": "0.9"})
    assert tuning == Tuning(threshold=0.1, source="query")


def test_a_header_wins_over_the_model_name() -> None:
    assert tuned(model="weak", headers={"x-router-quality": "0.9"}) == Tuning(quality=0.9, source="header")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("auto", Tuning()),
        ("auto:cheap", Tuning(operating_point="cheap", source="model")),
        ("weak", Tuning(pinned_route="weak", source="model")),
        ("local", Tuning(pinned_route="weak", source="model")),
        ("strong", Tuning(pinned_route="strong", source="model")),
        ("cloud", Tuning(pinned_route="strong", source="model")),
        ("cache", Tuning(cache_only=True, source="model")),
        ("router-mf-0.11593", Tuning(threshold=0.11593, source="model")),
        ("gpt-4o", Tuning(pinned_model="gpt-4o", source="model")),
    ],
)
def test_model_names_carry_a_tuning(model: str, expected: Tuning) -> None:
    assert tuned(model=model) == expected


@pytest.mark.parametrize("dial", ["threshold", "quality", "strong_share"])
@pytest.mark.parametrize("value", ["1.01", "-0.01", "nan", "inf", "", "half"])
def test_a_dial_outside_its_range_names_the_parameter_and_the_range(dial: str, value: str) -> None:
    with pytest.raises(InvalidRequest, match="from 0 to 1") as caught:
        tuned(query={dial: value})
    assert caught.value.param == dial
    assert dial in caught.value.message


def test_two_dials_in_one_place_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="only one of 'threshold' and 'quality'"):
        tuned(query={"threshold": "0.1", "quality": "0.9"})


def test_a_misspelt_query_parameter_is_named() -> None:
    with pytest.raises(InvalidRequest, match="treshold") as caught:
        tuned(query={"treshold": "0.1"})
    assert caught.value.param == "treshold"


def test_a_routellm_name_with_a_threshold_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        tuned(model="router-mf-1.5")
    assert caught.value.param == "model"


@pytest.mark.parametrize("text", ["0.5", " 0.5 ", "5e-1", ".5", "+0.5", "0.50"])
def test_plain_decimal_notation_is_read(text: str) -> None:
    assert tuned(query={"threshold": text}).threshold == 0.5


@pytest.mark.parametrize("text", ["0_1", "٠", "½", "0x0", "nan", "-nan", "1e999", "0,5", "0.5 0.5", "\t0.5", "- 0"])
def test_what_only_python_takes_for_a_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="from 0 to 1"):
        tuned(query={"threshold": text})


def test_a_dial_given_twice_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="only once") as caught:
        tuning_for(query=[("threshold", "0.1"), ("threshold", "0.9")], headers={}, model="auto")
    assert caught.value.param == "threshold"


@pytest.mark.parametrize("dials", [{}, {"threshold": "0.5"}])
def test_a_name_that_is_too_long_for_headers_logs_and_traces_is_no_models(dials: dict[str, str]) -> None:
    tuned(model="m" * MAX_MODEL_CHARS, query=dials)
    with pytest.raises(InvalidRequest) as caught:
        tuned(model="m" * (MAX_MODEL_CHARS + 1), query=dials)
    assert caught.value.param == "model"
    assert "mmm" not in caught.value.message
