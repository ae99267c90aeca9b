"""Right or wrong, where there is a reference answer.

A model talks; a reference does not. So the model's final answer is looked for first: what is boxed, what follows
``####`` or "the answer is", then the end of the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Literal, get_args

from router.errors import DataError
from training.label.numbers import numbers_in, parse_number, same_number
from training.label.questions import Question

Grader = Literal["exact", "number", "choice", "regex", "contains"]
"""``exact``: the final answer is the reference, up to case, marks and articles. ``number``: the same number.
``choice``: the same letter. ``regex``: ``answer_regex`` is found. ``contains``: the reference stands in the answer."""

GRADERS: tuple[Grader, ...] = get_args(Grader)

_OPTION = re.compile(r"^\s*\(?([A-Z])[.):]\s*(\S.*)$", re.MULTILINE)
_LETTER = re.compile(r"\(?([A-Za-z])[.):]?\)?")
_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_HASHES = re.compile(r"####\s*(.+)")
_CUE = re.compile(
    r"\b(?:answer|result|solution|option|choice)\s*(?:\b(?:is|was|would be|must be)\b|[:=])[\s:]*(\S.*)", re.IGNORECASE
)
_LETTER_CUE = re.compile(
    r"\b(?i:answer|option|choice)\b(?:\s+(?i:is|was|would be|must be))?[\s:(]*"
    r"(?:(?i:option|choice|letter)\s+)?\(?([A-Z])\b(?!')"
)
_LETTER_FIRST = re.compile(r"\(?([A-Z])(?:[.):]\s|\)|\s*$|\s*\n)")
_LETTER_BRACKETED = re.compile(r"\(([A-Z])\)")
_LETTER_LAST = re.compile(r"\s\(?([A-Z])\)?[.!]?\s*$")
_CLAIM = re.compile(r".*(?:\b(?:is|are|was|were|get|gives|equals)\b|[:=])\s+(\S.*)")
"""What the last sentence says that something is."""

_MARKDOWN = re.compile(r"[*`$]|\\\(|\\\)|\\\[|\\\]|\\text(?:bf)?\s*(?=\{)|__")
_ARTICLE = re.compile(r"^(?:the|an?)\s+")


END_CHARS = 20
"""Where a lone letter is the end of a text."""


def grader_for(question: Question, wanted: Grader | None = None) -> Grader:
    """The grader for a question with a reference.

    Args:
        question: has ``answer`` or ``answer_regex``.
        wanted: the one that the user chose; None looks at the reference and the prompt.

    Raises:
        DataError: the chosen grader cannot read this reference.
    """
    if question.answer_regex is not None and wanted in (None, "regex"):
        return "regex"
    answer = question.answer
    if wanted is not None:
        if answer is None or wanted == "regex" or (wanted == "number" and parse_number(answer) is None):
            raise DataError(f"{question.place}: the grader '{wanted}' cannot use this reference; leave out --grader")
        return wanted
    assert answer is not None
    if _LETTER.fullmatch(answer) and answer.strip("().: ").upper() in options_of(question.prompt):
        return "choice"
    return "number" if parse_number(answer) is not None else "exact"


def is_right(said: str, question: Question, grader: Grader) -> bool:
    """Whether the model's words ``said`` give the reference of ``question``."""
    if grader == "regex":
        assert question.answer_regex is not None
        return re.search(question.answer_regex, said, re.MULTILINE) is not None
    assert question.answer is not None
    return _CHECKS[grader](said, question.answer, question.prompt)


def options_of(prompt: str) -> dict[str, str]:
    """The lettered options of a multiple-choice prompt, letter -> text; empty where there are fewer than two."""
    found = {letter: text.strip() for letter, text in _OPTION.findall(prompt)}
    return found if len(found) > 1 else {}


def choice_in(said: str, options: dict[str, str]) -> str | None:
    """The letter that a model chose, or None where it chose none."""
    text = _plain(said)
    boxed = _last(_BOXED, said)
    if boxed is not None and (letter := _LETTER.fullmatch(_plain(boxed).strip("{} "))):
        return letter[1].upper()
    if cued := _last(_LETTER_CUE, text):
        return cued
    if whole := _LETTER.fullmatch(text):
        return whole[1].upper()
    if first := _LETTER_FIRST.match(text):
        return first[1]
    by_text = [letter for letter, option in options.items() if _normal(option) in _finals(said)]
    if len(by_text) == 1:
        return by_text[0]
    if last_line := _LETTER_FIRST.match(text.splitlines()[-1] if text else ""):
        return last_line[1]
    at_the_end = _LETTER_LAST.search(text[-END_CHARS:])
    if at_the_end and at_the_end[1] in options:
        return at_the_end[1]
    return _last(_LETTER_BRACKETED, text)


def _is_choice(said: str, answer: str, prompt: str) -> bool:
    return choice_in(said, options_of(prompt)) == answer.strip("().: ").upper()


def _is_number(said: str, answer: str, _prompt: str) -> bool:
    reference = parse_number(answer)
    if reference is None:
        return False
    for pattern in (_BOXED, _HASHES, _CUE):
        part = _last(pattern, said if pattern is _BOXED else _plain(said))
        if part is not None and (found := numbers_in(_sentence(part))):
            return same_number(found[-1], reference)
    found = numbers_in(said)
    return bool(found) and same_number(found[-1], reference)


def _is_exact(said: str, answer: str, _prompt: str) -> bool:
    return _normal(answer) in _finals(said)


def _contains(said: str, answer: str, _prompt: str) -> bool:
    return f" {_words(answer)} " in f" {_words(said)} "


_CHECKS: dict[str, Callable[[str, str, str], bool]] = {
    "exact": _is_exact,
    "number": _is_number,
    "choice": _is_choice,
    "contains": _contains,
}


def _finals(said: str) -> set[str]:
    """Everything that may be meant as the final answer, normalised."""
    text = _plain(said)
    lines = [line for line in text.splitlines() if line.strip()]
    parts = [text, *lines[-1:], _last(_BOXED, said), _last(_HASHES, text)]
    if claim := _CLAIM.match(_last_sentence(lines[-1]) if lines else ""):
        parts.append(claim[1])
    if cue := _last(_CUE, text):
        parts += [cue, _sentence(cue)]
    return {_normal(part) for part in parts if part is not None} - {""}


def _normal(text: str) -> str:
    """One case, single spaces, no marks around it, no article before it."""
    text = " ".join(unicodedata.normalize("NFKC", _plain(text)).casefold().split())
    return _ARTICLE.sub("", text.strip(" .,:;!?\"'“”‘’«»()[]{}"))


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", _normal(text)))


def _plain(text: str) -> str:
    """Without the marks of Markdown and LaTeX around words."""
    return _MARKDOWN.sub("", text).strip()


def _sentence(text: str) -> str:
    """The first sentence of a line; a dot within a number ends none."""
    return re.split(r"[.!?;](?:\s|$)", text, maxsplit=1)[0]


def _last_sentence(line: str) -> str:
    return re.split(r"[.!?;]\s+", line.strip())[-1]


def _last(pattern: re.Pattern[str], text: str) -> str | None:
    found: list[str] = pattern.findall(text)
    return found[-1] if found else None
