"""Rewordings by rule: the second request of a pair in other clothes, which change nothing of what it asks.

They are the counterpart of the traps by rule. Without them a network learns that whatever a rule has touched is a trap.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from training.pairs.records import RequestPair

_PREAMBLES = (
    "Please tell me: ", "Quick question: ", "Hi, ", "Hello! ", "I would like to know: ", "Can you help me? ",
    "Question: ", "Hey, ", "I was wondering, ", "Could you answer this: ", "Good morning. ", "Short question, ",
)  # fmt: skip
_THANKS = (" Thanks!", " Thank you.", " please", ", please.", " Thanks in advance.", " I appreciate your help.")
_CONTRACTIONS = {
    "what is": "what's", "how is": "how's", "where is": "where's", "who is": "who's", "it is": "it's",
    "do not": "don't", "does not": "doesn't", "is not": "isn't", "are not": "aren't", "cannot": "can't",
    "can not": "can't", "i am": "I'm", "did not": "didn't", "should not": "shouldn't", "will not": "won't",
    "i have": "I've", "there is": "there's",
}  # fmt: skip
_EXPANSIONS = {short.lower(): full for full, short in _CONTRACTIONS.items()}
_NUMBERS = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "twelve": "12", "twenty": "20", "thirty": "30", "hundred": "100",
}  # fmt: skip
_SPELLINGS = {
    "color": "colour", "favorite": "favourite", "behavior": "behaviour", "center": "centre", "organize": "organise",
    "percent": "%", "dollars": "USD", "kilometers": "km", "kilograms": "kg", "minutes": "min", "hours": "h",
    "javascript": "JS", "python 3": "Python3", "versus": "vs", "information": "info", "application": "app",
    "and": "&", "approximately": "about", "television": "TV", "united states": "US", "usa": "United States",
}  # fmt: skip
_BOTH_WAYS = {
    **_CONTRACTIONS, **_EXPANSIONS, **_NUMBERS, **{digits: word for word, digits in _NUMBERS.items()},
    **_SPELLINGS, **{other.lower(): word for word, other in _SPELLINGS.items() if other.isalpha()},
}  # fmt: skip
_SAME = re.compile(
    rf"(?<![\w'])(?:{'|'.join(sorted(map(re.escape, _BOTH_WAYS), key=len, reverse=True))})(?![\w'])", re.IGNORECASE
)
_LONG_WORD = re.compile(r"[a-z]{6,}")

Change = Callable[[str, random.Random], str | None]


def harmless_rewordings(pairs: Sequence[RequestPair], *, most: int, seed: int) -> list[RequestPair]:
    """Up to ``most`` rewordings of the pairs with the same answer; half of them differ in clothes alone.

    Args:
        pairs: where they are made from.
        most: rewordings wanted.
        seed: fixes what is drawn.
    """
    rng = random.Random(seed)  # noqa: S311 (no secret)
    sources = [pair for pair in pairs if pair.same_answer]
    made = []
    for pair in rng.sample(sources, min(most, len(sources))):
        text = pair.b if rng.random() < 0.5 else pair.a
        for change in rng.sample(CHANGES, len(CHANGES))[: rng.choice((1, 1, 2, 3))]:
            text = change(text, rng) or text
        if text != pair.a:
            made.append(RequestPair(pair.a, text, True, "edits", pair.group, "harmless"))
    return made


def _greeted(text: str, rng: random.Random) -> str:
    return rng.choice(_PREAMBLES) + (text[0].lower() + text[1:] if rng.random() < 0.5 else text)


def _thanked(text: str, rng: random.Random) -> str:
    return text + rng.choice(_THANKS)


def _lowered(text: str, rng: random.Random) -> str:
    return text.lower()


def _without_marks(text: str, rng: random.Random) -> str:
    return text.rstrip("?.! ").replace(",", "")


def _spelled_otherwise(text: str, rng: random.Random) -> str | None:
    found = list(_SAME.finditer(text))
    if not found:
        return None
    match = rng.choice(found)
    return text[: match.start()] + _BOTH_WAYS[match[0].lower()] + text[match.end() :]


def _mistyped(text: str, rng: random.Random) -> str | None:
    """One letter of a long word doubled, dropped or exchanged with the next; never the first, which readers go by."""
    found = list(_LONG_WORD.finditer(text))
    if not found:
        return None
    match = rng.choice(found)
    place = rng.randrange(match.start() + 1, match.end() - 1)
    pair = text[place : place + 2]
    return text[:place] + rng.choice((pair[0], pair[1], pair[::-1], pair[0] + pair)) + text[place + 2 :]


CHANGES: tuple[Change, ...] = (_greeted, _thanked, _lowered, _without_marks, _spelled_otherwise, _mistyped)
