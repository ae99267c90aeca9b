"""What the cache serves without evidence: texts of one normal form. It rests on no trap ever having one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from router.scoring.wording import normal_form

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = {
    "data/cache/questions.jsonl": None,
    "tests/cache/held_out/questions.jsonl": None,
    "tests/cache/traps.jsonl": False,
}
"""Files of pairs, with the label of all their rows where the rows have none."""


@pytest.mark.parametrize("path", QUESTIONS)
def test_no_trap_has_the_normal_form_of_its_question(path: str) -> None:
    rows = [json.loads(line) for line in (ROOT / path).read_text(encoding="utf-8").splitlines()]
    traps = [row for row in rows if not row.get("same_answer", QUESTIONS[path])]
    assert len(traps) > 400
    assert [row for row in traps if normal_form(row["a"]) == normal_form(row["b"])] == []
