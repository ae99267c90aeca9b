"""Completions of a prompt: read as what a user says, and told by chat where that can express them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from router.cache import StreamFold, read_answer
from router.dialects import COMPLETIONS
from router.dialects.completions import of_chat, to_chat
from router.errors import InvalidRequest, UpstreamBroken


def parse(**sent: Any) -> Any:
    return COMPLETIONS.parse(json.dumps(sent).encode(), headers={}, max_messages=3)


@pytest.mark.parametrize(
    ("prompt", "read"),
    [("a b", "a b"), (["a", "b"], "a\n\nb"), ([1, 2, 3, 4, 5], ""), ([[1], [2]], ""), (None, ""), ("", "")],
)
def test_a_prompt_is_read_as_what_a_user_says(prompt: Any, read: str) -> None:
    asked = parse(prompt=prompt, stream=True, max_tokens=4, unheard_of=1)
    assert [(message.role, message.content) for message in asked.request.messages] == [("user", read)]
    assert (asked.request.stream, asked.request.max_tokens, asked.request.model) == (True, 4, "auto")
    assert asked.body == {"prompt": prompt, "stream": True, "max_tokens": 4, "unheard_of": 1}


@pytest.mark.parametrize(
    ("sent", "param"), [({"prompt": ["a"] * 4}, "prompt"), ({"prompt": "a", "n": 0}, "n"), ({"stream": 3}, "stream")]
)
def test_what_is_wrong_is_refused_by_its_name(sent: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(**sent)
    assert refused.value.param == param


def test_everything_that_chat_has_goes_along() -> None:
    told = to_chat({"prompt": ["a"], "n": 2, "stop": ["\n"], "best_of": 1, "echo": False, "logprobs": None, "seed": 1})
    assert told == {"messages": [{"role": "user", "content": "a"}], "n": 2, "stop": ["\n"], "seed": 1}


def test_a_chat_answer_and_its_chunks_become_completions() -> None:
    choices = [
        {"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"},
        {"index": 1, "message": {"role": "assistant", "content": None, "refusal": "No."}, "finish_reason": "length"},
    ]
    whole = {"id": "c", "object": "chat.completion", "model": "m", "choices": choices, "usage": {"prompt_tokens": 1}}
    assert json.loads(of_chat(json.dumps(whole).encode())) == {
        **whole,
        "object": "text_completion",
        "choices": [
            {"text": "Hi.", "index": 0, "logprobs": None, "finish_reason": "stop"},
            {"text": "No.", "index": 1, "logprobs": None, "finish_reason": "length"},
        ],
    }
    chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "H"}}]}
    assert json.loads(of_chat(json.dumps(chunk).encode()))["choices"][0]["text"] == "H"


@pytest.mark.parametrize("answer", [b"", b"[]", b'{"choices": [5]}', b'{"choices": 5}', b'{"choices": [{"delta": 5}]}'])
def test_what_is_no_chat_answer_cannot_be_told(answer: bytes) -> None:
    with pytest.raises(UpstreamBroken):
        of_chat(answer)


def test_the_text_of_a_completion_is_known_when_it_settles() -> None:
    fold = StreamFold()
    for text, finish in (("one ", None), ("two", None), ("", "length")):
        fold.add(json.dumps({"choices": [{"index": 0, "text": text, "finish_reason": finish}]}).encode())
    assert (fold.text(), fold.finish_reason, fold.started, fold.finished) == ("one two", "length", True, True)
    whole = {"choices": [{"text": "one", "finish_reason": "stop"}, {"text": " two"}], "model": "m"}
    facts = read_answer(json.dumps(whole).encode())
    assert (facts.text, facts.finish_reason) == ("one two", "stop")
