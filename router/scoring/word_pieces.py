"""A short cut past the tokenizer for plain ASCII texts: most of their words are tokens of their own.

It holds for tokenizers of BERT's kind (lower case, words and single marks apart, WordPiece), whose first rule is that a
word of the vocabulary is one token; whatever it cannot be sure of goes to the tokenizer itself. It halves the cost of
scoring a prompt. A test holds both to the same tokens.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import NamedTuple

from tokenizers import Tokenizer

_PIECE = re.compile(r"[a-z0-9]+|[!-/:-@\[-`{-~]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

MAX_UNKNOWN = 12
"""Words outside the vocabulary in one text up to which they are looked up one by one."""

MAX_REMEMBERED = 8192
MAX_REMEMBERED_CHARS = 40
"""How many words outside the vocabulary have their tokens remembered, and up to which length."""


class Pieces(NamedTuple):
    """The tokens of one word: their ids, and where in the word each begins."""

    ids: tuple[int, ...]
    starts: tuple[int, ...]


class WordPieces:
    """Tokens of plain texts by table look-up; made by ``of``."""

    def __init__(self, tokenizer: Tokenizer, words: dict[str, tuple[int, ...]]) -> None:
        self._tokenizer = tokenizer
        self._words = words
        self._others: dict[str, Pieces] = {}

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> WordPieces | None:
        """The table of a tokenizer; None where it is of another kind."""
        about = json.loads(tokenizer.to_str())
        normalizer, model = about["normalizer"] or {}, about["model"]
        of_its_kind = (
            normalizer.get("type") == "BertNormalizer"
            and normalizer["lowercase"]
            and normalizer["clean_text"]
            and (about["pre_tokenizer"] or {}).get("type") == "BertPreTokenizer"
            and model.get("type") == "WordPiece"
            and all(token["special"] for token in about["added_tokens"])
        )
        if not of_its_kind:
            return None
        return cls(tokenizer, _whole_words(json.dumps(model["vocab"]), model["max_input_chars_per_word"]))

    def ids(self, text: str) -> list[int] | None:
        """Token ids of a text; None where only the tokenizer can tell."""
        if not text.isascii() or _CONTROL.search(text):
            return None
        found: list[int] = []
        unknown = 0
        for word in text.lower().split():
            ids = self._words.get(word)
            if ids is not None:
                found += ids
                continue
            for piece in _PIECE.findall(word):
                ids = self._words.get(piece)
                if ids is None:
                    other = self._others.get(piece)
                    if other is None:
                        unknown += 1
                        if unknown > MAX_UNKNOWN:
                            return None
                        other = self._ask(piece)
                    ids = other.ids
                found += ids
        return found

    def ids_and_capitals(self, text: str) -> tuple[list[int], list[bool]] | None:
        """Token ids of a text, and whether each begins with a capital; None where only the tokenizer can tell."""
        if not text.isascii() or _CONTROL.search(text):
            return None
        found: list[int] = []
        capitals: list[bool] = []
        unknown = 0
        for written in text.split():
            word = written.lower()
            ids = self._words.get(word)
            if ids is not None:
                found += ids
                capitals.append(written[0].isupper())
                continue
            for match in _PIECE.finditer(word):
                pieces = self._known(match[0])
                if pieces is None:
                    unknown += 1
                    if unknown > MAX_UNKNOWN:
                        return None
                    pieces = self._ask(match[0])
                found += pieces.ids
                capitals += [written[match.start() + start].isupper() for start in pieces.starts]
        return found, capitals

    def _known(self, piece: str) -> Pieces | None:
        ids = self._words.get(piece)
        return self._others.get(piece) if ids is None else Pieces(ids, (0,))

    def _ask(self, word: str) -> Pieces:
        encoding = self._tokenizer.encode(word, add_special_tokens=False)
        pieces = Pieces(tuple(encoding.ids), tuple(start for start, _ in encoding.offsets))
        if len(word) <= MAX_REMEMBERED_CHARS:
            if len(self._others) >= MAX_REMEMBERED:
                self._others.clear()
            self._others[word] = pieces
        return pieces


@lru_cache(maxsize=2)
def _whole_words(vocabulary: str, longest: int) -> dict[str, tuple[int, ...]]:
    """Words that are one token, and that token: one table for all tokenizers of a vocabulary, which is JSON here."""
    words: dict[str, int] = json.loads(vocabulary)
    return {word: (number,) for word, number in words.items() if _PIECE.fullmatch(word) and len(word) <= longest}
