"""Named numbers about a prompt that a mean of token vectors cannot see: length, digits, layout, kinds of words.

Everything is counted in a fixed number of passes over a bounded text; no pattern here can backtrack beyond a fixed
number of characters, so time is linear in the text. Counts enter as ``log(1 + n)``: the step from 1 to 2 says
more than the one from 101 to 102. Names are ``group.what``; the group is what people are shown.
"""

from __future__ import annotations

import re
from math import log1p

import numpy as np
from numpy.typing import NDArray

from router.scoring.cues import CUE_NAMES, CUES, OPENING_NAMES, OPENINGS

_ASCII = 128
_BLANK_BUT_LETTERS = str.maketrans({chr(code): " " for code in range(_ASCII) if not chr(code).islower()})
_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"\d+")
_ASCII_NUMBER = re.compile(r"[0-9]+")
_OPTION = re.compile(r"([A-J])(?<![^\s(].)[.):]")
_LIST_ITEM = re.compile(r"^[ \t]{0,8}(?:[-*\u2022]|\d{1,3}[.)])[ \t]", re.MULTILINE)
_CODE_START = re.compile(r"[ \t]{1,16}\w|(?:import|from|def|class|#include|SELECT|public|const|let|var)\b")
_CODE_ENDS = (";", "{", "}")
_CAPITALISED = re.compile(r"[a-z,] [A-Z][a-z]")
_MAY_BE_CAPITALISED = re.compile(r" [A-Z]")
_OPTION_LETTERS = "ABCDEFGHIJ"
_LONG_WORD = 9

_CHARACTER_CLASSES: dict[str, str] = {
    "maths.symbols": "=+*/^<>%$\u00b2\u00b3",
    "code.symbols": "{}[];_<>=#&|`\\",
    "text.brackets": "()",
    "text.quotes": "\"'",
    "text.commas": ",;:",
    "question.marks": "?",
    "text.exclamations": "!",
}
_SHARES = ("numbers.digit_share", "text.upper_share", "text.space_share", "script.non_ascii_share")

_LENGTH = (
    "length.characters",
    "length.tokens",
    "length.words",
    "length.lines",
    "length.sentences",
    "length.longest_line",
    "length.words_per_sentence",
)
_VOCABULARY = (
    "vocabulary.characters_per_word",
    "vocabulary.tokens_per_word",
    "vocabulary.distinct_share",
    "vocabulary.long_word_share",
    "vocabulary.names",
)
_LAYOUT = (
    "numbers.count",
    "numbers.most_digits",
    "choice.options",
    "constraint.list_items",
    "code.lines",
    "code.fences",
    "maths.commands",
    "reasoning.step_by_step",
    "reasoning.how_many",
    "choice.blank",
    "transform.links",
)

FEATURE_NAMES: tuple[str, ...] = (
    *_LENGTH,
    *_VOCABULARY,
    *_SHARES,
    *_CHARACTER_CLASSES,
    *_LAYOUT,
    *CUE_NAMES,
    *OPENING_NAMES,
    "script.non_latin_share",
)
"""Names of the columns that ``features`` gives, in order. An artifact fitted on other names is refused."""


def _class_table() -> NDArray[np.float64]:
    """Indicator matrix [129, classes + 5]: ASCII codes (128 stands for all others) against character classes.

    The last five columns are digits, capitals, white space, non-ASCII and sentence ends.
    """
    members = [*_CHARACTER_CLASSES.values(), "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", " \t\n\r", "", ".!?"]
    table = np.zeros((_ASCII + 1, len(members)))
    for column, characters in enumerate(members):
        table[[ord(character) for character in characters if ord(character) < _ASCII], column] = 1.0
    table[_ASCII, members.index("")] = 1.0
    return table


_CLASS_TABLE = _class_table()


def features(text: str, ids: NDArray[np.int32]) -> NDArray[np.float32]:
    """Describe one prompt.

    Args:
        text: a bounded text (``prompt.bound``); time is linear in its length.
        ids: its token ids, int32 [T].

    Returns:
        float32 [F], finite, in the order of ``FEATURE_NAMES``.
    """
    lower = text.lower()
    words = _words(lower)
    classes, shares, sentences, non_latin_share = _characters(text)
    lines = text.split("\n")
    values = [
        *_length(text, lines, len(words), len(ids), sentences),
        *_vocabulary(text, words, len(ids)),
        *shares,
        *classes,
        *_layout(text, lower, lines, _numbers(text, digit_share=shares[0])),
        *_cues(words),
        *_opening(words),
        non_latin_share,
    ]
    return np.array(values, np.float32)


def _words(lower: str) -> list[str]:
    """Runs of letters. The ways with an ASCII text, here and below, find the same as the others and are quicker."""
    return lower.translate(_BLANK_BUT_LETTERS).split() if lower.isascii() else _WORD.findall(lower)


def _characters(text: str) -> tuple[list[float], list[float], float, float]:
    """Count characters by class: log counts, shares, sentence ends, and the share outside Latin scripts."""
    if text.isascii():
        histogram = np.bincount(np.frombuffer(text.encode(), np.uint8), minlength=_ASCII + 1)
        non_latin = 0.0
    else:
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        histogram = np.bincount(np.minimum(codes, _ASCII), minlength=_ASCII + 1)
        non_latin = float(np.count_nonzero((codes >= 0x370) & ~_general_punctuation(codes)))
    counts = (histogram @ _CLASS_TABLE).tolist()
    size = max(len(text), 1)
    kinds = len(_CHARACTER_CLASSES)
    logs = [log1p(count) for count in counts[:kinds]]
    shares = [count / size for count in counts[kinds : kinds + len(_SHARES)]]
    return logs, shares, counts[-1], non_latin / size


def _general_punctuation(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Typographic marks and mathematical signs, which English texts hold too."""
    return (codes >= 0x2000) & (codes < 0x2C00)


def _length(text: str, lines: list[str], words: int, tokens: int, sentences: float) -> tuple[float, ...]:
    return (
        log1p(len(text)),
        log1p(tokens),
        log1p(words),
        log1p(len(lines)),
        log1p(sentences),
        log1p(max(map(len, lines))),
        log1p(words / max(sentences, 1.0)),
    )


def _vocabulary(text: str, words: list[str], tokens: int) -> tuple[float, ...]:
    count = max(len(words), 1)
    lengths = list(map(len, words))
    return (
        log1p(sum(lengths) / count),
        log1p(tokens / count),
        len(set(words)) / count,
        len([length for length in lengths if length >= _LONG_WORD]) / count,
        log1p(len(_CAPITALISED.findall(text)) if _MAY_BE_CAPITALISED.search(text) else 0),
    )


def _numbers(text: str, *, digit_share: float) -> list[str]:
    if not text.isascii():
        return _NUMBER.findall(text)
    return _ASCII_NUMBER.findall(text) if digit_share else []


def _layout(text: str, lower: str, lines: list[str], numbers: list[str]) -> tuple[float, ...]:
    return (
        log1p(len(numbers)),
        log1p(max(map(len, numbers), default=0)),
        log1p(_option_run(text)),
        log1p(len(_LIST_ITEM.findall(text))),
        log1p(sum(line.endswith(_CODE_ENDS) or _CODE_START.match(line) is not None for line in lines)),
        log1p(text.count("```")),
        log1p(text.count("\\") + 2 * text.count("$$")),
        float("step by step" in lower or "step-by-step" in lower),
        float("how many" in lower or "how much" in lower),
        log1p(text.count("___")),
        log1p(lower.count("http")),
    )


def _option_run(text: str) -> int:
    """Length of the run A, B, C, ... of answer options; a lone "A)" is no choice."""
    present = set(_OPTION.findall(text))
    run = 0
    while run < len(_OPTION_LETTERS) and _OPTION_LETTERS[run] in present:
        run += 1
    return run if run > 1 else 0


def _cues(words: list[str]) -> list[float]:
    counts = [0] * len(CUE_NAMES)
    for word in filter(CUES.__contains__, words):
        for group in CUES[word]:
            counts[group] += 1
    return [log1p(count) for count in counts]


def _opening(words: list[str]) -> list[float]:
    flags = [0.0] * len(OPENING_NAMES)
    for column in OPENINGS.get(words[0], ()) if words else ():
        flags[column] = 1.0
    return flags
