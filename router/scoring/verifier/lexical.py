"""What the words of two texts tell: which are shared, which are not, and of what kind those are. No vectors.

Every figure is symmetric in the two texts.
"""

from __future__ import annotations

import re
from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from router.scoring.bags import dice, left_over, size
from router.scoring.pair import Wording, pair_features
from router.scoring.verifier.words import KINDS, OPPOSITES, SMALL, SPELLED
from router.scoring.wording import Form

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*")
_KINDS_OF: dict[str, tuple[int, ...]] = {
    word: tuple(place for place, words in enumerate(KINDS.values()) if word in words)
    for word in frozenset().union(*KINDS.values())
}

NAMES: tuple[str, ...] = (
    "same_form", "overlap", "form_overlap", "same_numbers", "same_order", "letters", "content_overlap", "contained",
    "least_left", "most_left", "numbers_shared", "numbers_left", "capitals_left", "opposites", "same_first",
    "same_words", "shorter_by", "length", "not_ascii", "inversions", *(f"{kind}_left" for kind in KINDS),
)  # fmt: skip
"""Names of what :func:`lexical_features` gives."""


class Words(NamedTuple):
    """What :func:`lexical_features` looks at of one text; made by ``of``.

    ``plain``: words in order, lower case, numbers in digits. ``content``: the distinct ones that say something.
    ``capitals``: words that begin with a capital, the first aside. ``threes``: runs of three letters.
    """

    wording: Wording
    plain: list[str]
    bag: Counter[str]
    content: frozenset[str]
    numbers: Counter[str]
    capitals: frozenset[str]
    threes: Counter[str]
    ascii: bool

    @classmethod
    def of(cls, text: str, form: Form | None = None) -> Words:
        """Read a text; ``form`` spares the dearest part where its normal form is known."""
        found = _WORD.findall(text)
        plain = [_plain(word) for word in found]
        low = f" {text.lower()} "
        return cls(
            wording=Wording.of(text, form),
            plain=plain,
            bag=Counter(plain),
            content=frozenset(plain) - SMALL,
            numbers=Counter(word for word in plain if word[0].isdigit()),
            capitals=frozenset(word for word in found[1:] if word[0].isupper() and word != "I"),
            threes=Counter(map("".join, zip(low, low[1:], low[2:], strict=False))),
            ascii=text.isascii(),
        )


def lexical_features(a: Words, b: Words) -> list[float]:
    """The figures of ``NAMES`` for two texts."""
    seen = pair_features(a.wording, b.wording)
    left_a, left_b = left_over(a.bag, b.bag), left_over(b.bag, a.bag)
    shared = len(a.content & b.content)
    sizes = len(a.content), len(b.content)
    short, long = sorted((max(1, len(a.plain)), max(1, len(b.plain))))
    return [
        seen.same_form,
        seen.overlap,
        seen.form_overlap,
        seen.same_numbers,
        seen.same_order,
        dice(a.threes, b.threes),
        2 * shared / sum(sizes) if sum(sizes) else 1.0,
        shared / max(1, min(sizes)),
        float(min(sizes) - shared),
        float(max(sizes) - shared),
        dice(a.numbers, b.numbers),
        float(size(left_over(a.numbers, b.numbers)) + size(left_over(b.numbers, a.numbers))),
        float(len(a.capitals ^ b.capitals)),
        float(max(_opposites(left_a, left_b), _opposites(left_b, left_a))),
        float(a.plain[:1] == b.plain[:1]),
        float(not left_a and not left_b),
        short / long,
        float(len(a.plain) + len(b.plain)),
        float(not (a.ascii and b.ascii)),
        _inversions(a, b),
        *_kinds_left(left_a, left_b),
    ]


def _plain(word: str) -> str:
    lower = word.lower().replace("’", "'").replace(",", "")
    return SPELLED.get(lower, lower)


def _opposites(left_a: Mapping[str, int], left_b: Mapping[str, int]) -> int:
    # Some words have two opposites, and the table names one: each side is asked for those of the other.
    return sum(OPPOSITES.get(word) in left_b for word in left_a)


def _kinds_left(*left: Mapping[str, int]) -> list[float]:
    """How many words of each of ``KINDS`` are on one side only."""
    counts = [0.0] * len(KINDS)
    for bag in left:
        for word, count in bag.items():
            for place in _KINDS_OF.get(word, ()):
                counts[place] += count
    return counts


def _inversions(a: Words, b: Words) -> float:
    """Share of pairs of shared words, each said once on either side, that come in the other order."""
    places = {word: place for place, word in enumerate(b.plain) if b.bag[word] == 1}
    return _turned(places[word] for word in a.plain if word in places and a.bag[word] == 1)


def _turned(order: Iterable[int]) -> float:
    seen: list[int] = []
    turned = 0
    for place in order:
        turned += len(seen) - bisect_right(seen, place)
        insort(seen, place)
    total = len(seen) * (len(seen) - 1) / 2
    return turned / total if total else 0.0
