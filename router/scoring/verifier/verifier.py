"""The verifier: whether the answer to one text, or conversation, may be served for another."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from router.scoring.trees import TreesHead
from router.scoring.verifier.artifact import Parts, load_parts
from router.scoring.verifier.conversation import Turns, least_score
from router.scoring.verifier.evidence import ALWAYS, MAX_WRONG, NEVER, common_threshold
from router.scoring.verifier.features import PairReader, Prepared, Side, ordered
from router.scoring.verifier.gate import REFUSED, is_long, rules_decide
from router.scoring.verifier.manifest import VerifierManifest
from router.scoring.verifier.pair_encoder import PairEncoder
from router.scoring.wording import normal_form


class Unread(NamedTuple):
    """A pair that the pair encoder has not read: its sides in order, its row of features and what the trees say."""

    a: Side
    b: Side
    row: NDArray[np.float32]
    trees: float
    turn: bool


class Glance(NamedTuple):
    """What is known of a pair without the pair encoder: the most that its score can be; its score if none is unread."""

    most: float
    unread: Unread | None = None


class Glances(NamedTuple):
    """A pair of conversations without the pair encoder: each turn that was looked at, and the most that all leave.

    ``most`` is ``ALWAYS`` only where it is the score.
    """

    by: PairVerifier
    at_least: float
    turns: dict[int, Glance]
    most: float


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

        ``ALWAYS`` for texts of one normal form (:mod:`router.scoring.wording`): no trap that we wrote ever was one,
        and what was fitted is less sure of a contraction than a rule is.

        Raises:
            ArtifactError: the pair encoder was due and cannot be loaded.
        """
        return self._settled(self._glance(cached, new, turn=False))

    def conversation_score(
        self, cached: Turns, new: Turns, *, at_least: float = NEVER, glances: Glances | None = None
    ) -> float:
        """The score of the turns that are least alike; see :func:`~router.scoring.verifier.conversation.least_score`.

        Every turn that differs is glanced at before the pair encoder, the dearest part, reads any: it runs only where
        it could lift all of them to ``at_least``. ``glances`` at the same two spare that where they suit.

        Raises:
            ArtifactError: the pair encoder was due and cannot be loaded.
        """
        if glances is None or glances.by is not self or glances.at_least != at_least:
            glances = self.glance(cached, new, at_least=at_least)
        turns = glances.turns
        if glances.most < at_least or not turns:
            return glances.most
        return least_score(cached, new, lambda place: self._settled(turns[place]), at_least=at_least)

    def glance(self, cached: Turns, new: Turns, *, at_least: float = NEVER) -> Glances:
        """What is known of two conversations before a network has read anything; some 200 us for two questions.

        A bound below ``at_least`` says no more than "below", as in ``conversation_score``.
        """
        turn = len(new.texts) > 1
        turns: dict[int, Glance] = {}

        def most(place: int) -> float:
            turns[place] = self._glance_at(cached, new, place, turn=turn)
            return turns[place].most

        return Glances(self, at_least, turns, least_score(cached, new, most, at_least=at_least))

    def threshold(self, max_wrong: float = MAX_WRONG) -> float:
        """The score from which at most ``max_wrong`` of traps are surely answered; infinite where none can show it."""
        return common_threshold(self.manifest.evidence, max_wrong)

    def _glance_at(self, cached: Turns, new: Turns, place: int, *, turn: bool) -> Glance:
        one, other = cached.texts[place], new.texts[place]
        if is_long(one, other, turn=turn):
            return Glance(ALWAYS if normal_form(one) == normal_form(other) else REFUSED)
        return self._glance(cached.prepared(place, self.prepare), new.prepared(place, self.prepare), turn=turn)

    def _glance(self, cached: Prepared, new: Prepared, *, turn: bool) -> Glance:
        if cached.form == new.form:
            return Glance(ALWAYS)
        a, b = ordered(self.reader.side(cached), self._side(new))
        row = self.reader.features(a, b)
        if rules_decide(row):
            return Glance(REFUSED)
        trees = float(self._trees.predict(row[None])[0])
        # A rule without a bound leaves no more than ``ALWAYS``, which would be certain.
        most = min(self._rule.most(trees, turn=turn), sys.float_info.max)
        return Glance(most, Unread(a, b, row, trees, turn))

    def _settled(self, glance: Glance) -> float:
        """The score, with the pair encoder where that has a say."""
        pair = glance.unread
        if pair is None:
            return glance.most
        logit = self._logit(pair)
        if self._stacked is None:
            return self._rule.summed(pair.trees, logit, turn=pair.turn)
        both = np.append(pair.row, np.float32(logit))
        return self._rule.stacked(float(self._stacked.predict(both[None])[0]))

    def _logit(self, pair: Unread) -> float:
        rule = self._rule
        if self._encoder is None or not rule.leaves_a_chance(pair.trees):
            return rule.skipped_logit
        pairs = [(pair.a.ids, pair.b.ids), (pair.b.ids, pair.a.ids)][: rule.ways]
        return float(self._encoder.logits(pairs).mean())

    def _side(self, new: Prepared) -> Side:
        """A text unpacked; it is asked about again, with the next candidate."""
        newest = self._newest
        if newest is None or newest[0] is not new:
            newest = self._newest = (new, self.reader.side(new))
        return newest[1]
