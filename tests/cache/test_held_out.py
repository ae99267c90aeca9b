"""The held-out pairs hold no question that was fitted on, and as many of each kind as their README says."""

from __future__ import annotations

import re

import msgspec
import pytest

from router.scoring.wording import normal_form
from tests.cache.support import HERE, rows

FITTED = HERE.parents[1] / "data" / "cache" / "questions.jsonl"


def test_no_held_out_question_was_fitted_on() -> None:
    fitted = [msgspec.json.decode(line) for line in FITTED.read_bytes().splitlines()]
    known = {normal_form(row[side]) for row in fitted for side in "ab"}
    held_out = rows("held_out/questions.jsonl")
    assert [row for row in held_out if known & {normal_form(row["a"]), normal_form(row["b"])}] == []


@pytest.mark.parametrize("name", ["questions.jsonl", "conversations.jsonl"])
def test_the_readme_counts_the_held_out_pairs(name: str) -> None:
    readme = (HERE / "held_out" / "README.md").read_text(encoding="utf-8")
    said = re.search(rf"`{name}` \| (\d+) \| (\d+) \|", readme)
    assert said is not None
    same = [row["same_answer"] for row in rows(f"held_out/{name}")]
    assert (int(said[1]), int(said[2])) == (sum(same), len(same) - sum(same))
