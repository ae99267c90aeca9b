"""What LLMRouter collected: questions of a dozen benchmarks in one table that does not say which is which.

Each is told by how it is put, because a classifier must learn what makes a question hard among its like: fitted on all
at once, it learns that riddles about houses are harder than trivia, and little else. The rules are tried in order, the
first that fits counts. They need not be right about every question, only keep unlike ones apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_HOUSES = re.compile(r"Q: There (?:are|is) \d+ house")
_PROGRAM = re.compile(r"Write a (?:python )?function")
_FORMULA = re.compile(r"\$(?!\d)[^$]{1,80}\$")
_AMOUNT = re.compile(r"how (?:many|much|long|far|old|tall)|what (?:is|was|percent)|calculate|in total")
_NUMBER = re.compile(r"\d+")

_MANY_COMMAS = 8
_WORDS_PER_COMMA = 1.6
_PASSAGE = 700
_STORY_WORDS = 18
_LONG_WORDS = 45


def task_of(question: str) -> str:
    """The kind of question, one of a dozen names; linear in the text."""
    return next((name for name, fits in _RULES if fits(question)), "short")


def _is_list(question: str) -> bool:
    commas = question.count(",")
    return commas >= _MANY_COMMAS and "?" not in question and len(question.split()) < commas * _WORDS_PER_COMMA


def _is_stub(question: str) -> bool:
    return "def " in question and ('"""' in question or "'''" in question)


def _is_sum(question: str) -> bool:
    story = len(_NUMBER.findall(question)) >= 2 and len(question.split()) >= _STORY_WORDS
    return story and _AMOUNT.search(question.lower()) is not None


_RULES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("houses", lambda text: _HOUSES.match(text) is not None),
    ("sorting", _is_list),
    ("stub", _is_stub),
    ("program", lambda text: _PROGRAM.match(text) is not None),
    ("formula", lambda text: "\\" in text or _FORMULA.search(text) is not None),
    ("passage", lambda text: len(text) > _PASSAGE),
    ("query", lambda text: text[:1].islower() and "?" not in text),
    ("word_problem", _is_sum),
    ("long", lambda text: len(text.split()) > _LONG_WORDS),
    ("statement", lambda text: not text.rstrip().endswith("?")),
)
