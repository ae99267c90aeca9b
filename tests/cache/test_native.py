"""Requests in another protocol share answers only where all of what came is the same, but for the wording."""

from __future__ import annotations

import json
from typing import Any

import pytest

from router.cache import with_native
from router.cache.fingerprint import Fingerprint, fingerprint
from router.cache.rules import RequestFacts, parse_cache_control, request_rule
from router.dialects import MESSAGES, Asked
from router.types import Native
from tests.cache.support import body, typed

Json = dict[str, Any]

TALK: list[Json] = [
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "And in winter?"},
]
HIDDEN: Json = {"type": "redacted_thinking", "data": "x"}


def asked(messages: list[Json] | None = None, headers: Json | None = None, **fields: Any) -> Asked:
    sent = {"max_tokens": 10, "temperature": 0, "messages": messages or TALK, **fields}
    return MESSAGES.parse(json.dumps(sent).encode(), headers=headers or {}, max_messages=100)


def keys(request: Asked) -> Fingerprint:
    keyed = with_native(request.body, request.native)
    return fingerprint(tenant="acme", policy="p", request=request.request, body=keyed)


def rule_of(request: Asked) -> str | None:
    facts = RequestFacts(request.request, with_native(request.body, request.native), parse_cache_control(None), 1.0)
    rule = request_rule(facts)
    return rule.name if rule is not None else None


def test_a_chat_request_has_the_keys_that_it_always_had() -> None:
    raw = body()
    assert with_native(raw, None) is raw


@pytest.mark.parametrize("stream", [False, True])
def test_the_same_request_has_the_same_keys_streamed_or_not(stream: bool) -> None:
    assert keys(asked(stream=stream)) == keys(asked())


@pytest.mark.parametrize(
    "other",
    [
        {"top_k": 5},
        {"thinking": {"type": "enabled", "budget_tokens": 1500}},
        {"thinking": {"type": "enabled", "budget_tokens": 1600}},
        {"service_tier": "standard_only"},
        {"unheard_of": 1},
        {"system": [{"type": "text", "text": "Be brief."}]},
        {"headers": {"anthropic-beta": "context-1m"}},
        {"messages": [*TALK[:2], {"role": "user", "content": [{"type": "text", "text": "And in winter?"}]}]},
        {"messages": [TALK[0], {"role": "assistant", "content": [HIDDEN, {"type": "text", "text": "Hi."}]}, TALK[2]]},
    ],
)
def test_whatever_the_chat_form_leaves_out_keeps_requests_apart(other: Json) -> None:
    changed, plain = keys(asked(**other)), keys(asked())
    assert changed.exact != plain.exact
    assert changed.partition != plain.partition


def test_another_wording_is_another_request_in_the_same_partition() -> None:
    reworded = keys(asked([*TALK[:2], {"role": "user", "content": "And how is it in winter?"}]))
    assert reworded.exact != keys(asked()).exact
    assert reworded.partition == keys(asked()).partition
    assert reworded.turns == ("Hello", "Hi.", "And how is it in winter?")


def test_a_text_that_stands_elsewhere_too_is_told_apart_by_where_it_stands() -> None:
    titled = [
        keys(
            asked(
                [
                    {"role": "user", "content": "x"},
                    {"role": "assistant", "content": "y"},
                    {"role": "user", "content": "z"},
                ],
                note=note,
            )
        ).exact
        for note in ("x", "y", "z", "w")
    ]
    assert len(set(titled)) == len(titled)


def test_chat_requests_and_others_share_nothing() -> None:
    request = asked()
    plain = dict(request.body)
    assert fingerprint(tenant="acme", policy="p", request=typed(plain), body=plain).exact != keys(request).exact


def test_what_needs_the_live_web_or_a_container_is_not_cached() -> None:
    assert rule_of(asked()) is None
    assert rule_of(asked(tools=[{"type": "web_search_20250305", "name": "web_search"}])) == "live-search"
    assert rule_of(asked(container="c")) == "live-search"


def test_a_responses_request_is_all_in_its_chat_form() -> None:
    raw = body()
    sent = (Native(dialect="responses", body={"input": "Hi.", "metadata": {"try": said}}) for said in ("1", "2"))
    assert [with_native(raw, native) for native in sent] == [raw, raw]
