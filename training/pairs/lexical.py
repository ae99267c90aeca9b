"""What the words of two texts tell: which are shared, which are not, and of what kind those are. No vectors.

Every figure is symmetric in the two texts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from router.scoring.pair import NEGATIONS, pair_features
from router.scoring.wording_tables import AUXILIARIES, QUESTION_WORDS, TASK_VERBS
from training.pairs.edits import OPPOSITES

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*")
_SPELLED = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
}
_SPELLED |= {
    word: str(10 * number)
    for number, word in enumerate("thirty forty fifty sixty seventy eighty ninety hundred".split(), 3)
}
_SMALL = frozenset("a an the of to in on at for is are be do does my me i you it and please can could would".split())
_DIRECTIONS = frozenset("from to into than before after by with without if unless only all every any".split())
_PERSONS = frozenset("i me my mine we us our you your he him his she her they them their".split())
_FORMS = frozenset(
    "list table bullet bullets json yaml csv xml markdown haiku poem sentence sentences word words paragraph "
    "paragraphs short brief briefly long detailed steps code one-liner essay tweet".split()
)
_MODALS = AUXILIARIES & frozenset("can could will would should shall may might must".split())

KINDS: dict[str, frozenset[str]] = {
    "negation": NEGATIONS,
    "question": QUESTION_WORDS,
    "direction": _DIRECTIONS,
    "person": _PERSONS,
    "form": _FORMS,
    "modal": _MODALS,
    "past": frozenset("was were did had".split()),
    "task": TASK_VERBS,
}
"""Kinds of words whose being on one side only usually changes the answer."""

NAMES: tuple[str, ...] = (
    "same_form", "overlap", "form_overlap", "same_numbers", "same_order", "letters", "content_overlap", "contained",
    "least_left", "most_left", "numbers_shared", "numbers_left", "capitals_left", "opposites", "same_first",
    "same_words", "shorter_by", "length", "not_ascii", "inversions", *(f"{kind}_left" for kind in KINDS),
)  # fmt: skip
"""Names of what :func:`lexical_features` gives."""


def lexical_features(first: str, second: str) -> list[float]:
    """The figures of ``NAMES`` for two texts."""
    seen = pair_features(first, second)
    raw_a, raw_b = _WORD.findall(first), _WORD.findall(second)
    a, b = [_plain(word) for word in raw_a], [_plain(word) for word in raw_b]
    bag_a, bag_b = Counter(a), Counter(b)
    left_a, left_b = bag_a - bag_b, bag_b - bag_a
    content_a, content_b = set(a) - _SMALL, set(b) - _SMALL
    digits_a, digits_b = _numbers(bag_a), _numbers(bag_b)
    sizes = sorted((len(content_a - content_b), len(content_b - content_a)))
    short, long = sorted((max(1, len(a)), max(1, len(b))))
    return [
        seen.same_form,
        seen.overlap,
        seen.form_overlap,
        seen.same_numbers,
        seen.same_order,
        _dice(_threes(first), _threes(second)),
        _dice(Counter(content_a), Counter(content_b)),
        len(content_a & content_b) / max(1, min(len(content_a), len(content_b))),
        float(sizes[0]),
        float(sizes[1]),
        _dice(digits_a, digits_b),
        float(((digits_a - digits_b) | (digits_b - digits_a)).total()),
        float(len(_capitals(raw_a) ^ _capitals(raw_b))),
        float(sum(OPPOSITES.get(word) in left_b for word in left_a)),
        float(a[:1] == b[:1]),
        float(bag_a == bag_b),
        short / long,
        float(len(a) + len(b)),
        float(not (first.isascii() and second.isascii())),
        _inversions(a, b),
        *(float(sum((left_a[word] + left_b[word]) for word in words)) for words in KINDS.values()),
    ]


def _plain(word: str) -> str:
    lower = word.lower().replace("’", "'").replace(",", "")
    return _SPELLED.get(lower, lower)


def _numbers(bag: Counter[str]) -> Counter[str]:
    return Counter({word: count for word, count in bag.items() if word[0].isdigit()})


def _capitals(words: list[str]) -> set[str]:
    """Words that begin with a capital, the text's first word aside."""
    return {word for word in words[1:] if word[0].isupper() and word != "I"}


def _threes(text: str) -> Counter[str]:
    low = f" {text.lower()} "
    return Counter(low[place : place + 3] for place in range(len(low) - 2))


def _dice(first: Counter[str], second: Counter[str]) -> float:
    total = first.total() + second.total()
    return 2 * (first & second).total() / total if total else 1.0


def _inversions(a: list[str], b: list[str]) -> float:
    """Share of pairs of shared words, each said once on either side, that come in the other order."""
    places = {word: place for place, word in enumerate(b) if b.count(word) == 1}
    order = [places[word] for word in a if word in places and a.count(word) == 1]
    return _turned(order)


def _turned(order: Iterable[int]) -> float:
    places = list(order)
    total = len(places) * (len(places) - 1) / 2
    turned = sum(later < earlier for at, earlier in enumerate(places) for later in places[at + 1 :])
    return turned / total if total else 0.0
