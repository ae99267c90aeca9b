"""Whether a cached answer may stand for a new question: the last step before a semantic hit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from router.scoring.pair import SERVED_FROM, pair_score
from router.scoring.verifier.conversation import Turns, least_score
from router.scoring.verifier.evidence import MAX_WRONG, NEVER, probability

if TYPE_CHECKING:
    from router.scoring.verifier.verifier import Glances, PairVerifier


class Glimpse(NamedTuple):
    """What is soon known of a score: the most that it can be, and what the verifier found on the way.

    ``most`` is ``ALWAYS`` only where the score is; below the ``at_least`` that was asked for it says no more than that.
    """

    most: float
    found: Glances | None = None


class Verifier(Protocol):
    """Judges two requests of one partition, turn by turn. Several threads may ask it at once.

    ``prepare`` costs next to nothing, and what it gives suits every verifier: it may be kept beside an entry, or made
    again from the texts at any time.
    """

    @property
    def name(self) -> str:
        """Name and version, as people see them."""
        ...

    @property
    def threshold(self) -> float:
        """Scores from here on are served."""
        ...

    def prepare(self, turns: Sequence[str] | str) -> Turns:
        """What is kept of the turns' texts, the question last; a string is a question on its own."""
        ...

    def score(self, cached: Turns, new: Turns, *, at_least: float = NEVER, seen: Glimpse | None = None) -> float:
        """How surely the answer to one request answers the other; higher is safer, the same both ways round.

        ``ALWAYS`` for equal texts. A score below ``at_least`` may be found before the last turn is read: it then says
        no more than "below". ``seen`` is what ``glance`` gave of the same two, if it did.
        """
        ...

    def glance(self, cached: Turns, new: Turns, *, at_least: float = NEVER) -> Glimpse:
        """What is soon known of the score; no network is read."""
        ...

    def probability(self, cached: Turns, new: Turns) -> float:
        """The score as 0..1: ``SERVED_FROM`` and above exactly from ``threshold`` on; 1 for what is equal."""
        ...

    def same(self, cached: Turns, new: Turns) -> bool:
        """Whether the answer to one request may be served for the other: every turn must say the same."""
        ...


class WordingVerifier:
    """Says yes only where each turn is the other's in different clothes, by rule. It needs no artifact."""

    name = "wording rules"
    threshold = SERVED_FROM

    def prepare(self, turns: Sequence[str] | str) -> Turns:
        """See ``Verifier``."""
        return Turns(turns)

    def score(self, cached: Turns, new: Turns, *, at_least: float = NEVER, seen: Glimpse | None = None) -> float:
        """The least of :func:`~router.scoring.pair.pair_score` over the turns that differ, 0..1; see ``Verifier``."""
        return least_score(
            cached, new, lambda place: pair_score(cached.texts[place], new.texts[place]), at_least=at_least
        )

    def glance(self, cached: Turns, new: Turns, *, at_least: float = NEVER) -> Glimpse:
        """The score itself: nothing of it is dear."""
        return Glimpse(self.score(cached, new, at_least=at_least))

    def probability(self, cached: Turns, new: Turns) -> float:
        """The score itself, 0..1."""
        return min(1.0, max(0.0, self.score(cached, new)))

    def same(self, cached: Turns, new: Turns) -> bool:
        """See ``Verifier``."""
        return self.score(cached, new, at_least=self.threshold) >= self.threshold


class LearnedVerifier:
    """Says yes where a fitted verifier's score reaches the threshold that its evidence asks for.

    Args:
        pairs: the fitted verifier.
        max_wrong: share of traps that may be answered wrongly, as an upper limit.
    """

    def __init__(self, pairs: PairVerifier, *, max_wrong: float = MAX_WRONG) -> None:
        self.pairs = pairs
        self.name = pairs.manifest.label
        self.threshold = pairs.threshold(max_wrong)

    def prepare(self, turns: Sequence[str] | str) -> Turns:
        """See ``Verifier``."""
        return Turns(turns)

    def score(self, cached: Turns, new: Turns, *, at_least: float = NEVER, seen: Glimpse | None = None) -> float:
        """See ``Verifier``; raises ``ArtifactError`` where the pair encoder was due and cannot be loaded."""
        found = None if seen is None else seen.found
        return self.pairs.conversation_score(cached, new, at_least=at_least, glances=found)

    def glance(self, cached: Turns, new: Turns, *, at_least: float = NEVER) -> Glimpse:
        """See ``Verifier``."""
        found = self.pairs.glance(cached, new, at_least=at_least)
        return Glimpse(found.most, found)

    def probability(self, cached: Turns, new: Turns) -> float:
        """See ``Verifier``."""
        return probability(self.score(cached, new), self.threshold)

    def same(self, cached: Turns, new: Turns) -> bool:
        """See ``Verifier``. With an infinite threshold only what is equal is the same."""
        return self.score(cached, new, at_least=self.threshold) >= self.threshold
