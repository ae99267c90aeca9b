"""How much longer strong models answer than weak ones do: what the interval of a baseline rests on.

The ledger knows how long the weak model's answer was, not how long the strong one's would have been. Battles that keep
both answers tell: over the same prompts, all that strong models wrote against all that their opponents did. That ratio
is a matter of the pair, so the interval is one for a pair that is not among them: a strong model is drawn, then its
battles with replacement.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from msgspec import Struct

from router.errors import DataError

STRONG = (
    "gpt-4-0125-preview",
    "gpt-4-1106-preview",
    "gpt-4-0314",
    "gpt-4-0613",
    "mistral-medium",
    "claude-1",
    "qwen1.5-72b-chat",
)
"""The models of the arena that RouteLLM's paper (arXiv 2406.18665) counts as its two strongest tiers."""

RESAMPLES = 40_000

COLUMNS = ("model_a", "model_b", "response_a", "response_b")

Battle = tuple[str, int, int]
"""The strong model, the characters of its answers, and those of its opponent's."""


class LengthRatio(Struct, frozen=True, kw_only=True):
    """Characters of strong models' answers for one of their opponents', over all; and for a new pair, 95 % between."""

    ratio: float
    low: float
    high: float
    battles: int
    strong_models: int


def length_ratio(rows: Iterable[Mapping[str, Any]], *, strong: Collection[str] = STRONG, seed: int = 0) -> LengthRatio:
    """Estimate the ratio from battles in the form of `human-preference-55k`, of which the ``COLUMNS`` are read.

    Battles of two strong models, or of none, say nothing and are left out, as those in which nobody wrote.

    Raises:
        DataError: there are no battles of a strong model with another.
    """
    by_model: dict[str, list[tuple[int, int]]] = {}
    for model, own, other in _battles(rows, strong):
        by_model.setdefault(model, []).append((own, other))
    if not by_model:
        raise DataError("No battle of a strong model with another keeps both answers: is it of human-preference-55k?")
    lengths = [np.array(battles, dtype=np.float64) for _, battles in sorted(by_model.items())]
    chance = np.random.default_rng(seed)
    drawn = [_drawn(lengths[chance.integers(len(lengths))], chance) for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    everything = np.concatenate(lengths).sum(axis=0)
    return LengthRatio(
        ratio=round(float(everything[0] / everything[1]), 2),
        low=round(float(low), 2),
        high=round(float(high), 2),
        battles=sum(map(len, lengths)),
        strong_models=len(lengths),
    )


def _drawn(lengths: np.ndarray[Any, np.dtype[np.float64]], chance: np.random.Generator) -> float:
    own, other = lengths[chance.integers(len(lengths), size=len(lengths))].sum(axis=0)
    return float(own / other)


def _battles(rows: Iterable[Mapping[str, Any]], strong: Collection[str]) -> Iterator[Battle]:
    for row in rows:
        a, b = row.get("model_a"), row.get("model_b")
        if (a in strong) == (b in strong):
            continue
        own, other = _length(row.get("response_a")), _length(row.get("response_b"))
        if a not in strong:
            a, own, other = b, other, own
        if own and other:
            yield str(a), own, other


def _length(answers: Any) -> int:
    """Characters of one side's answers, which are a JSON list of a text for each turn, null where it gave none."""
    try:
        texts = json.loads(answers) if isinstance(answers, str) else answers
    except (ValueError, RecursionError):
        return 0
    return sum(len(text) for text in texts if isinstance(text, str)) if isinstance(texts, list) else 0
