"""Small helpers for texts: clean text, numbers, turns of a conversation, options of a question."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from string import ascii_uppercase
from typing import Any


def clean(text: str) -> str:
    """``text`` without surrounding white space, and encodable: surrogates are joined, lone ones replaced."""
    text = text.strip()
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def normal(text: str) -> str:
    """The form in which two texts are compared: one case, single spaces."""
    return " ".join(text.casefold().split())


def decoded(value: Any) -> Any:
    """``value``, parsed where it is the text of a JSON list or object (CSV files hold lists that way), else None."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def number(value: Any) -> float:
    """The number that ``value`` stands for, whether JSON (numbers, booleans) or CSV (text) held it.

    Raises:
        TypeError, ValueError: it stands for none.
    """
    if isinstance(value, str):
        value = {"true": 1, "false": 0}.get(value.strip().lower(), value)
    return float(value)


def percent(share: float) -> str:
    """A share of 1 in percent, never rounded to none or all: ``95%``, ``0.01%``, ``99.99%``."""
    return f"{100.0 * share:.10g}%"


def user_turns(conversation: Sequence[Any]) -> list[str]:
    """The texts of the user's turns in a list of ``{role, content}``; "" for a turn of images alone."""
    turns = (turn for turn in conversation if isinstance(turn, dict))
    return [content_text(turn.get("content")) for turn in turns if turn.get("role") == "user"]


def content_text(content: Any) -> str:
    """The text of one message: the content itself, or its text parts joined."""
    if isinstance(content, str):
        return clean(content)
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") for part in content if isinstance(part, dict))
    return clean("\n".join(part for part in parts if isinstance(part, str)))


def multiple_choice(question: str, options: Iterable[str]) -> str:
    """A question with its options below it, lettered, as a person would type it."""
    lettered = (f"{letter}. {option.strip()}" for letter, option in zip(ascii_uppercase, options, strict=False))
    return "\n".join([question.strip(), *lettered])
