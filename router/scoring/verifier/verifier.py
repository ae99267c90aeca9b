"""The verifier: whether the answer to one text, or conversation, may be served for another."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from router.scoring.trees import TreesHead
from router.scoring.verifier.artifact import Parts, load_parts
from router.scoring.verifier.conversation import Turns, least_score
from router.scoring.verifier.evidence import ALWAYS, MAX_WRONG, NEVER, common_threshold
from router.scoring.verifier.features import PairReader, Prepared, Side, ordered
from router.scoring.verifier.gate import REFUSED, rules_decide
from router.scoring.verifier.manifest import VerifierManifest
from router.scoring.verifier.pair_encoder import PairEncoder


class PairVerifier:
    """A loaded verifier. Threads may share it; the same texts always get the same score.

    Args:
        parts: what its folder holds.
    """

    def __init__(self, parts: Parts) -> None:
        self.manifest: VerifierManifest = parts.manifest
        self.reader = PairReader(parts.table)
        self._trees = parts.trees
        self._stacked: TreesHead | None = parts.stacked
        self._encoder: PairEncoder | None = parts.pair_encoder
        self._rule = parts.manifest.combination
        self._newest: tuple[Prepared, Side] | None = None

    @classmethod
    def load(cls, folder: Path, *, verify: bool = True) -> PairVerifier:
        """Load a verifier; its pair encoder, the dearest part, when it is first needed or by ``load_encoder``.

        Args:
            folder: ``models/verifier/<version>``.
            verify: also compare hashes. Structure is always checked.

        Raises:
            ArtifactError: missing, damaged, of a newer format or fitted on other features. The message names the file
                and the remedy.
        """
        return cls(load_parts(folder, verify=verify))

    def load_encoder(self) -> None:
        """Load the pair encoder, if there is one; raises ``ArtifactError`` where ONNX Runtime or the file fail."""
        if self._encoder is not None:
            self._encoder.load()

    @property
    def ready(self) -> bool:
        """Whether a score waits for nothing to be loaded."""
        return self._encoder is None or self._encoder.loaded

    def prepare(self, text: str) -> Prepared:
        """Do what depends on one text alone; some 100 us for 16 words."""
        return self.reader.prepare(text)

    def score(self, cached: Prepared, new: Prepared) -> float:
        """How surely one answer serves both texts: log odds, higher is safer; the same both ways round.

        ``ALWAYS`` for equal texts. The cheap figures come first: the pair encoder reads only pairs that it can lift.

        Raises:
            ArtifactError: the pair encoder was due and cannot be loaded.
        """
        if cached.text == new.text:
            return ALWAYS
        a, b = ordered(self.reader.side(cached), self._side(new))
        row = self.reader.features(a, b)
        if rules_decide(row[None])[0]:
            return REFUSED
        trees = float(self._trees.predict(row[None])[0])
        logit = self._logit(a, b, trees)
        if self._stacked is None:
            return self._rule.summed(trees, logit)
        both = np.append(row, np.float32(logit))
        return self._rule.stacked(float(self._stacked.predict(both[None])[0]))

    def conversation_score(self, cached: Turns, new: Turns, *, at_least: float = NEVER) -> float:
        """The score of the turns that are least alike; see :func:`~router.scoring.verifier.conversation.least_score`.

        Raises:
            ArtifactError: the pair encoder was due and cannot be loaded.
        """

        def score(place: int) -> float:
            return self.score(cached.prepared(place, self.prepare), new.prepared(place, self.prepare))

        return least_score(cached, new, score, at_least=at_least)

    def threshold(self, max_wrong: float = MAX_WRONG) -> float:
        """The score from which at most ``max_wrong`` of traps are surely answered; infinite where none can show it."""
        return common_threshold(self.manifest.evidence, max_wrong)

    def _logit(self, a: Side, b: Side, trees: float) -> float:
        rule = self._rule
        if self._encoder is None or not rule.leaves_a_chance(trees):
            return rule.skipped_logit
        pairs = [(a.ids, b.ids), (b.ids, a.ids)][: rule.ways]
        return float(self._encoder.logits(pairs).mean())

    def _side(self, new: Prepared) -> Side:
        """A text unpacked; it is asked about again, with the next candidate."""
        newest = self._newest
        if newest is None or newest[0] is not new:
            newest = self._newest = (new, self.reader.side(new))
        return newest[1]
