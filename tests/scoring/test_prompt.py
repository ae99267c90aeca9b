"""Which text of a conversation is scored."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from router.scoring.prompt import EARLIER_CHARS, MAX_CHARS, PROPOSAL_CHARS, bound, prompt_text
from router.types import Message


def user(content: str | list[dict[str, object]]) -> Message:
    return Message(role="user", content=content)


def test_a_single_user_turn_is_scored_as_it_is() -> None:
    messages = [Message(role="system", content="You are terse."), user("  What is 2 + 2?\n")]
    assert prompt_text(messages) == "What is 2 + 2?"


def test_the_system_prompt_and_the_answers_are_not_scored() -> None:
    messages = [
        Message(role="system", content="SYSTEM"),
        user("Write a limerick about Rust."),
        Message(role="assistant", content="ANSWER"),
        user("two"),
    ]
    assert prompt_text(messages) == "Write a limerick about Rust.\n\ntwo"


def test_a_few_words_in_between_do_not_hide_what_the_conversation_is_about() -> None:
    task = user("Prove that the halting problem is undecidable.")
    small_talk = [user("Good."), user("One moment."), user("I am back."), user("Fine."), user("ok")]
    assert prompt_text([task, *small_talk, user("next")]) == "Prove that the halting problem is undecidable.\n\nnext"


def test_where_the_user_said_next_to_nothing_the_end_of_the_proposal_stands_for_it() -> None:
    proposal = "x" * 1_000 + " Shall I prove it by induction?"
    messages = [user("What next?"), Message(role="assistant", content=proposal), user("Yes.")]
    assert prompt_text(messages).endswith("Shall I prove it by induction?\n\nYes.")
    assert len(prompt_text(messages)) == PROPOSAL_CHARS + len("\n\nYes.")


def test_a_few_words_each_time_are_all_scored() -> None:
    assert prompt_text([user("one"), user("two"), user("three")]) == "one\n\ntwo\n\nthree"


def test_a_tool_result_leaves_the_users_turn_the_one_that_is_scored() -> None:
    messages = [user("Find the race in the pool."), Message(role="assistant"), Message(role="tool", content="{}")]
    assert prompt_text(messages) == "Find the race in the pool."


def test_older_turns_get_less_room_than_newer_ones() -> None:
    text = prompt_text([user("a" * 2000), user("b" * 2000), user("c" * 2000)])
    assert 0 < text.count("a") < text.count("b") < EARLIER_CHARS < text.count("c") == 2000


def test_a_long_newest_turn_still_leaves_room_for_what_it_refers_to() -> None:
    text = prompt_text([user("the question"), user("x" * 10_000 + "end")])
    assert text.startswith("the question")
    assert text.endswith("end")
    assert len(text) == MAX_CHARS


def test_two_thousand_turns_are_bounded() -> None:
    assert len(prompt_text([user(f"turn {number} " * 50) for number in range(2000)])) <= MAX_CHARS


def test_the_text_parts_of_a_multimodal_message_are_scored() -> None:
    parts = [
        {"type": "text", "text": "What is"},
        {"type": "image_url", "image_url": {"url": "x"}},
        {"type": "text", "text": "this?"},
    ]
    assert prompt_text([user(parts)]) == "What is\nthis?"


def test_malformed_parts_are_passed_over() -> None:
    assert prompt_text([user([{"type": "text"}, {"type": "text", "text": 5}, {}])]) == ""


def test_no_user_turn_gives_an_empty_text() -> None:
    assert prompt_text([]) == ""
    assert prompt_text([Message(role="assistant", content="hello"), Message(role="user")]) == ""


def test_a_long_text_keeps_its_head_and_its_tail() -> None:
    text = bound("start " + "x" * 1_000_000 + " end")
    assert text.startswith("start ")
    assert text.endswith(" end")
    assert len(text) == MAX_CHARS


def test_a_text_at_the_limit_is_not_cut() -> None:
    text = "y" * MAX_CHARS
    assert bound(text) == text
    assert bound(text + "y") != text


def test_lone_surrogates_become_something_that_can_be_encoded() -> None:
    assert bound("a\ud800b") == "a?b"


@given(st.text(st.characters(exclude_categories=())), st.integers(1, 3000))
def test_bounding_twice_changes_nothing(text: str, times: int) -> None:
    once = bound(text * times)
    assert bound(once) == once
    assert len(once) <= MAX_CHARS
    once.encode("utf-8")
