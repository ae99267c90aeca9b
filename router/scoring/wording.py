"""The normal form of a question: two questions with one normal form ask for the same answer.

Every step rewrites what cannot change the answer (politeness, contractions, spelling variants, a few templates such as
"who is the author of X" for "who wrote X") and leaves all other words where they stand. Numbers, names, negations,
directions, comparatives, tenses and word order therefore always tell two questions apart: what no rule names is kept.
Text that is talked about rather than talked with (quotes, code, several lines, requests to translate or spell) is
hardly touched at all.
"""

from __future__ import annotations

import re
import unicodedata

from router.scoring.wording_steps import STEPS, Tokens
from router.scoring.wording_tables import CASE_MATTERS, UNITS

Form = tuple[str, ...]

MAX_CHARS = 300
"""Longer texts are compared letter by letter: they carry too much for rules about single words."""

_QUOTES = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u201c": '"', "\u201d": '"', "\uff1f": "?", "\uff01": "!"}
)
_VERBATIM = re.compile(r"""[\n\t\\{}\[\]<>=*^_|~@`;"():]|(?<![\w+])\+|\+(?![\w+ ]|$)|\d!|(?:^|\s)'|'(?:\s|$)""")
_LANGUAGE_TASK = re.compile(
    r"\b(?:translat\w*|spell\w*|pronounc\w*|grammar\w*|proofread\w*|rewrite|rephras\w*|paraphras\w*|summari\w*|"
    r"punctuat\w*|uppercase|lowercase|capitali[sz]e|letters?|vowels?|consonants?|syllables?|characters?|"
    r"words?|sentences?|phrases?|rhymes?|synonyms?|antonyms?|plurals?|anagrams?|palindromes?|acronyms?|abbreviat\w*|"
    r"stands? for|etymology|homophones?|repeat|say|called|titled|named|lyrics)\b",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"c\+\+|[cf]#|\.net\b|\d+(?:[.,]\d+)+|[^\W_]+(?:'[^\W\d_]+)*|[^\w\s]", re.IGNORECASE)
_EMAIL = re.compile(r"\be-mail\b", re.IGNORECASE)
_NUMBER_WITH_UNIT = re.compile(r"(\d+)([^\W\d_]{1,3})")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
_POLITE_START = re.compile(
    r"(?:(?:can|could)\s+you\s+)?(?:please|kindly)\s+|(?:can|could)\s+you\s+(?=translate\b|summari[sz]e\b)",
    re.IGNORECASE,
)


def normal_form(text: str) -> Form:
    """Tokens of the normal form; the first says how the text was read: ``verbatim``, ``careful`` or ``free``.

    Idempotent in meaning, not in text; cost is linear in the length, and texts beyond ``MAX_CHARS`` are not analysed.
    """
    text = unicodedata.normalize("NFC", text).translate(_QUOTES).strip()
    if not text or len(text) > MAX_CHARS or _VERBATIM.search(text):
        return ("verbatim", text)
    if _LANGUAGE_TASK.search(text):
        return ("careful", _careful(text))
    tokens = _tokens(text)
    for step in STEPS:
        tokens = step(tokens)
    return ("free", *tokens)


def _careful(text: str) -> str:
    """For texts whose very words matter: spacing, a polite opening and the closing mark are all that goes."""
    text = _POLITE_START.sub("", " ".join(text.split()), count=1)
    return (text[:1].lower() + text[1:]).rstrip("?.! ")


def _tokens(text: str) -> Tokens:
    found = [_THOUSANDS.sub(_without_commas, match.group()) for match in _TOKEN.finditer(_EMAIL.sub("email", text))]
    tokens: Tokens = []
    for position, token in enumerate(found):
        after_number = position > 0 and found[position - 1][-1].isdigit()
        tokens.extend(_cased(token, first=position == 0, after_number=after_number))
    return tokens


def _without_commas(match: re.Match[str]) -> str:
    return match.group().replace(",", "")


def _cased(token: str, *, first: bool, after_number: bool) -> Tokens:
    """Lower case, unless case tells two meanings apart: "US", "Polish", single letters, units after a number."""
    lower = token.lower()
    number_with_unit = _NUMBER_WITH_UNIT.fullmatch(token)
    if number_with_unit:
        return [number_with_unit[1], number_with_unit[2]] if number_with_unit[2] in UNITS else [token]
    if len(token) == 1 and lower not in {"i", "a"}:
        return [token]
    if token == "A" and not first:
        return ["A"]
    if after_number and not first and token.isalpha() and len(token) <= 3 and token != lower:
        return [token]
    is_acronym = token.isupper() and len(token) > 1
    if lower in CASE_MATTERS and token != lower and (not first or is_acronym):
        return [token]
    return [lower]
