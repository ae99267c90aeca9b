"""Which texts of a rated rewording are kept for the next fit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from router.feedback import pair_of


def user(content: Any, **others: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **others}


def decoded(pair: tuple[str, str] | None) -> tuple[Any, Any]:
    assert pair is not None
    return json.loads(pair[0]), json.loads(pair[1])


def test_a_question_on_its_own_is_kept_as_a_text() -> None:
    assert decoded(pair_of([user("turn it off")], ["turn it off"], ["turn it on"])) == ("turn it on", "turn it off")
    listed = [user([{"type": "text", "text": "turn it off"}])]
    assert decoded(pair_of(listed, ["turn it off"], ["turn it on"])) == ("turn it on", "turn it off")


def test_a_conversation_is_kept_as_messages_each_text_in_its_place() -> None:
    long = "x" * 5_000
    asked = [
        {"role": "system", "content": "yes"},
        user("yes"),
        {"role": "assistant", "content": long},
        user("and now?"),
    ]
    old, new = decoded(pair_of(asked, ["yes", "and now?"], ["yeah", "and then?"]))
    assert new == asked
    assert [message["content"] for message in old] == ["yes", "yeah", long, "and then?"]
    assert [message["role"] for message in old] == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize(
    "odd",
    [
        user([{"type": "image_url", "image_url": {"url": "data:,x"}}]),
        user("yes", name="Ann"),
        {"role": "assistant", "content": None, "tool_calls": []},
    ],
)
def test_what_is_more_than_a_text_is_not_kept(odd: dict[str, Any]) -> None:
    assert pair_of([odd, user("and now?")], ["and now?"], ["and then?"]) is None
