"""Traps by rule: the second request of a pair with one detail changed, so that the first one's answer no longer fits.

Made from pairs with the same answer: most traps are reworded as well as changed, so that no model can tell them by the
number of shared words; the others differ in that one detail alone.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from router.scoring.verifier.words import OPPOSITES
from training.pairs.records import RequestPair

BARE_SHARE = 0.35
"""Share of the traps that differ from the first request in the edit alone."""

_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w])")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-zA-Z]{2,}")
_TWO_SIDES = re.compile(r"\b(\w+) (to|than|over|into|versus|vs|before|after) (\w+)\b")
_AUXILIARY = re.compile(r"\b(is|are|can|should|do|does|did|will|would|could|was|were|must)\b(?! not\b)", re.IGNORECASE)
_NOT = re.compile(r"\b(?:not|never) |(?<=\w)n't\b")

_OPPOSITE = re.compile(rf"\b({'|'.join(OPPOSITES)})\b", re.IGNORECASE)

_PLAIN_WORD = re.compile(r"[A-Za-z]{3,}")


class Vocabulary(Struct, frozen=True):
    """What rules put in the place of a name, and of another word (``training.pairs.near_words``)."""

    names: Sequence[str]
    near: Mapping[str, Sequence[str]]


Edit = Callable[[str, random.Random, Vocabulary], str | None]


def edited_traps(
    pairs: Sequence[RequestPair], *, most: int, seed: int, near: Mapping[str, Sequence[str]] | None = None
) -> list[RequestPair]:
    """Up to ``most`` traps made from the pairs with the same answer, each of the group of its pair.

    Args:
        pairs: where they are made from.
        most: traps wanted; fewer come out where no rule applies.
        seed: fixes what is drawn.
        near: for a word those that stand near it and mean something else; no word is exchanged without.
    """
    rng = random.Random(seed)  # noqa: S311 (no secret)
    sources = [pair for pair in pairs if pair.same_answer]
    names = sorted({name for pair in sources for name in _NAME.findall(pair.b)})
    vocabulary = Vocabulary(names, near or {})
    made: list[RequestPair] = []
    for pair in rng.sample(sources, len(sources)):
        if len(made) == most:
            break
        source = pair.a if rng.random() < BARE_SHARE else pair.b
        for family, edit in rng.sample(list(EDITS.items()), len(EDITS)):
            text = edit(source, rng, vocabulary)
            if text is not None and text != source:
                made.append(RequestPair(pair.a, text, False, "edits", pair.group, family))
                break
    return made


def _other_number(text: str, rng: random.Random, words: Vocabulary) -> str | None:
    found = list(_NUMBER.finditer(text))
    if not found:
        return None
    match = rng.choice(found)
    digits = list(match[0])
    if len(digits) > 1 and rng.random() < 0.5:
        place = rng.randrange(len(digits) - 1)
        digits[place], digits[place + 1] = digits[place + 1], digits[place]
    else:
        place = rng.randrange(len(digits))
        digits[place] = rng.choice([digit for digit in "123456789" if digit != digits[place]])
    return _replaced(text, match, "".join(digits))


def _other_name(text: str, rng: random.Random, words: Vocabulary) -> str | None:
    found = list(_NAME.finditer(text))
    return _replaced(text, rng.choice(found), rng.choice(words.names)) if found else None


def _sides_exchanged(text: str, rng: random.Random, words: Vocabulary) -> str | None:
    found = [match for match in _TWO_SIDES.finditer(text) if match[1] != match[3]]
    if not found:
        return None
    match = rng.choice(found)
    return _replaced(text, match, f"{match[3]} {match[2]} {match[1]}")


def _negated(text: str, rng: random.Random, words: Vocabulary) -> str | None:
    negation = _NOT.search(text)
    if negation:
        return _replaced(text, negation, "")
    found = list(_AUXILIARY.finditer(text))
    if not found:
        return None
    match = rng.choice(found)
    place = text.find(" ", match.end() + 1)  # behind the subject, where that is one word
    return None if place < 0 else f"{text[:place]} not{text[place:]}"


def _opposite(text: str, rng: random.Random, words: Vocabulary) -> str | None:
    found = list(_OPPOSITE.finditer(text))
    if not found:
        return None
    match = rng.choice(found)
    other = OPPOSITES[match[0].lower()]
    return _replaced(text, match, other.capitalize() if match[0][0].isupper() else other)


def _other_word(text: str, rng: random.Random, words: Vocabulary) -> str | None:
    found = [match for match in _PLAIN_WORD.finditer(text) if match[0].lower() in words.near]
    if not found:
        return None
    match = rng.choice(found)
    return _replaced(text, match, rng.choice(words.near[match[0].lower()]))


def _replaced(text: str, match: re.Match[str], by: str) -> str:
    return text[: match.start()] + by + text[match.end() :]


EDITS: dict[str, Edit] = {
    "other_number": _other_number,
    "other_name": _other_name,
    "sides_exchanged": _sides_exchanged,
    "negated": _negated,
    "opposite": _opposite,
    "other_word": _other_word,
}
"""Family to rule. A rule gives None where the text has nothing for it to change."""
