"""Pairs derived from those that share their first request."""

from __future__ import annotations

from training.pairs.derived import derived_pairs
from training.pairs.records import RequestPair


def pair(a: str, b: str, *, same: bool) -> RequestPair:
    return RequestPair(a, b, same, "questions", "reported-0")


def test_two_rewordings_of_one_request_are_the_same_and_a_trap_is_one_for_both() -> None:
    found = derived_pairs([pair("a", "b", same=True), pair("a", "c", same=True), pair("a", "d", same=False)])
    assert {(each.a, each.b, each.same_answer) for each in found} == {
        ("b", "c", True), ("b", "d", False), ("c", "d", False),
    }  # fmt: skip


def test_nothing_is_derived_across_first_requests_that_reports_have_linked() -> None:
    """``b`` is a trap of ``a`` and the first request of ``c``: ``c`` and ``d`` were compared with different ones."""
    linked = [pair("a", "b", same=False), pair("b", "c", same=True), pair("e", "c", same=False)]
    assert derived_pairs(linked) == []
