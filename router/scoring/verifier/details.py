"""Details that word pieces blur and that usually decide: names, quoted text, signs, dates, units, and who stands where.

Every figure is symmetric in the two texts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from router.scoring.bags import left_over, size
from router.scoring.verifier.detail_words import (
    CALENDAR,
    ENDINGS,
    FILLERS,
    LANGUAGES,
    LONG,
    OPPOSED,
    ROLES,
    SKIPPED,
    UNITS,
)
from router.scoring.verifier.words import SPELLED

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*|[<>=+*/%#$€£&|^~@°!-]")
_QUOTED = re.compile(r"\"([^\"]+)\"|“([^”]+)”|«([^»]+)»|„([^“”]+)[“”]|`([^`]+)`|(?<!\w)'([^']+)'(?!\w)")
_SIGN = re.compile(r"[<>=+*/%#$€£&|^~@°]")
_QUOTE = re.compile("[\"'`“«„]")

NAMES: tuple[str, ...] = (
    "numbers_replaced", "names_left", "names_replaced", "shouted_left", "signs_left", "quoted_left", "quoted_same",
    "calendar_replaced", "units_replaced", "languages_replaced", "opposed", "roles_same", "roles_other",
    "bag_replaced", "marks_left", "unmatched_low", "unmatched_high", "misspelt",
)  # fmt: skip
"""Names of what :func:`detail_features` gives."""


class Details(NamedTuple):
    """What :func:`detail_features` looks at of one text; made by ``of``.

    ``words``: all words in lower case. ``names``: those with a capital, the text's first aside. ``shouted``: words in
    capitals alone. ``roles``: for a word the preposition that it stands behind.
    """

    words: Counter[str]
    numbers: Counter[str]
    names: frozenset[str]
    shouted: frozenset[str]
    signs: Counter[str]
    quoted: frozenset[str]
    calendar: frozenset[str]
    units: frozenset[str]
    languages: frozenset[str]
    roles: dict[str, str]
    marks: tuple[bool, ...]

    @classmethod
    def of(cls, text: str) -> Details:
        """Read a text."""
        found = _WORD.findall(text)
        low = [word.lower().replace("’", "'") for word in found]
        distinct = frozenset(low)
        return cls(
            words=Counter(low),
            numbers=Counter(word.replace(",", "") for word in low if word[0].isdigit()),
            names=frozenset(word.lower() for word in found[1:] if word[0].isupper() and word != "I"),
            shouted=frozenset(word for word in found if len(word) > 1 and word.isupper()),
            signs=Counter(_SIGN.findall(text)),
            quoted=_quoted(text),
            calendar=frozenset(CALENDAR[word] for word in distinct & CALENDAR.keys()),
            units=frozenset(UNITS[word] for word in distinct & UNITS.keys()),
            languages=distinct & LANGUAGES,
            roles=_roles(low),
            marks=("?" in text, "!" in text, ":" in text, "\n" in text),
        )


def detail_features(a: Details, b: Details) -> list[float]:
    """The figures of ``NAMES`` for two texts."""
    left_a, left_b = left_over(a.words, b.words), left_over(b.words, a.words)
    names_a, names_b = a.names - b.words.keys(), b.names - a.words.keys()
    shared = a.roles.keys() & b.roles.keys()
    same = sum(a.roles[word] == b.roles[word] for word in shared)
    unmatched_a, unmatched_b, misspelt = _unmatched(left_a, left_b)
    return [
        _replaced(size(left_over(a.numbers, b.numbers)), size(left_over(b.numbers, a.numbers))),
        float(len(names_a) + len(names_b)),
        _replaced(len(names_a), len(names_b)),
        float(len(a.shouted ^ b.shouted)),
        float(size(left_over(a.signs, b.signs)) + size(left_over(b.signs, a.signs))),
        float(len(a.quoted ^ b.quoted)),
        float(len(a.quoted & b.quoted)),
        _replaced(len(a.calendar - b.calendar), len(b.calendar - a.calendar)),
        _replaced(len(a.units - b.units), len(b.units - a.units)),
        _replaced(len(a.languages - b.languages), len(b.languages - a.languages)),
        float(sum(not OPPOSED.get(word, frozenset()).isdisjoint(left_b) for word in left_a)),
        float(same),
        float(len(shared) - same),
        _replaced(size(left_a), size(left_b)),
        float(sum(one != other for one, other in zip(a.marks, b.marks, strict=True))),
        float(min(unmatched_a, unmatched_b)),
        float(max(unmatched_a, unmatched_b)),
        float(misspelt),
    ]


def _unmatched(left_a: Mapping[str, int], left_b: Mapping[str, int]) -> tuple[int, int, int]:
    """Words that say something and have no match, on either side, and how many match but for letters or an ending."""
    one, other = ([LONG.get(word, word) for word in left if word not in FILLERS] for left in (left_a, left_b))
    one, other = ([SPELLED.get(word, word) for word in words] for words in (one, other))
    rest_a, rest_b = [word for word in one if word not in other], [word for word in other if word not in one]
    misspelt = min(_alike_among(rest_a, rest_b), _alike_among(rest_b, rest_a))
    return len(rest_a) - misspelt, len(rest_b) - misspelt, misspelt


def _alike_among(words: list[str], others: list[str]) -> int:
    """How many of ``words`` are like any of ``others``; only those that begin alike can be, which spares most looks."""
    by_start: dict[str, list[str]] = {}
    for other in others:
        by_start.setdefault(other[:1], []).append(other)
    return sum(any(_alike(word, near) for near in by_start.get(word[:1], ())) for word in words)


def _alike(one: str, other: str) -> bool:
    """Whether two words differ in an ending, or in one letter that is missing, doubled or exchanged with the next."""
    if one[:1] != other[:1]:
        return False
    short, long = (one, other) if len(one) <= len(other) else (other, one)
    if len(short) < 3 or not short.isalpha():
        return False
    if long.startswith(short) and long[len(short) :] in ENDINGS:
        return True
    if len(short) < 5 or len(long) > len(short) + 1:
        return False
    start = next((place for place, pair in enumerate(zip(short, long, strict=False)) if pair[0] != pair[1]), len(short))
    if len(long) == len(short):
        return short[start + 1 : start + 2] + short[start : start + 1] + short[start + 2 :] == long[start:]
    return short[start:] == long[start + 1 :]


def _quoted(text: str) -> frozenset[str]:
    if not _QUOTE.search(text):  # which is sooner seen than that nothing is quoted
        return frozenset()
    return frozenset(next(filter(None, groups)).lower().strip(" .,!?") for groups in _QUOTED.findall(text))


def _replaced(left: int, right: int) -> float:
    """How many on one side may stand for as many on the other; less half where only one side has any."""
    return float(min(left, right)) or -0.5 * float(max(left, right) > 0)


def _roles(words: list[str]) -> dict[str, str]:
    roles: dict[str, str] = {}
    for place, word in enumerate(words):
        role = ROLES.get(word)
        if role is not None:
            behind = next((other for other in words[place + 1 : place + 4] if other not in SKIPPED), None)
            if behind is not None:
                roles.setdefault(behind, role)
    return roles
