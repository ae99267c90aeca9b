"""Which past requests another threshold would not have moved, so that figures about thresholds leave them out."""

from __future__ import annotations

from typing import Final

from router.ledger.decided import PastRequest
from router.types import DUE_REASONS

OTHER_ARTIFACT: Final = "other-artifact"
NO_PRICE: Final = "no-price"

WHY: dict[str, str] = {
    "embeddings": "embeddings: no route is chosen for them",
    "error": "no answer came",
    "cancelled": "the caller left before the end",
    "cache": "answered from the cache, which costs nothing at any threshold",
    "pinned": "the caller named the model",
    "rule": "a rule decided",
    "hook": "the hook decided",
    "key": "the bounds of the key decided",
    "paced": "a budget's pace decided",
    "capability": "one of the models does not take them",
    "context": "too long for one of the models",
    "sticky": "the conversation stayed where it was",
    "no-strong-model": "there was no strong model",
    "no-weak-model": "there was no weak model",
    "strong-failed": "the strong model failed, the weak one answered",
    "weak-failed": "the weak model failed, the strong one answered",
    "context-fallback": "too long for the model that was due",
    "content-filter-fallback": "a filter refused them at the model that was due",
    "unscored": "no win rate is known",
    OTHER_ARTIFACT: "scored by another artifact, whose win rates mean something else",
    NO_PRICE: "one of the models had no known price",
}
"""In words, by the name under which they are counted: the ledger's reason wherever there is one."""


def why_left_out(past: PastRequest, artifact: str | None) -> str | None:
    """Why a threshold could not have moved a request, as ``WHY`` calls it; None where it could.

    What went where it was due, by its win rate or for being unfamiliar, is decided again. All else stays where it was,
    whatever the threshold.

    Args:
        past: the request.
        artifact: whose win rates are asked for; None where the prompt will be scored again.
    """
    if past.reason == "embeddings":
        return "embeddings"
    if past.outcome != "ok":
        return past.outcome
    if past.cache in ("exact", "semantic"):
        return "cache"
    if past.reason not in DUE_REASONS:
        return past.reason or "unscored"
    if past.route not in ("weak", "strong"):
        return "unscored"
    if artifact is None:
        return None
    if past.artifact != artifact:
        return OTHER_ARTIFACT
    return "unscored" if past.win_rate is None else None
