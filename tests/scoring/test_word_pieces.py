"""The short cut past the tokenizer gives the tokenizer's own tokens, or none."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from router.scoring.word_pieces import MAX_REMEMBERED_CHARS, MAX_UNKNOWN, WordPieces
from tests.scoring.kernel_parts import word_tokenizer


def bert_tokenizer(*, lowercase: bool = True) -> Tokenizer:
    whole = [
        "[UNK]",
        "[MASK]",
        "the",
        "cat",
        "cats",
        "un",
        "do",
        "a1",
        "2",
        "##s",
        "##do",
        "##1",
        "##a",
        "!",
        "-",
        "_",
        "`",
        "o",
    ]
    tokenizer = Tokenizer(models.WordPiece({word: at for at, word in enumerate(whole)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens([AddedToken("[MASK]", special=True)])
    tokenizer.encode_special_tokens = True
    return tokenizer


TOKENIZER = bert_tokenizer()
PIECES = WordPieces.of(TOKENIZER)
KNOWN = st.lists(
    st.sampled_from("The cat cats undo un-do a1 do2 CATS! [MASK] ##s catss x_y dog zebra\n \t".split(" ")), max_size=12
)


def of_tokenizer(text: str) -> list[int]:
    ids: list[int] = TOKENIZER.encode(text, add_special_tokens=False).ids
    return ids


@given(st.one_of(st.text(string.printable + "\x00\x07\x7f", max_size=60), KNOWN.map(" ".join), st.text(max_size=20)))
def test_it_finds_the_tokens_of_the_tokenizer_or_says_that_it_cannot(text: str) -> None:
    assert PIECES is not None
    found = PIECES.ids(text)
    assert found is None or found == of_tokenizer(text)


@given(st.one_of(st.text(string.printable + "\x00\x07\x7f", max_size=60), KNOWN.map(" ".join), st.text(max_size=20)))
def test_it_knows_which_tokens_begin_with_a_capital(text: str) -> None:
    assert PIECES is not None
    found = PIECES.ids_and_capitals(text)
    assert (found is None) == (PIECES.ids(text) is None)
    if found is not None:
        encoding = TOKENIZER.encode(text, add_special_tokens=False)
        assert found == (encoding.ids, [text[first : first + 1].isupper() for first, _ in encoding.offsets])


def test_plain_words_are_found_without_the_tokenizer() -> None:
    assert PIECES is not None
    assert PIECES.ids("The cats undo a1!") == of_tokenizer("the cats undo a1!")
    assert PIECES.ids("") == []


@pytest.mark.parametrize(
    "text", ["Grüße", "a\x00b", "a\x0bb", " ".join(f"unheardof{n}" for n in range(MAX_UNKNOWN + 1))]
)
def test_what_is_not_plain_is_left_to_the_tokenizer(text: str) -> None:
    assert PIECES is not None
    assert PIECES.ids(text) is None


def test_words_longer_than_words_are_are_not_remembered() -> None:
    pieces = WordPieces.of(bert_tokenizer())
    assert pieces is not None
    for length in (3, MAX_REMEMBERED_CHARS, MAX_REMEMBERED_CHARS + 1, 5000):
        assert pieces.ids("z" * length) == of_tokenizer("z" * length)
    assert max(map(len, pieces._others)) == MAX_REMEMBERED_CHARS


@pytest.mark.parametrize("other", [word_tokenizer(), bert_tokenizer(lowercase=False)])
def test_a_tokenizer_of_another_kind_has_no_short_cut(other: Tokenizer) -> None:
    assert WordPieces.of(other) is None
