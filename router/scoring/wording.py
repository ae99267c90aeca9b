"""The normal form of a question: two questions with one normal form ask for the same answer.

Every step rewrites what cannot change the answer (politeness, contractions, spelling variants, a few templates such as
"who is the author of X" for "who wrote X") and leaves all other words where they stand. Numbers, names, negations,
directions, comparatives, tenses and word order therefore always tell two questions apart: what no rule names is kept,
capitals within the sentence included. Text that is talked about rather than talked with (quotes, code, several lines,
requests to translate or spell) is hardly touched at all, and text in which no word shows that it is English only loses
repeated spaces.
"""

from __future__ import annotations

import re
import unicodedata

from router.scoring.wording_names import PLAIN_NAMES
from router.scoring.wording_steps import STEPS, Tokens
from router.scoring.wording_tables import (
    CAPITAL_STARTS,
    CODE_TOPICS,
    ENGLISH,
    ENGLISH_STARTS,
    GREETINGS,
    LANGUAGE_STEMS,
    LANGUAGE_TOPICS,
    QUESTION_STARTS,
    UNITS,
)

Form = tuple[str, ...]

MAX_CHARS = 300
"""Longer texts are compared letter by letter: they carry too much for rules about single words."""

_QUOTES = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u201c": '"', "\u201d": '"', "\uff1f": "?", "\uff01": "!"}
)
_CODE_MARKS = re.compile(r"""[\n\t\\{}\[\]<>=*^_|~@`;"():]""")
_PLUS_OR_QUOTE = re.compile(r"(?<![\w+])\+|\+(?![\w+ ]|$)|(?:^|\s)'|'(?:\s|$)")
_FACTORIAL = re.compile(r"(?:\d|\b\w|\b(?:two|three|four|five|six|seven|eight|nine|ten))!", re.IGNORECASE)
_TOKEN = re.compile(r"c\+\+|[cf]#|\.net\b|\d+(?:[.,]\d+)+|[^\W_]+(?:'[^\W\d_]+)*|[^\w\s]", re.IGNORECASE)
_EMAIL = re.compile(r"\be-mail\b", re.IGNORECASE)
_NUMBER_WITH_UNIT = re.compile(r"(\d+)([^\W\d_]{1,3})")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
_POLITE_START = re.compile(
    r"(?:(?:can|could)\s+you\s+)?(?:please|kindly)\s+|(?:can|could)\s+you\s+(?=translate\b|summari[sz]e\b)",
    re.IGNORECASE,
)


def normal_form(text: str) -> Form:
    """Tokens of the normal form; first how the text was read: ``verbatim``, ``foreign``, ``careful`` or ``free``.

    Idempotent in meaning, not in text; cost is linear in the length, and texts beyond ``MAX_CHARS`` are not analysed.
    """
    text = unicodedata.normalize("NFC", text).translate(_QUOTES).strip()
    if not text or len(text) > MAX_CHARS or _has_code(text):
        return ("verbatim", text)
    found = _found(text)
    words = {token.lower().partition("'")[0] for token in found}
    if not words.isdisjoint(CODE_TOPICS) or "regular expression" in text.lower():
        return ("verbatim", text)
    if found[0].lower().partition("'")[0] not in ENGLISH_STARTS and ENGLISH.isdisjoint(words):
        return ("foreign", " ".join(text.split()))
    if _is_about_words(words, text):
        return ("careful", _careful(text))
    tokens = _tokens(found)
    for step in STEPS:
        tokens = step(tokens)
    return ("free", *tokens)


def _has_code(text: str) -> bool:
    """Whether marks in the text are part of what is asked, and do not just punctuate it."""
    if _CODE_MARKS.search(text):
        return True
    if ("+" in text or "'" in text) and _PLUS_OR_QUOTE.search(text):
        return True
    if "!" in text and _FACTORIAL.search(text):
        return True
    # Marks that close no word: "cd ..", "git add ."; only a question mark may stand alone.
    head = text.rstrip("?.!,")
    closing = text[len(head) :]
    return closing not in {"", "?"} and not head[-1:].strip()


def _is_about_words(words: set[str], text: str) -> bool:
    """Whether the very words may be what is asked about: to be translated, spelled, counted, said."""
    return (
        not words.isdisjoint(LANGUAGE_TOPICS)
        or any(word.startswith(LANGUAGE_STEMS) for word in words)
        or ("stand" in words and "stand for" in text.lower())
        or ("stands" in words and "stands for" in text.lower())
    )


def _careful(text: str) -> str:
    """For texts whose very words matter: spacing, a polite opening and the closing mark are all that goes."""
    text = " ".join(text.split())
    # "Translate you are here?" and "Translate you are here." want different translations.
    asks = text.partition(" ")[0].lower() in QUESTION_STARTS
    text = _POLITE_START.sub("", text, count=1)
    text = text[:1].lower() + text[1:]
    return text if text.endswith("..") else text.removesuffix("?" if asks else ".").rstrip()


def _found(text: str) -> Tokens:
    """Words, numbers and marks, as they stand."""
    found = _TOKEN.findall(_EMAIL.sub("email", text))
    if "," not in text:
        return found
    return [token.replace(",", "") if _THOUSANDS.fullmatch(token) else token for token in found]


def _tokens(found: Tokens) -> Tokens:
    greets = found[0].lower() in GREETINGS
    tokens: Tokens = []
    for position, token in enumerate(found):
        before = found[position - 1] if position else ""
        starts = not before or before in "!?" or (greets and position <= 3 and before in ".,")
        tokens.extend(_cased(token, starts=starts, after_number=before[-1:].isdigit()))
    return tokens


def _cased(token: str, *, starts: bool, after_number: bool) -> Tokens:
    """Lower case where that changes nothing: the first letter of a sentence, "I", and ``PLAIN_NAMES``."""
    if token[0].isdigit() and (number_with_unit := _NUMBER_WITH_UNIT.fullmatch(token)):
        return [number_with_unit[1], number_with_unit[2]] if number_with_unit[2] in UNITS else [token]
    lower = token.lower()
    base = lower.partition("'")[0]
    if len(token) == 1:
        return [lower] if lower == "i" or (starts and lower == "a") else [token]
    if after_number and len(token) <= 3:
        return [token]
    starts_plainly = starts and token[1:] == lower[1:] and base not in CAPITAL_STARTS
    return [lower] if starts_plainly or base in PLAIN_NAMES or base == "i" else [token]
