"""Where a conversation's last message begins: what is asked, and what went before, are compared apart."""

from __future__ import annotations

from training.pairs.records import RequestPair

LAST_TURN = "\nuser: "


def last_turn(pair_text: str) -> int:
    """Place of the first character of the last message of a transcript; 0 in a text that is no transcript."""
    place = pair_text.rfind(LAST_TURN)
    return place + len(LAST_TURN) if place >= 0 else 0


def is_conversation(pair: RequestPair) -> bool:
    """Whether the sides are transcripts."""
    return pair.source == "conversations"
