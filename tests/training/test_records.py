"""Counting what was left out."""

from __future__ import annotations

from training.records import Drops


def counted() -> Drops:
    drops = Drops()
    drops.add("votes", "empty prompt", example="votes.csv:3")
    drops.add("votes", "empty prompt", example="votes.csv:9")
    drops.add("grades", "no grades", count=5)
    return drops


def test_drops_are_counted_by_source_and_reason_with_the_first_place():
    assert counted().rows() == [("grades", "no grades", 5, ""), ("votes", "empty prompt", 2, "votes.csv:3")]
    assert counted().total == 7
    assert counted().by_reason() == {"no grades": 5, "empty prompt": 2}
    assert counted().by_reason("votes") == {"empty prompt": 2}


def test_merged_drops_add_up_and_keep_the_first_place():
    drops = counted()
    drops.merge(counted())
    assert drops.rows()[1] == ("votes", "empty prompt", 4, "votes.csv:3")


def test_the_table_shows_kept_and_dropped_rows_of_each_source():
    assert counted().table({"votes": 1200}).splitlines() == [
        "source   rows  what became of them",
        "grades      5  dropped: no grades",
        "votes   1,200  kept",
        "votes       2  dropped: empty prompt (first at votes.csv:3)",
    ]
