"""What a key looks like, how one is made, and what is kept of it.

A key's secret is random, some 238 bits of it, so that there is nothing to guess: a slow hash, which makes guessing at
people's passwords dear, would only make every request dear. SHA-256 of the whole text is kept, and nothing else.
"""

from __future__ import annotations

import hashlib
import re
import secrets

from msgspec import Struct

from router.configured.secret import Secret

PREFIX = "sk-ud-"
"""What every key begins with: scanners for leaked secrets find it, and the door tells ours from placeholders."""

ID_CHARS = "abcdefghijklmnopqrstuvwxyz234567"
ID_LENGTH = 12
SECRET_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SECRET_LENGTH = 40

_KEY = re.compile(rf"{PREFIX}([{ID_CHARS}]{{{ID_LENGTH}}})-[A-Za-z0-9]{{{SECRET_LENGTH}}}", re.ASCII)


class NewSecret(Struct, frozen=True):
    """A new key: its text, which is shown once, and the digest of it, which is kept."""

    text: Secret
    digest: bytes


def new_id() -> str:
    """The id of a key or a team; 60 random bits."""
    return "".join(secrets.choice(ID_CHARS) for _ in range(ID_LENGTH))


def new_secret(key_id: str) -> NewSecret:
    """A secret for the key of this id."""
    text = f"{label(key_id)}-{''.join(secrets.choice(SECRET_CHARS) for _ in range(SECRET_LENGTH))}"
    return NewSecret(Secret(text), digest(text))


def label(key_id: str) -> str:
    """How a key is called where its secret must not be shown: what its text begins with."""
    return PREFIX + key_id


def is_ours(text: str) -> bool:
    """Whether a text claims to be one of our keys."""
    return text.startswith(PREFIX)


def id_in(text: str) -> str:
    """The id within a key's text; empty where it has not the shape of a key, as no id is."""
    match = _KEY.fullmatch(text)
    return match[1] if match else ""


def digest(text: str) -> bytes:
    """What is kept of a key; 32 bytes."""
    return hashlib.sha256(text.encode()).digest()
