"""What a key looks like, and what is kept of it."""

from __future__ import annotations

import hashlib
import math
import re

from router.accounts.keys import Key
from router.accounts.secrets import SECRET_CHARS, SECRET_LENGTH, digest, id_in, is_ours, label, new_id, new_secret
from router.accounts.views import key_view
from tests.accounts.test_forms import NOW, KeyForm


def test_a_secret_has_more_than_192_random_bits_and_no_two_are_the_same() -> None:
    assert SECRET_LENGTH * math.log2(len(set(SECRET_CHARS))) >= 192
    texts = {new_secret("a" * 12).text.reveal() for _ in range(500)}
    assert len(texts) == 500
    assert {sign for text in texts for sign in text.rpartition("-")[2]} == set(SECRET_CHARS)


def test_a_key_says_what_it_is_and_whose() -> None:
    key_id = new_id()
    text = new_secret(key_id).text.reveal()
    assert re.fullmatch(rf"sk-ud-{key_id}-[A-Za-z0-9]{{40}}", text)
    assert id_in(text) == key_id
    assert text.startswith(label(key_id))


def test_what_has_not_the_shape_of_a_key_names_none() -> None:
    text = new_secret(new_id()).text.reveal()
    for wrong in (
        "",
        "sk-ud-",
        text[:-1],
        f"{text}a",
        f"{text}\n",
        text.upper(),
        text.replace("sk-ud", "sk"),
        f" {text}",
    ):
        assert id_in(wrong) == ""
    assert is_ours("sk-ud-anything")
    assert not is_ours("sk-proj-anything")


def test_nothing_but_the_digest_is_kept_and_neither_shows_itself() -> None:
    made = new_secret("a" * 12)
    assert made.digest == digest(made.text.reveal()) == hashlib.sha256(made.text.reveal().encode()).digest()
    key = Key(id="a" * 12, form=KeyForm(), digest=made.digest, created_at=NOW, change=1)
    assert made.text.reveal() not in f"{made!r} {made.text} {key!r} {key_view(key, NOW)!r}"
    assert made.digest.hex() not in f"{key!r}{key_view(key, NOW)!r}"
