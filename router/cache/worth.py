"""What it saves to answer from the cache: the yardstick of eviction, and the sums that people see."""

from __future__ import annotations

from decimal import Decimal

from router.types import CachedAnswer

FREE_TOKEN_USD = 1e-7
"""The least that a token counts, in US dollars: ten cents a million, about what hosts ask for the smallest models.

A local model's answer costs no money, but time on a machine. So counted, a long answer of a free model is worth more
than a short one, and about a hundredth of a dear model's.
"""


def worth_usd(answer: CachedAnswer) -> float:
    """What one repeat of an answer saves, for comparing answers; above 0, also where its price is not known."""
    tokens = max(1, answer.usage.prompt_tokens + answer.usage.completion_tokens)
    return max(float(answer.cost_usd or 0), tokens * FREE_TOKEN_USD)


def saved_usd(answer: CachedAnswer, hits: int) -> Decimal | None:
    """What so many repeats have saved, in US dollars; None where the answer's price is not known."""
    return None if answer.cost_usd is None else answer.cost_usd * hits
