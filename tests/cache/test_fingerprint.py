"""Who may share an answer: every field that can change one keeps two requests apart."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from router.cache.fingerprint import (
    DELIVERY_FIELDS,
    FIELD_POLICY,
    MAX_TURN_CHARS,
    MESSAGE_POLICY,
    Fingerprint,
    fingerprint,
)
from router.types import ChatRequest, Message
from tests.cache.support import body, typed

HISTORY: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "And in winter?"},
]
CALLED: dict[str, Any] = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
WITH_A_TOOL: list[dict[str, Any]] = [
    {"role": "user", "content": "Is it cold?"},
    {"role": "assistant", "content": "Let me see.", "tool_calls": [CALLED]},
    {"role": "tool", "tool_call_id": "1", "content": "-4"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "And in winter?"},
]


def keys(raw: dict[str, Any], *, tenant: str = "acme", policy: str = "p") -> Fingerprint:
    return fingerprint(tenant=tenant, policy=policy, request=typed(raw), body=raw)


def said(*messages: dict[str, Any]) -> Fingerprint:
    return keys({"messages": list(messages)})


def with_change(messages: list[dict[str, Any]], place: int, **fields: Any) -> list[dict[str, Any]]:
    return [{**message, **fields} if at == place else message for at, message in enumerate(messages)]


# The request's fields.


@pytest.mark.parametrize(("record", "table"), [(ChatRequest, FIELD_POLICY), (Message, MESSAGE_POLICY)])
def test_every_field_of_a_request_and_of_a_message_has_a_decision_in_its_table(record: Any, table: Any) -> None:
    assert {field.name for field in msgspec.structs.fields(record)} == set(table)
    assert all(reason for _, reason in table.values())


def test_only_the_two_fields_that_shape_delivery_stay_out_of_the_keys() -> None:
    assert {"stream", "stream_options"} == DELIVERY_FIELDS
    assert [name for name, (standing, _) in MESSAGE_POLICY.items() if standing != "belongs"] == ["content"]


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


# The conversation.


@pytest.mark.parametrize("place", range(len(HISTORY)))
def test_another_wording_anywhere_changes_the_exact_key_and_only_a_system_prompts_the_partition(place: int) -> None:
    before, after = said(*HISTORY), said(*with_change(HISTORY, place, content="Another text"))
    assert before.exact != after.exact
    assert (before.partition == after.partition) == (HISTORY[place]["role"] != "system")


def test_the_turns_that_may_be_reworded_are_kept_in_their_order() -> None:
    assert said(*HISTORY).turns == ("Hello", "Hi.", "And in winter?")
    assert said(*WITH_A_TOOL).turns == ("Is it cold?", "Let me see.", "Yes.", "And in winter?")


MESSAGE_PROBES: list[tuple[str, list[dict[str, Any]]]] = [
    ("role", with_change(HISTORY, 0, role="developer")),
    ("role", [*HISTORY[:1], *HISTORY[2:]]),
    ("role", [*HISTORY[:1], HISTORY[2], HISTORY[1], HISTORY[3]]),
    ("name", with_change(HISTORY, 1, name="ann")),
    ("name", with_change(HISTORY, 3, name="ann")),
    ("tool_calls", with_change(HISTORY, 2, tool_calls=[CALLED])),
    ("tool_call_id", with_change(HISTORY, 2, tool_call_id="2")),
    ("content", with_change(HISTORY, 0, content="Be long.")),
    ("content", with_change(HISTORY, 2, content=None)),
    ("content", with_change(HISTORY, 2, content="")),
    ("content", with_change(HISTORY, 2, content="w" * (MAX_TURN_CHARS + 1))),
    ("content", with_change(HISTORY, 1, content=[{"type": "text", "text": "Hello", "cache_control": {}}])),
    ("content", with_change(HISTORY, 1, content=[{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}])),
    ("content", with_change(HISTORY, 1, content=[{"type": "image_url", "image_url": {"url": "data:,a"}}])),
    ("a new field", with_change(HISTORY, 1, cache_control={"type": "ephemeral"})),
    ("a new field", with_change(HISTORY, 3, refusal=None)),
]


@pytest.mark.parametrize(("name", "changed"), MESSAGE_PROBES)
def test_whatever_of_a_message_is_not_its_wording_keeps_conversations_apart(
    name: str, changed: list[dict[str, Any]]
) -> None:
    assert said(*HISTORY).exact != said(*changed).exact
    assert said(*HISTORY).partition != said(*changed).partition


def test_every_field_of_a_message_is_probed() -> None:
    assert set(MESSAGE_POLICY) <= {name for name, _ in MESSAGE_PROBES}


@pytest.mark.parametrize(
    ("place", "fields"),
    [
        (1, {"tool_calls": [{**CALLED, "id": "2"}]}),
        (1, {"tool_calls": [{**CALLED, "function": {"name": "g", "arguments": "{}"}}]}),
        (1, {"tool_calls": [{**CALLED, "function": {"name": "f", "arguments": '{"x":1}'}}]}),
        (2, {"content": "-5"}),
        (2, {"tool_call_id": "2"}),
    ],
)
def test_what_a_tool_was_asked_and_said_must_be_the_same(place: int, fields: dict[str, Any]) -> None:
    assert said(*WITH_A_TOOL).partition != said(*with_change(WITH_A_TOOL, place, **fields)).partition


def test_a_text_alone_in_a_list_is_the_same_wording_and_another_request() -> None:
    plain, listed = keys(body("Why?")), keys(body([{"type": "text", "text": "Why?"}]))
    assert (plain.partition, plain.turns) == (listed.partition, listed.turns)
    assert plain.exact != listed.exact


@pytest.mark.parametrize(
    ("content", "turns"),
    [
        ("Why?", ("Why?",)),
        ([{"type": "text", "text": "Why?"}], ("Why?",)),
        ("w" * MAX_TURN_CHARS, ("w" * MAX_TURN_CHARS,)),
        ("w" * (MAX_TURN_CHARS + 1), None),
        ("   ", None),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], None),
        ([{"type": "text", "text": "a", "cache_control": {}}], None),
        ([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}], None),
    ],
)
def test_only_a_short_text_alone_may_be_reworded(content: Any, turns: tuple[str, ...] | None) -> None:
    assert keys(body(content)).turns == turns


def test_a_long_turn_before_a_short_question_must_be_the_same_to_the_letter() -> None:
    document = "word " * MAX_TURN_CHARS
    first = [{"role": "user", "content": document}, *HISTORY[2:]]
    assert said(*first).turns == ("Hi.", "And in winter?")
    assert said(*first).partition != said(*with_change(first, 0, content=document + "!")).partition


def test_what_a_tool_said_last_is_no_question() -> None:
    assert said(*WITH_A_TOOL[:3]).turns is None


# Properties.

calmly = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine draws JSON slowly, and that is no failure."""

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.dictionaries(st.text(min_size=1, max_size=6).map(lambda name: "x_" + name), JSON, max_size=4)
TEXTS = st.text(min_size=1, max_size=12).filter(str.strip)
TALKS = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant"]), "content": TEXTS},
        optional={"name": TEXTS, "x_more": JSON},
    ),
    max_size=4,
).map(lambda before: [*before, {"role": "user", "content": "Why?"}])


def canonical(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


@calmly
@given(FIELDS, FIELDS)
def test_unknown_fields_share_keys_only_where_they_are_the_same_json(one: dict[str, Any], two: dict[str, Any]) -> None:
    same = canonical(one) == canonical(two)
    assert (keys(body(**one)).exact == keys(body(**two)).exact) == same
    assert (keys(body(**one)).partition == keys(body(**two)).partition) == same


@calmly
@given(FIELDS, TALKS, st.randoms(use_true_random=False))
def test_keys_do_not_depend_on_how_the_json_was_written(
    fields: dict[str, Any], talk: list[dict[str, Any]], chance: Any
) -> None:
    raw = {"messages": talk, **fields}

    def shuffled(value: Any) -> Any:
        if isinstance(value, list):
            return [shuffled(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        return {name: shuffled(value[name]) for name in chance.sample(list(value), len(value))}

    escaped = json.dumps(shuffled(raw), indent=chance.choice([None, 1]), ensure_ascii=chance.random() < 0.5)
    assert keys(msgspec.json.decode(escaped)) == keys(raw)


@calmly
@given(TALKS, TALKS)
def test_two_conversations_share_keys_just_where_they_are_the_same(
    one: list[dict[str, Any]], two: list[dict[str, Any]]
) -> None:
    def shell(talk: list[dict[str, Any]]) -> bytes:
        return canonical([{**each, "content": each["role"] == "system" and each["content"]} for each in talk])

    assert (said(*one).exact == said(*two).exact) == (canonical(one) == canonical(two))
    assert (said(*one).partition == said(*two).partition) == (shell(one) == shell(two))


@calmly
@given(TALKS, st.data())
def test_a_change_of_wording_alone_stays_in_the_partition(talk: list[dict[str, Any]], data: st.DataObject) -> None:
    reworded = [
        {**message, "content": data.draw(TEXTS)} if message["role"] != "system" else message for message in talk
    ]
    assume(reworded != talk)
    assert said(*talk).partition == said(*reworded).partition
    assert said(*talk).exact != said(*reworded).exact


@calmly
@given(TALKS, st.sampled_from([name for name, (standing, _) in FIELD_POLICY.items() if standing == "belongs"]), JSON)
def test_a_change_of_any_field_but_delivery_and_wording_changes_both_keys(
    talk: list[dict[str, Any]], name: str, value: Any
) -> None:
    assume(name != "messages")
    raw = {"messages": talk}
    changed = {**raw, name: value}
    # The typed view is not what is hashed: a value that it would refuse still tells requests apart.
    one, two = (fingerprint(tenant="t", policy="p", request=typed(raw), body=given) for given in (raw, changed))
    assert one.exact != two.exact
    assert one.partition != two.partition


@calmly
@given(st.text(min_size=1, max_size=10).filter(str.strip))
def test_unicode_forms_of_one_text_are_two_requests_of_one_partition(text: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    one, two = keys(body(composed)), keys(body(decomposed))
    assert one.partition == two.partition
    assert (one.exact == two.exact) == (composed == decomposed)


@pytest.mark.parametrize("depth", [1, 100, 400])
def test_a_difference_at_any_depth_keeps_requests_apart(depth: int) -> None:
    def nested(leaf: int) -> Any:
        value: Any = leaf
        for _ in range(depth):
            value = {"x": [value]}
        return value

    assert keys(body(deep=nested(1))) == keys(body(deep=nested(1)))
    assert keys(body(deep=nested(1))).partition != keys(body(deep=nested(2))).partition


@calmly
@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_a_tenant_and_a_policy_of_any_spelling_stay_apart(tenant: str, policy: str) -> None:
    assert keys(body(), tenant=tenant, policy=policy) != keys(body(), tenant=tenant + policy, policy="")
