"""Details that decide: names, quoted text, signs, dates, units, and who stands where."""

from __future__ import annotations

import pytest

from router.scoring.verifier.details import NAMES, Details, detail_features


def details_of(first: str, second: str) -> dict[str, float]:
    one, other = (detail_features(*map(Details.of, pair)) for pair in ((first, second), (second, first)))
    assert one == other
    return dict(zip(NAMES, one, strict=True))


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        ("Turn on the lamp", "Turn off the lamp", "opposed"),
        ("Order 48213", "Order 48231", "numbers_replaced"),
        ("Call Anna", "Call Berta", "names_replaced"),
        ("a >= b", "a > b", "signs_left"),
        ('Translate "good day"', 'Translate "good night"', "quoted_left"),
        ("open on 3 May", "open on 3 June", "calendar_replaced"),
        ("12 km", "12 miles", "units_replaced"),
        ("loop in Python", "loop in Rust", "languages_replaced"),
        ("by train from Oslo to Bergen", "by train from Bergen to Oslo", "roles_other"),
    ],
)
def test_a_detail_that_decides_is_seen(first: str, second: str, name: str) -> None:
    assert details_of(first, second)[name] > 0
    assert details_of(first, first)[name] <= 0


def test_parts_in_another_order_keep_their_roles() -> None:
    found = details_of("Trains from Oslo to Bergen", "How do I get to Bergen from Oslo?")
    assert (found["roles_same"], found["roles_other"]) == (2, 0)


def test_forms_of_a_unit_and_of_a_month_are_one() -> None:
    found = details_of("12 km in January", "12 kilometres in Jan")
    assert found["units_replaced"] <= 0
    assert found["calendar_replaced"] <= 0
