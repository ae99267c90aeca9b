"""Prompts and references from files of several kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.errors import DataError
from tests.label.support import write_rows
from training.label.questions import read_questions
from training.records import Drops


def test_text_is_one_prompt_a_line(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("one, with a comma\n\n  two  \n", encoding="utf-8")
    assert [row.prompt for row in read_questions(path, Drops())] == ["one, with a comma", "two"]


def test_csv_needs_a_column_prompt(tmp_path: Path) -> None:
    path = tmp_path / "prompts.csv"
    path.write_text("id,prompt,answer\n7,What is 2+2?,4\n8,Hi,\n", encoding="utf-8")
    first, second = read_questions(path, Drops())
    assert (first.id, first.prompt, first.answer) == ("7", "What is 2+2?", "4")
    assert not second.has_reference
    path.write_text("question\nhello\n", encoding="utf-8")
    with pytest.raises(DataError, match="column 'prompt'"):
        read_questions(path, Drops())


def test_repeated_and_empty_prompts_are_counted(tmp_path: Path) -> None:
    rows = [{"prompt": "a"}, {"prompt": " a "}, {"prompt": ""}, {"prompt": 3}]
    drops = Drops()
    assert len(read_questions(write_rows(tmp_path / "p.jsonl", rows), drops)) == 1
    assert drops.by_reason() == {"no text in 'prompt'": 2, "repeated prompt": 1}


def test_numbers_and_booleans_may_be_answers(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "answer": 4}, {"prompt": "b", "answer": 0.5}, {"prompt": "c", "answer": True}]
    found = read_questions(write_rows(tmp_path / "p.jsonl", rows), Drops())
    assert [row.answer for row in found] == ["4", "0.5", "true"]


def test_answers_of_another_file_go_by_id_or_prompt(tmp_path: Path) -> None:
    prompts = write_rows(tmp_path / "p.jsonl", [{"id": 1, "prompt": "a", "answer": "old"}, {"prompt": "b"}])
    answers = write_rows(tmp_path / "a.jsonl", [{"id": 1, "answer": "new"}, {"prompt": "b", "answer_regex": "x+"}])
    first, second = read_questions(prompts, Drops(), answers=answers)
    assert (first.answer, second.answer_regex) == ("new", "x+")


def test_a_broken_regular_expression_names_its_row(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "p.jsonl", [{"prompt": "a", "answer_regex": "("}])
    with pytest.raises(DataError, match=r"p\.jsonl:1: 'answer_regex'"):
        read_questions(path, Drops())
