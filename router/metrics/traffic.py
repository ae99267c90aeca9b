"""Counts settled requests: how many, how they ended, how long they took, what they cost.

By the ``source`` of the answer: ``weak``, ``strong`` or ``named`` for a model, ``cache`` for a kept answer,
``embeddings``, and ``none`` where a request was turned away before anybody was chosen. Never by caller, nor by any name
that a caller may make up.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from router.metrics.family import Family, Histogram, Histograms, Labels
from router.types import LedgerRow

LATENCY_S = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0)
"""Bounds for whole answers, and for the first piece of a stream: from a cache hit to a long answer of a slow model."""

DECISION_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05)

TOKENS = ("prompt", "completion", "cached", "reasoning")
"""Kinds of tokens: cached ones are of the prompt, reasoning ones of the completion."""


@dataclass(slots=True)
class _Source:
    """What came of the requests of one source."""

    latency: Histogram = field(default_factory=lambda: Histogram(LATENCY_S))
    first_token: Histogram = field(default_factory=lambda: Histogram(LATENCY_S))
    tokens: list[int] = field(default_factory=lambda: [0] * len(TOKENS))
    usd: float = 0.0
    saved_usd: float = 0.0
    overspent_usd: float = 0.0
    unpriced: int = 0


class Traffic:
    """Counts requests as they are settled, a few microseconds each. Not for several threads."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._errors: Counter[str] = Counter()
        self._turned_away: Counter[str] = Counter()
        self._sources: defaultdict[str, _Source] = defaultdict(_Source)
        self._decision = Histogram(DECISION_S)

    def settled(self, row: LedgerRow) -> None:
        """Count a request by its row in the ledger."""
        source = source_of(row)
        self._requests[source, row.outcome, row.status // 100] += 1
        if row.error_code is not None:
            self._errors[row.error_code] += 1
        counts = self._sources[source]
        counts.latency.observe(row.latency_ms / 1000)
        if row.stream and row.first_token_ms is not None:
            counts.first_token.observe(row.first_token_ms / 1000)
        if row.decision_us is not None:
            self._decision.observe(row.decision_us / 1_000_000)
        if row.outcome == "ok" or row.prompt_tokens:
            tokens = counts.tokens
            tokens[0] += row.prompt_tokens
            tokens[1] += row.completion_tokens
            tokens[2] += row.cached_tokens
            tokens[3] += row.reasoning_tokens
            _add_cost(counts, row.cost_usd, row.baseline_cost_usd)

    def turned_away(self, code: str) -> None:
        """Count a request that no model was to answer: a stranger's, to a path that there is not, or to one of ours."""
        self._turned_away[code] += 1

    def families(self) -> Iterator[Family | Histograms]:
        """Every metric as it stands."""
        yield Family(
            "underdog_requests_total",
            "Requests that a model was to answer, by source of the answer, outcome and class of the HTTP status.",
            "counter",
            [
                ({"source": source, "outcome": outcome, "status": f"{status}xx"}, count)
                for (source, outcome, status), count in sorted(self._requests.items())
            ],
        )
        yield Family(
            "underdog_errors_total",
            "Requests that ended with an error, by its code.",
            "counter",
            [({"code": code}, count) for code, count in sorted(self._errors.items())],
        )
        yield Family(
            "underdog_turned_away_total",
            "Other requests that ended with an error, by its code: strangers above all.",
            "counter",
            [({"code": code}, count) for code, count in sorted(self._turned_away.items())],
        )
        yield from self._durations()
        yield from self._amounts()

    def _durations(self) -> Iterator[Histograms]:
        sources = sorted(self._sources.items())
        yield Histograms(
            "underdog_request_seconds",
            "From a request's arrival to the last byte of its answer.",
            [({"source": source}, counts.latency) for source, counts in sources],
        )
        yield Histograms(
            "underdog_first_token_seconds",
            "From a request's arrival to the first piece of its stream.",
            [({"source": source}, counts.first_token) for source, counts in sources],
        )
        yield Histograms("underdog_decision_seconds", "What deciding took.", [({}, self._decision)])

    def _amounts(self) -> Iterator[Family]:
        sources = sorted(self._sources.items())
        tokens: list[tuple[Labels, float]] = [
            ({"source": source, "kind": kind}, count)
            for source, counts in sources
            for kind, count in zip(TOKENS, counts.tokens, strict=True)
        ]
        yield Family(
            "underdog_tokens_total",
            "Tokens of requests and answers; cached ones are of the prompt, reasoning ones of the completion.",
            "counter",
            tokens,
        )
        for name, about, amounts in (
            ("cost_usd", "US dollars spent, as far as prices are known.", {s: c.usd for s, c in sources}),
            (
                "saved_usd",
                "US dollars that answers cost less than the strong model's.",
                {s: c.saved_usd for s, c in sources},
            ),
            (
                "overspent_usd",
                "US dollars that answers cost more than the strong model's.",
                {s: c.overspent_usd for s, c in sources},
            ),
            ("unpriced", "Answers whose price is not known.", {s: c.unpriced for s, c in sources}),
        ):
            samples: list[tuple[Labels, float]] = [({"source": source}, amount) for source, amount in amounts.items()]
            yield Family(f"underdog_{name}_total", about, "counter", samples)


def source_of(row: LedgerRow) -> str:
    """Where an answer came from, of few words."""
    if row.cache in ("exact", "semantic"):
        return "cache"
    return row.route or ("embeddings" if row.reason == "embeddings" else "none")


def _add_cost(counts: _Source, usd: Decimal | None, baseline_usd: Decimal | None) -> None:
    if usd is None:
        counts.unpriced += 1
        return
    counts.usd += float(usd)
    if baseline_usd is None:
        return
    saved = float(baseline_usd - usd)
    if saved >= 0:
        counts.saved_usd += saved
    else:
        counts.overspent_usd -= saved
