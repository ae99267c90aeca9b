"""Lines of a log: three kinds told apart, and whatever else a file may hold named without being quoted."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.replay import lines as module
from router.replay.lines import Asked, BadLine, Recorded, lines_of, parsed
from tests.replay.support import MORNING, past

MESSAGES = [{"role": "user", "content": "Name three colours."}]


def line(value: Any) -> bytes:
    return json.dumps(value).encode()


def record(**changes: Any) -> dict[str, Any]:
    """As `underdog ledger export` writes it: amounts as text, and fields that replaying does not read."""
    exported = {**msgspec.to_builtins(past()), "request_id": "req_1", "tenant": "acme", "feedback": None}
    return {**exported, "cost_usd": "0.00010", "baseline_cost_usd": "0.003", **changes}


def test_a_record_of_the_ledger_is_one() -> None:
    found = parsed(line(record()))
    assert found == Recorded(past(cost_usd=0.0001), None)
    assert isinstance(found, Recorded)
    assert found.past.at == MORNING


def test_a_record_with_its_prompt_tells_what_was_scored() -> None:
    text = MESSAGES[0]["content"]
    assert parsed(line(record(messages=MESSAGES, answer="Red."))) == Recorded(past(cost_usd=0.0001), text)
    assert parsed(line(record(messages=None, answer=None))) == Recorded(past(cost_usd=0.0001), None)


@pytest.mark.parametrize(
    "value",
    [
        {"messages": MESSAGES},
        {"model": "gpt-4o", "messages": MESSAGES, "an_unknown_field": [1]},
        {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": MESSAGES}},
        {"custom_id": "a", "body": {"model": "x", "messages": MESSAGES}},
        {"custom_id": "a", "url": "/openai/deployments/x/chat/completions", "body": {"messages": MESSAGES}},
    ],
)
def test_a_chat_request_and_a_line_of_a_batch_are_requests(value: Any) -> None:
    found = parsed(line(value))
    assert isinstance(found, Asked)
    assert found.text == MESSAGES[0]["content"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"nope", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "neither a record"),
        (b'{"messages": ' + b"[" * 100_000, "no JSON"),
        (b"[]", "neither a record"),
        (b"null", "neither a record"),
        (b"{}", "neither a record"),
        (b'{"prompt": "secret"}', "neither a record"),
        (b"request_id,at,tenant,reason", "this is CSV"),
        (line({"messages": []}), "at least one message"),
        (line({"messages": [{"role": "wizard", "content": "secret"}]}), "messages[0].role"),
        (line({"messages": "secret"}), "'messages'"),
        (
            line({"custom_id": "a", "url": "/v1/embeddings", "body": {"input": "secret"}}),
            "a batch request to '/v1/embed",
        ),
        (line({"custom_id": "a", "body": {"input": "secret"}}), "'messages' is required"),
        (line({"custom_id": "a", "body": "secret"}), "JSON object"),
        (line(record(win_rate="secret")), "cannot be read"),
        (line(record(at="secret")), "cannot be read"),
        (line(record(at="2026-11-22T08:30:00")), "cannot be read"),
        (line(record(win_rate="nan")), "cannot be read"),
        (line(record(win_rate=1.5)), "cannot be read"),
        (line(record(cost_usd="nan")), "cannot be read"),
        (line(record(baseline_cost_usd="inf")), "cannot be read"),
        (line(record(uncertain_usd="-1")), "cannot be read"),
        (line(record(prompt_tokens=-1)), "cannot be read"),
        (line({**record(), "messages": "secret"}), "cannot be read"),
        (line({"request_id": "r", "outcome": "ok"}), "missing required field"),
    ],
)
def test_anything_else_is_named_without_being_quoted(raw: bytes, said: str) -> None:
    with pytest.raises(BadLine) as caught:
        parsed(raw)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


@given(
    st.one_of(
        st.binary(),
        st.recursive(
            st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(
                    st.sampled_from(["messages", "body", "request_id", "outcome", "url", "role", "content"])
                    | st.text(),
                    inner,
                )
            ),
        ).map(line),
    )
)
def test_no_line_is_more_than_a_bad_one(raw: bytes) -> None:
    with suppress(BadLine):
        assert isinstance(parsed(raw), Recorded | Asked)


def test_lines_have_numbers_empty_ones_and_one_that_is_too_long_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 8)
    stream = io.BytesIO(b"one\n\n  \nfar too long for us, really\nfour\n12345678\nlast")
    found = [(number, each and each.strip()) for number, each in lines_of(stream)]
    assert found == [(1, b"one"), (4, None), (5, b"four"), (6, None), (7, b"last")]


def test_what_a_windows_program_puts_before_the_first_line_is_no_part_of_it() -> None:
    found = list(lines_of(io.BytesIO(b"\xef\xbb\xbf{}\n{}\n")))
    assert [(number, each and each.strip()) for number, each in found] == [(1, b"{}"), (2, b"{}")]
