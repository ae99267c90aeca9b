"""Counts decisions and fallbacks, and measures drift against the artifact's own prompts."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

from router.metrics.family import Family, Labels
from router.scoring.familiarity import UNFAMILIAR_ABOVE
from router.scoring.reference import FEWEST, Distribution, Reference, stability_index
from router.types import Decision, Reason, Route

WINDOW = 5_000
"""Drift is measured over this many newest decisions."""


class Metrics:
    """Counts decisions and fallbacks. Not for several threads: decisions are made on the event loop."""

    def __init__(self) -> None:
        self._artifact = ""
        self._decisions: Counter[tuple[str, Route, Reason]] = Counter()
        self._fallbacks: Counter[tuple[str, Route, Reason]] = Counter()
        self._unfamiliar: Counter[str] = Counter()
        self._watched: dict[str, _Watched] = {}

    def watch(self, artifact: str, reference: Reference | None) -> None:
        """Measure drift against another artifact's prompts from now on; counters go on.

        Args:
            artifact: name and version of the artifact that decides.
            reference: what its own prompts look like; None where it does not tell, and then no drift is measured.
        """
        self._artifact = artifact
        self._unfamiliar[artifact] += 0
        self._watched = _watched(reference)

    def decided(self, decision: Decision) -> None:
        """Count a decision. Drift heeds those of the artifact that is watched: others may have waited meanwhile."""
        self._decisions[decision.artifact, decision.route, decision.reason] += 1
        evidence = decision.evidence
        if evidence.unfamiliarity is not None and evidence.unfamiliarity > UNFAMILIAR_ABOVE:
            self._unfamiliar[decision.artifact] += 1
        if decision.artifact != self._artifact:
            return
        seen = {"win_rate": decision.win_rate, "tokens": evidence.tokens, "unfamiliarity": evidence.unfamiliarity}
        for name, watched in self._watched.items():
            value = seen[name]
            if value is not None:
                watched.values.append(value)

    def fell_back(self, decision: Decision) -> None:
        """Count an answer that came by ``decision`` because the route first decided on, counted as such, had failed."""
        self._fallbacks[decision.artifact, decision.route, decision.reason] += 1

    def families(self) -> Iterator[Family]:
        """Every metric as it stands."""
        yield Family(
            "underdog_decisions_total", "Routing decisions by route and reason.", "counter", _by_route(self._decisions)
        )
        yield Family(
            "underdog_fallbacks_total",
            "Requests that the other route answered because the chosen one failed, or (paced) was too dear.",
            "counter",
            _by_route(self._fallbacks),
        )
        unfamiliar: list[tuple[Labels, float]] = [
            ({"artifact": artifact}, count) for artifact, count in sorted(self._unfamiliar.items())
        ]
        yield Family(
            "underdog_unfamiliar_prompts_total", "Prompts unlike all training, wherever sent.", "counter", unfamiliar
        )
        yield from self._drift()

    def _drift(self) -> Iterator[Family]:
        if not self._watched:
            return
        full = {name: watched for name, watched in self._watched.items() if len(watched.values) >= FEWEST}
        yield Family(
            "underdog_drift_psi",
            f"Stability index of the newest {WINDOW} decisions against the artifact's own prompts.",
            "gauge",
            [(self._labels(name), watched.index()) for name, watched in full.items()],
        )
        yield Family(
            "underdog_drift_sample",
            "Decisions that the stability index is over; it is absent below 100.",
            "gauge",
            [(self._labels(name), len(watched.values)) for name, watched in self._watched.items()],
        )

    def _labels(self, quantity: str) -> Labels:
        return {"artifact": self._artifact, "quantity": quantity}


class _Watched:
    """The newest values of one quantity, and what they are compared with."""

    def __init__(self, reference: Distribution) -> None:
        self.values: deque[float] = deque(maxlen=WINDOW)
        self._reference = reference

    def index(self) -> float:
        return round(stability_index(self._reference.counts(list(self.values)), self._reference.shares), 6)


def _watched(reference: Reference | None) -> dict[str, _Watched]:
    if reference is None:
        return {}
    return {
        "win_rate": _Watched(reference.win_rate),
        "tokens": _Watched(reference.tokens),
        "unfamiliarity": _Watched(reference.unfamiliarity),
    }


def _by_route(counts: Counter[tuple[str, Route, Reason]]) -> list[tuple[Labels, float]]:
    return [
        ({"artifact": artifact, "route": route, "reason": reason}, count)
        for (artifact, route, reason), count in sorted(counts.items())
    ]
