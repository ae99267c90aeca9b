"""Which language a text is in: by its script, and among Latin letters by its commonest words.

It knows the languages in ``LANGUAGES``, and says None where it is not sure: a text in another language, two words, or
code. That is meant for rules such as "German goes to the strong model", not for linguistics. A library would know a
hundred languages, at megabytes of tables and tens of milliseconds to import.
"""

from __future__ import annotations

import re
from collections import Counter

READ_CHARS = 4_000
"""The start of a text that is looked at."""

_SCRIPTS: tuple[tuple[str, str], ...] = (
    # Kana before Han: Japanese has both.
    ("ja", "\u3040-\u30ff"),
    ("ko", "\uac00-\ud7af\u1100-\u11ff"),
    ("zh", "\u4e00-\u9fff\u3400-\u4dbf"),
    ("el", "\u0370-\u03ff"),
    ("he", "\u0590-\u05ff"),
    ("th", "\u0e00-\u0e7f"),
    ("hi", "\u0900-\u097f"),
    ("ar", "\u0600-\u06ff"),
    ("ru", "\u0400-\u04ff"),
)
_LETTERS_OF = {language: re.compile(f"[{letters}]") for language, letters in _SCRIPTS}
_UKRAINIAN = re.compile("[\u0456\u0457\u0454\u0491]", re.IGNORECASE)
_PERSIAN_OR_URDU = re.compile("[\u067e\u0686\u06af\u06cc\u06a9\u0679\u0688\u06d2]")
_LATIN = re.compile(r"[a-z\u00c0-\u024f]+")

SHARE = 0.2
"""Share of the letters that a script needs: English with one Greek letter stays English."""

_COMMON = {
    "en": "the and of to is what how you for with that this are write it my can your an from when which do does why "
    "who where give me tell explain all so i be have was much thank thanks please name find a as at in on no "
    "not if or by its about make between one two more than but using use into out up he she they we",
    "de": "der die das und ist nicht ein eine wie was mit für von den dem zu auf ich wird einen sie im bei oder "
    "warum des mir bitte welche welcher wer wann wo auch sind hat kann du er es dass nach heißt viele erkläre "
    "schreibe nenne",
    "fr": "le la les et est que des une un dans pour qui quelle quel comment ce avec du sur pas je vous au ne il "
    "aux ça d l qu j n c s en elle sont moi combien pourquoi quels où mon plus écris explique donne cette "
    "tout toute font",
    "es": "el la los las y es que de una un en por para con qué cómo del se no su cuál al más dime si lo me cuántos "
    "cuántas tiene dónde quién son este esta como mi pero hay escribe explica dame",
    "it": "il la le e è che di una un per con come gli non del della sono mi qual nel si quale perché dei cosa l d "
    "lo da chi dove quando quanti ha questo questa al alla più scrivi spiega dimmi",
    "pt": "o a os as e é que de uma um em por para com não do da como qual se dos das no na eu você quem onde "
    "quando quantos são este esta mais meu me ao escreva explique diga",
    "nl": "de het een en is van dat niet wat hoe voor met op zijn ik naar maar ook bij deze te je waarom welke aan "
    "wie waar er in dit hoeveel schrijf geef mij kan uit",
    "pl": "i w na z do jest nie się jak co to dla że czy od po jaki które przez oraz mnie jaka dlaczego są być kto "
    "gdzie ile napisz wyjaśnij podaj mi jakie",
    "sv": "och är det en ett att som för av på med inte hur vad jag den till om kan du har varför vilken från de "
    "vem var när skriv förklara mig hej många",
    "tr": "ve bir bu için ile ne nasıl mi mı olan da de çok en kadar neden olarak hangi bana nedir gibi var ben her "
    "daha kim nerede kaç yaz açıkla söyle neresi merhaba nasılsın",
}
_OWN_LETTERS = {"de": "ß", "es": "ñ¿¡", "fr": "œêû", "pt": "ãõ", "pl": "łżąęśźńć", "sv": "å", "tr": "ğşı"}
"""Letters that, of these languages, hardly another one has. Each that occurs counts as two words."""

_LANGUAGES_OF: dict[str, tuple[str, ...]] = {}
for _language, _words in _COMMON.items():
    for _word in _words.split():
        _LANGUAGES_OF[_word] = (*_LANGUAGES_OF.get(_word, ()), _language)

LANGUAGES = frozenset({*_COMMON, *_LETTERS_OF, "uk"})
"""ISO 639-1 codes of what can be told."""


def language_of(text: str) -> str | None:
    """The language that a text is mostly in; None where that is none of ``LANGUAGES`` or not clear."""
    text = text[:READ_CHARS]
    if not text.isascii():
        letters = sum(map(str.isalpha, text))
        for language, pattern in _LETTERS_OF.items():
            if letters and len(pattern.findall(text)) >= SHARE * letters:
                return _within_script(language, text)
    return _by_words(text.lower())


def _within_script(language: str, text: str) -> str | None:
    if language == "ru" and _UKRAINIAN.search(text):
        return "uk"
    if language == "ar" and _PERSIAN_OR_URDU.search(text):
        return None
    return language


def _by_words(text: str) -> str | None:
    """The language whose common words it has most of: two or more, an eighth of all words, more than any other's."""
    words = _LATIN.findall(text)
    counts = Counter(language for word in words for language in _LANGUAGES_OF.get(word, ()))
    for language, letters in _OWN_LETTERS.items():
        counts[language] += 2 * sum(letter in text for letter in letters)
    counts = +counts
    if not counts:
        return None
    (language, most), *others = counts.most_common(2)
    second = others[0][1] if others else 0
    enough = most >= max(2, 0.125 * len(words)) and most > second
    return language if enough else None
