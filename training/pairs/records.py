"""Pairs of requests, the records that the stages of the verifier hand to one another."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Source = Literal["questions", "conversations", "qqp", "edits"]
"""``questions`` and ``conversations``: written for this project. ``qqp``: Quora's. ``edits``: positives of the other
sources with one detail changed by rule."""

WRITTEN: tuple[Source, ...] = ("questions", "conversations")

SOURCES: tuple[Source, ...] = ("questions", "conversations", "qqp")
"""The sources on which a verifier is measured."""


QUORA_GROUPS = "qqp-"
"""What the names of the groups of Quora's pairs begin with, also where a pair was made from them by rule."""


class RequestPair(Struct, frozen=True):
    """Two requests, and whether whoever sends ``b`` wants exactly the answer to ``a``.

    ``a`` and ``b`` are texts; of a conversation, its transcript (:func:`transcript`). ``group`` is equal for pairs that
    share a text and must not be split apart, ``family`` names in what way ``b`` differs ("" where nobody said).
    """

    a: str
    b: str
    same_answer: bool
    source: Source
    group: str
    family: str = ""


class Turn(Struct, frozen=True):
    """One message of a conversation."""

    role: str
    content: str


def transcript(turns: list[Turn]) -> str:
    """A conversation as one text: each message on a line of its own, after the name of its role."""
    return "\n".join(f"{turn.role}: {turn.content}" for turn in turns)
