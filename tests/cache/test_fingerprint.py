"""Who may share an answer: every field that can change one keeps two requests apart."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.cache.fingerprint import DELIVERY_FIELDS, FIELD_POLICY, Fingerprint, fingerprint
from router.types import ChatRequest
from tests.cache.support import body, typed

HISTORY = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "And in winter?"},
]


def keys(raw: dict[str, Any], *, tenant: str = "acme", policy: str = "p") -> Fingerprint:
    return fingerprint(tenant=tenant, policy=policy, request=typed(raw), body=raw)


def test_every_field_of_the_request_type_has_a_decision_in_the_table() -> None:
    assert {field.name for field in msgspec.structs.fields(ChatRequest)} == set(FIELD_POLICY)


def test_only_the_two_fields_that_shape_delivery_stay_out_of_the_keys() -> None:
    assert {"stream", "stream_options"} == DELIVERY_FIELDS
    assert all(reason for _, reason in FIELD_POLICY.values())


@pytest.mark.parametrize("fields", [{"stream": True}, {"stream": False}, {"stream_options": {"include_usage": True}}])
def test_a_streamed_and_a_plain_request_share_their_keys(fields: dict[str, Any]) -> None:
    assert keys(body(**fields)) == keys(body())


PROBES: list[tuple[str, dict[str, Any]]] = [
    ("model", {"model": "auto:cheap"}),
    ("temperature", {"temperature": 0.2}),
    ("top_p", {"top_p": 0.9}),
    ("n", {"n": 1}),
    ("max_tokens", {"max_tokens": 5}),
    ("max_completion_tokens", {"max_completion_tokens": 5}),
    ("tools", {"tools": [{"type": "function", "function": {"name": "f"}}]}),
    ("tool_choice", {"tool_choice": "none"}),
    ("response_format", {"response_format": {"type": "json_object"}}),
    ("seed", {"seed": 1}),
    ("stop", {"stop": ["\n"]}),
    ("frequency_penalty", {"frequency_penalty": 0.5}),
    ("logit_bias", {"logit_bias": {"50256": -100}}),
    ("reasoning_effort", {"reasoning_effort": "low"}),
    ("user", {"user": "ann"}),
    ("metadata", {"metadata": {"team": "a"}}),
    ("an unknown field", {"some_provider_extension": {"deep": [1, {"x": None}]}}),
]


@pytest.mark.parametrize(("name", "fields"), PROBES, ids=[name for name, _ in PROBES])
def test_a_field_that_can_change_the_answer_keeps_requests_apart(name: str, fields: dict[str, Any]) -> None:
    plain, changed = keys(body()), keys(body(**fields))
    assert plain.exact != changed.exact
    assert plain.partition != changed.partition


def test_every_field_that_belongs_is_probed() -> None:
    probed = {name for name, _ in PROBES} | {"messages"}
    assert {name for name, (standing, _) in FIELD_POLICY.items() if standing == "belongs"} <= probed


@pytest.mark.parametrize("raw", [body(), *(body(**fields) for _, fields in PROBES)])
def test_no_request_reaches_over_to_another_tenant_or_policy(raw: dict[str, Any]) -> None:
    mine = keys(raw)
    for other in (keys(raw, tenant="other"), keys(raw, policy="threshold=0.9")):
        assert other.exact != mine.exact
        assert other.partition != mine.partition


def test_tenant_and_policy_cannot_be_shifted_into_one_another() -> None:
    assert keys(body(), tenant="ab", policy="c").exact != keys(body(), tenant="a", policy="bc").exact


@pytest.mark.parametrize("place", range(len(HISTORY)))
def test_a_change_anywhere_in_the_history_changes_the_exact_key(place: int) -> None:
    changed = [dict(message) for message in HISTORY]
    changed[place]["content"] += "!"
    before, after = keys({"messages": HISTORY}), keys({"messages": changed})
    assert before.exact != after.exact
    assert (before.partition == after.partition) == (place == len(HISTORY) - 1)


def test_the_same_last_message_after_another_history_is_another_partition() -> None:
    assert keys({"messages": HISTORY}).partition != keys({"messages": HISTORY[-1:]}).partition
    assert keys({"messages": HISTORY}).partition != keys({"messages": [HISTORY[0], HISTORY[-1]]}).partition


def test_a_system_prompt_is_not_a_developer_prompt() -> None:
    system, developer = ([{"role": role, "content": "x"}, HISTORY[-1]] for role in ("system", "developer"))
    assert keys({"messages": system}).partition != keys({"messages": developer}).partition


def test_the_last_message_keeps_its_other_fields_in_the_partition() -> None:
    named = {"messages": [{"role": "user", "content": "Hi there", "name": "ann"}]}
    assert keys(named).partition != keys(body("Hi there", model="auto")).partition
    assert keys({**named, "model": "auto"}).partition != keys(body("Hi there")).partition


def test_the_order_of_keys_in_an_object_does_not_matter() -> None:
    raw = body(metadata={"a": 1, "b": 2})
    turned = {name: raw[name] for name in reversed(raw)} | {"metadata": {"b": 2, "a": 1}}
    assert keys(raw) == keys(turned)


@pytest.mark.parametrize(
    ("content", "question"),
    [
        ("Why?", "Why?"),
        ([{"type": "text", "text": "Why?"}], "Why?"),
        ("   ", None),
        ("w" * 301, None),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], None),
        ([{"type": "text", "text": "a", "cache_control": {}}], None),
        ([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}], None),
    ],
)
def test_only_a_short_text_alone_may_be_reworded(content: Any, question: str | None) -> None:
    assert keys(body(content)).question == question


def test_what_a_tool_said_last_is_no_question() -> None:
    raw = {"messages": [*HISTORY, {"role": "tool", "tool_call_id": "1", "content": "42"}]}
    assert keys(raw).question is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.dictionaries(st.text(min_size=1, max_size=6).map(lambda name: "x_" + name), JSON, max_size=4)


@given(FIELDS, FIELDS)
def test_unknown_fields_share_keys_only_where_they_are_the_same_json(one: dict[str, Any], two: dict[str, Any]) -> None:
    same = msgspec.json.encode(one, order="deterministic") == msgspec.json.encode(two, order="deterministic")
    assert (keys(body(**one)).exact == keys(body(**two)).exact) == same
    assert (keys(body(**one)).partition == keys(body(**two)).partition) == same


@given(FIELDS)
def test_keys_survive_a_trip_through_json(fields: dict[str, Any]) -> None:
    raw = body(**fields)
    assert keys(msgspec.json.decode(msgspec.json.encode(raw))) == keys(raw)


@given(st.lists(st.text(max_size=6), min_size=1, max_size=4), st.lists(st.text(max_size=6), min_size=1, max_size=4))
def test_no_two_conversations_share_an_exact_key(one: list[str], two: list[str]) -> None:
    first, second = ({"messages": [{"role": "user", "content": text} for text in texts]} for texts in (one, two))
    assert (keys(first).exact == keys(second).exact) == (one == two)
    assert (
        (keys(first).partition == keys(second).partition)
        or one[:-1] != two[:-1]
        or not (one[-1].strip() and two[-1].strip())
    )


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_a_tenant_and_a_policy_of_any_spelling_stay_apart(tenant: str, policy: str) -> None:
    assert keys(body(), tenant=tenant, policy=policy) != keys(body(), tenant=tenant + policy, policy="")
