"""What the cache never touches: one case for every rule, and the cases that look alike and are allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from router.cache.rules import (
    ANSWER_RULES,
    REQUEST_RULES,
    CacheControl,
    RequestFacts,
    answer_rule,
    parse_cache_control,
    request_rule,
)
from router.types import CachedAnswer, Usage
from tests.cache.support import answer, body, completion, typed

ASKED = {"role": "user", "content": "Book it."}
CALLED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
DONE = {"role": "tool", "tool_call_id": "1", "content": "booked"}


def content(*parts: dict[str, Any]) -> dict[str, Any]:
    return body([{"type": "text", "text": "What is this?"}, *parts])


REQUEST_CASES: list[tuple[str, dict[str, Any], str | None]] = [
    ("no-store", body(), "no-store"),
    ("no-store", body(), "max-age=60, No-Store"),
    ("no-cache", body(), "no-cache"),
    ("tools-in-progress", {"messages": [ASKED, CALLED, DONE]}, None),
    ("tools-in-progress", {"messages": [ASKED, CALLED]}, None),
    ("tools-in-progress", {"messages": [ASKED, {"role": "function", "name": "f", "content": "1"}]}, None),
    ("several-answers", body(n=2), None),
    ("logprobs", body(logprobs=True), None),
    ("logprobs", body(top_logprobs=3), None),
    ("media", content({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}), None),
    ("media", content({"type": "image_url", "image_url": "http://example.com/a.png"}), None),
    ("media", content({"type": "file", "file": {"file_id": "file-1"}}), None),
    ("media", content({"type": "audio_url", "audio_url": {"url": "https://example.com/a.wav"}}), None),
    ("media", content({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}), None),
    ("media", content({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}), None),
    ("media", content({"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}), None),
    ("media", {"messages": [*content({"type": "a_new_kind"})["messages"], CALLED, DONE, ASKED]}, None),
    ("kept-by-provider", body(store=True), None),
    ("kept-by-provider", body(background=True), None),
    ("audio-answer", body(modalities=["text", "audio"], audio={"voice": "a", "format": "wav"}), None),
    ("live-search", body(web_search_options={}), None),
    ("live-search", body(search_parameters={"mode": "auto"}), None),
    ("live-search", body(plugins=[{"id": "web"}]), None),
    ("live-search", body(enable_search=True), None),
    ("live-search", body(tools=[{"type": "web_search"}]), None),
    ("temperature", body(temperature=1.2), None),
]


@pytest.mark.parametrize(("rule", "raw", "control"), REQUEST_CASES)
def test_the_cache_stands_aside_for_such_a_request(rule: str, raw: dict[str, Any], control: str | None) -> None:
    found = request_rule(RequestFacts(typed(raw), raw, parse_cache_control(control), 1.0))
    assert found is not None
    assert found.name == rule


def test_every_request_rule_has_a_case() -> None:
    assert {rule for rule, _, _ in REQUEST_CASES} == {rule.name for rule in REQUEST_RULES}


@pytest.mark.parametrize(
    "raw",
    [
        body(),
        body(n=1),
        body(plugins=[], enable_search=False, web_search_options=None),
        body(tools=[{"type": "function", "function": {"name": "f"}}, {"name": "untyped"}]),
        body(temperature=1.0),
        body(logprobs=False),
        body(modalities=["text"]),
        body(tools=[{"type": "function", "function": {"name": "f"}}]),
        content({"type": "input_text", "text": "Look closely."}, {"type": "refusal", "refusal": "No."}),
        body(store=False),
        {"messages": [ASKED, CALLED, DONE, {"role": "assistant", "content": "Done."}, ASKED]},
    ],
)
def test_an_ordinary_request_is_looked_up(raw: dict[str, Any]) -> None:
    assert request_rule(RequestFacts(typed(raw), raw, CacheControl(), 1.0)) is None


def test_a_request_without_a_temperature_counts_as_the_providers_default() -> None:
    found = request_rule(RequestFacts(typed(body()), body(), CacheControl(), 0.5))
    assert found is not None
    assert found.name == "temperature"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, CacheControl()),
        ("", CacheControl()),
        ("no-cache", CacheControl(no_cache=True)),
        ("max-age=30", CacheControl(max_age_s=30.0)),
        ('Max-Age="30" , no-store', CacheControl(no_store=True, max_age_s=30.0)),
        ("max-age=soon, =, ;;", CacheControl(max_age_s=0.0)),
        ("max-age=60, max-age=5", CacheControl(max_age_s=5.0)),
        ("only-if-cached, max-stale=9, min-fresh", CacheControl(only_if_cached=True)),
        ("no-storeage, x-no-store", CacheControl()),
        ("max-age=-1", CacheControl(max_age_s=0.0)),
    ],
)
def test_cache_control_is_read_leniently(header: str | None, expected: CacheControl) -> None:
    assert parse_cache_control(header) == expected


def with_choices(*choices: dict[str, Any]) -> dict[str, Any]:
    return {**completion(), "choices": list(choices)}


ONE = completion()["choices"][0]

ANSWER_CASES: list[tuple[str, CachedAnswer]] = [
    ("error", answer({**completion(), "error": {"message": "overloaded"}})),
    ("fallback", answer(reason="strong-failed")),
    ("several-answers", answer(with_choices(ONE, {**ONE, "index": 1}))),
    ("several-answers", answer(with_choices())),
    ("tool-calls", answer(completion(None, finish_reason="tool_calls", tool_calls=CALLED["tool_calls"]))),
    ("tool-calls", answer(completion("", finish_reason="stop", function_call={"name": "f", "arguments": ""}))),
    ("unfinished", answer(completion(finish_reason="length"))),
    ("unfinished", answer(completion(finish_reason="content_filter"))),
    ("refused", answer(completion(None, refusal="I cannot help with that."))),
    ("audio", answer(completion(None, audio={"id": "a"}))),
    ("live-search", answer(completion("Today.", annotations=[{"type": "url_citation"}]))),
    ("empty", answer(completion(""))),
    ("empty", answer(completion(" \n"))),
    ("empty", answer(completion(None))),
]


@pytest.mark.parametrize(("rule", "given"), ANSWER_CASES)
def test_such_an_answer_is_not_kept(rule: str, given: CachedAnswer) -> None:
    assert answer_rule(given) == rule


@pytest.mark.parametrize("rule", [*(rule.name for rule in REQUEST_RULES), *(rule.name for rule in ANSWER_RULES)])
def test_people_can_read_about_every_rule(rule: str, repository: Path) -> None:
    assert f"| `{rule}` |" in (repository / "docs" / "cache.md").read_text(encoding="utf-8")


def test_every_answer_rule_has_a_case() -> None:
    assert {rule for rule, _ in ANSWER_CASES} == {rule.name for rule in ANSWER_RULES}


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"choices": 1}', b"\xff\xfe"])
def test_an_answer_that_is_no_completion_is_not_kept(raw: bytes) -> None:
    given = CachedAnswer(body=msgspec.Raw(raw), route="weak", model="m", usage=Usage())
    assert answer_rule(given) == "unreadable"


@pytest.mark.parametrize("reason", ["win-rate", "pinned", "no-strong-model", "weak-failed"])
def test_a_finished_answer_is_kept_whatever_route_it_took(reason: str) -> None:
    assert answer_rule(answer(reason=reason)) is None


@pytest.mark.parametrize("beside", [b'"id": "\xff"', b'"created": 1e999', b'"usage": {"note": "\xc3("}'])
def test_an_answer_that_could_not_be_replayed_is_not_kept(beside: bytes) -> None:
    whole = msgspec.json.encode(with_choices(ONE))
    assert answer_rule(msgspec.structs.replace(answer(), body=msgspec.Raw(whole))) is None
    spoilt = msgspec.Raw(b'{"choices": %b, %b}' % (msgspec.json.encode([ONE]), beside))
    assert answer_rule(msgspec.structs.replace(answer(), body=spoilt)) == "unreadable"
