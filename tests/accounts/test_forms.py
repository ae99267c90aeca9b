"""What an operator may say of a key or a team, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.accounts.forms import KeyForm, TeamForm, as_json, kept_form, read_form
from router.errors import InvalidRequest
from router.principals import Budget, Limits
from tests.accounts.support import form

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def refused(kind: type[Any], body: bytes, before: Any = None) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        read_form(kind, body, now=NOW, before=before)
    return caught.value


def test_a_form_becomes_limits_and_a_budget() -> None:
    said = form(requests_per_minute=5, tokens_per_minute=1000, budget_usd="10.5", budget_period="day")
    key = read_form(KeyForm, said, now=NOW)
    assert key.limits == Limits(requests_per_minute=5, tokens_per_minute=1000)
    assert key.budget == Budget(usd=Decimal("10.5"), period="day")
    assert read_form(KeyForm, b"", now=NOW).budget is None


@pytest.mark.parametrize(
    "digits", ["0.1", "0.000000000000000001", "999999999999.999999999999999999", "12345678901.2", "0"]
)
def test_amounts_are_exact_as_text_and_as_numbers(digits: str) -> None:
    for body in (f'{{"budget_usd": "{digits}"}}', f'{{"budget_usd": {digits}}}'):
        read = read_form(KeyForm, body.encode(), now=NOW)
        assert read.budget_usd == Decimal(digits)
        assert kept_form(KeyForm, as_json(read).decode()) == read


NO_AMOUNTS = """
    "NaN" "sNaN" "Infinity" "-Infinity" -1 "-0.01" 1e12 1000000000000 1e400 "1e400" "1E+999999999" 1e-19
    "0.0000000000000000001" "ten" "" "1,5" [] true
"""


@pytest.mark.parametrize("amount", NO_AMOUNTS.split())
def test_what_is_no_amount_of_dollars_is_refused_by_the_name_of_its_field(amount: str) -> None:
    error = refused(KeyForm, f'{{"budget_usd": {amount}}}'.encode())
    assert error.param == "budget_usd"
    assert error.message.startswith("budget_usd: ")


@given(st.decimals(allow_nan=True, allow_infinity=True) | st.integers().map(Decimal))
def test_any_decimal_is_kept_exactly_or_refused(amount: Decimal) -> None:
    body = msgspec.json.encode({"budget_usd": amount})
    try:
        read = read_form(KeyForm, body, now=NOW)
    except InvalidRequest:
        assert refused(KeyForm, body).param == "budget_usd"
        return
    assert read.budget_usd == amount
    assert 0 <= amount < 10**12
    assert kept_form(KeyForm, as_json(read).decode()).budget_usd == amount


@pytest.mark.parametrize("field", ["requests_per_minute", "tokens_per_minute", "concurrent_requests"])
@pytest.mark.parametrize(
    "number", ["0", "-1", "9223372036854775807", "9223372036854775808", "1e3", "1.5", "9" * 400, '"5"']
)
def test_counts_are_whole_positive_and_far_from_overflowing(field: str, number: str) -> None:
    assert refused(KeyForm, f'{{"{field}": {number}}}'.encode()).param == field


@pytest.mark.parametrize(
    "name",
    ["Mars/Olympus", "../../etc/passwd", "/etc/localtime", "", "utc\u0000", "Europe/Berlin\n", "europe/berlin"],
)
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    assert refused(KeyForm, form(budget_usd="1", budget_time_zone=name)).param == "budget_time_zone"


def test_time_zones_are_those_of_the_iana_data_base() -> None:
    read = read_form(TeamForm, form(name="a", budget_usd="1", budget_time_zone="America/St_Johns"), now=NOW)
    assert read.budget is not None
    assert read.budget.time_zone == "America/St_Johns"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"threshold": 1.01}, "threshold"),
        ({"min_threshold": -0.1}, "min_threshold"),
        ({"min_threshold": 0.6, "max_threshold": 0.5}, "min_threshold"),
        ({"budget_period": "day"}, "budget_period"),
        ({"budget_usd": 1, "budget_period": "year"}, "budget_period"),
        ({"budget_usd": 1, "budget_when_spent": "explode"}, "budget_when_spent"),
        ({"expires_at": "2027-01-01T00:00:00"}, "expires_at"),
        ({"expires_at": "2026-11-29T12:00:00Z"}, "expires_at"),
        ({"expires_at": 1}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-23:59"}, "expires_at"),
        ({"models": [""]}, "models"),
        ({"models": ["a b"]}, "models"),
        ({"models": ["a\n"]}, "models"),
        ({"models": "auto"}, "models"),
        ({"models": ["a"] * 201}, "models"),
        ({"name": "a\u0000b"}, "name"),
        ({"name": "a\n"}, "name"),
        ({"name": ""}, "name"),
        ({"user": "x" * 201}, "user"),
        ({"user": "\u001b[2J"}, "user"),
        ({"metadata": {"a": "x" * 4096}}, "metadata"),
        ({"metadata": []}, "metadata"),
        ({"id": "mine"}, "id"),
        ({"digest": "00"}, "digest"),
        ({"modles": ["auto"]}, "modles"),
        ({"nothing": None}, "nothing"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    assert refused(KeyForm, form(**fields)).param == param


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"budget_usd": "1,000"}, 'budget_usd: must be a number such as "25.00", without a currency or a comma.'),
        ({"budget_usd": "-5"}, 'budget_usd: must be an amount of dollars, such as "25.00".'),
        ({"requests_per_minute": "60"}, "requests_per_minute: must be a whole number, not a text."),
        ({"requests_per_minute": 1.5}, "requests_per_minute: must be a whole number."),
        ({"requests_per_minute": 0}, "requests_per_minute: must be at least 1."),
        ({"threshold": 7}, "threshold: must be at most 1."),
        ({"models": "auto"}, "models: must be a list, not a text."),
        ({"budget_pace": "yes"}, "budget_pace: must be true or false, not a text."),
        ({"expires_at": "tomorrow"}, "expires_at: must be a time such as 2027-01-31T00:00:00Z."),
        ({"user": ""}, "user: must not be empty."),
        ({"name": "x" * 101}, "name: must have at most 100 characters."),
    ],
)
def test_what_is_wrong_is_said_in_plain_words_with_what_may_stand_there(fields: dict[str, Any], said: str) -> None:
    assert refused(KeyForm, form(**fields)).message == said


def test_an_amount_in_powers_of_ten_is_kept_as_people_write_it() -> None:
    assert str(read_form(KeyForm, form(budget_usd="1e3"), now=NOW).budget_usd) == "1000"


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b"{", b"\xff", b'{"metadata": ' + b"[" * 5000, b'{"name": "\\ud800"}', b"7"]
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    assert refused(KeyForm, body).status == 400


def test_deeply_nested_metadata_is_refused_and_not_a_fault() -> None:
    deep = b'{"metadata": {"a": ' + b"[" * 1500 + b"]" * 1500 + b"}}"
    assert refused(KeyForm, deep).status == 400


def test_a_change_keeps_what_is_not_given_and_null_brings_the_default_back() -> None:
    before = read_form(KeyForm, form(name="ci", models=["auto"], budget_usd="0.3", max_threshold=0.5), now=NOW)
    after = read_form(KeyForm, form(budget_usd="0.1", models=None, max_threshold=None), now=NOW, before=before)
    assert (after.name, after.models, after.budget_usd, after.max_threshold) == ("ci", None, Decimal("0.1"), 1.0)
    assert refused(TeamForm, form(name=None), TeamForm(name="a")).param == "name"
    assert refused(KeyForm, form(min_threshold=0.6), before).param == "min_threshold"


def test_a_key_that_has_expired_may_still_be_changed() -> None:
    before = KeyForm(expires_at=NOW - timedelta(days=1))
    assert read_form(KeyForm, form(name="late"), now=NOW, before=before).expires_at == before.expires_at


def test_what_a_newer_underdog_kept_is_read_as_far_as_it_is_known() -> None:
    assert kept_form(KeyForm, '{"name": "a", "of_tomorrow": [1]}') == KeyForm(name="a")


def test_metadata_comes_back_as_it_was_given() -> None:
    metadata = {"sql": "'; DROP TABLE keys; --", "nul": "\u0000", "deep": [{"a": None}], "n": 2**63, "ß": 0.1}
    read = read_form(KeyForm, form(metadata=metadata), now=NOW)
    assert kept_form(KeyForm, as_json(read).decode()).metadata == metadata
