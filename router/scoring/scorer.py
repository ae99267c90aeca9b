"""The scorer: the artifact at work. One object for serving, one call from text to win rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.scoring.artifact import Artifact, default_artifact_path, load_artifact
from router.scoring.curve import Curve
from router.scoring.features import FEATURE_NAMES
from router.scoring.manifest import Manifest
from router.scoring.prompt import bound

TOPIC = "topic"
"""Name of the embedding's part in an explanation."""


class Score(Struct, frozen=True, kw_only=True, eq=False):
    """What one text scored.

    ``score`` ranks prompts; ``win_rate`` is the calibrated chance, 0..1, that the strong answer is strictly better.
    ``embedding`` is the unit vector float32 [dim], for the cache; ``tokens`` counts those that were looked up.
    ``unfamiliarity`` says how unlike training the text is (above 1: unfamiliar); None where the artifact cannot tell.
    ``row`` is all that was seen of the text, raw, float32 [D]; the embedding is its beginning.
    """

    score: float
    win_rate: float
    embedding: NDArray[np.float32]
    row: NDArray[np.float32]
    tokens: int
    unfamiliarity: float | None = None


class Scorer:
    """Scores texts with one artifact. Holds no state between calls, so threads may share it."""

    def __init__(self, artifact: Artifact) -> None:
        self._chain = artifact.chain
        self._familiarity = artifact.familiarity
        self.manifest: Manifest = artifact.manifest
        self.curve: Curve = artifact.curve
        self._groups = [TOPIC] * self._chain.inputs.encoder.dim + [name.partition(".")[0] for name in FEATURE_NAMES]

    @classmethod
    def load(cls, folder: Path | None = None, *, verify: bool = True) -> Scorer:
        """Load an artifact, the shipped one where ``folder`` is None.

        Raises:
            ArtifactError: see ``load_artifact``.
        """
        return cls(load_artifact(default_artifact_path() if folder is None else folder, verify=verify))

    @property
    def version(self) -> str:
        """Name and version of the artifact, such as ``default/1``."""
        return self.manifest.label

    def encode(self, text: str) -> NDArray[np.float32]:
        """Unit vector float32 [dim] of ``text``, as scoring sees it."""
        encoder = self._chain.inputs.encoder
        return encoder.encode_ids(encoder.tokenize(bound(text)))

    def score(self, text: str) -> Score:
        """Score one text (``prompt.prompt_text`` of a conversation); cost is bounded whatever its length."""
        text = bound(text)
        raw, tokens = self._chain.inputs.raw_one(text)
        rows = self._chain.scaler.apply(raw[None, :])
        score = self._chain.blend.predict(rows)
        dim = self._chain.inputs.encoder.dim
        familiarity = self._familiarity
        return Score(
            score=float(score[0]),
            win_rate=float(self._chain.calibrator.apply(score)[0]),
            embedding=raw[:dim],
            row=raw,
            tokens=tokens,
            unfamiliarity=None if familiarity is None else familiarity.unfamiliarity(text, rows[0, dim:]),
        )

    def score_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Scores and win rates, float64 [N] each, of N texts; each equals what ``score`` gives."""
        return self._chain.run(texts)

    def explain(self, text: str, *, top: int = 5) -> dict[str, float]:
        """What pushed the score of ``text`` up or down from that of an average prompt, strongest first.

        Args:
            text: as for ``score``.
            top: how many parts to name.

        Returns:
            Part ("topic", "length", "code", ...) to its contribution, in units of the score.
        """
        return self.explain_row(self._chain.inputs.raw_one(text)[0], top=top)

    def explain_row(self, row: NDArray[np.float32], *, top: int = 5) -> dict[str, float]:
        """The same of what was seen of a text: ``Score.row``."""
        columns = self._chain.blend.contributions(self._chain.scaler.apply(row))
        parts: dict[str, float] = dict.fromkeys(self._groups, 0.0)
        for group, value in zip(self._groups, columns.tolist(), strict=True):
            parts[group] += value
        strongest = sorted(parts.items(), key=lambda part: -abs(part[1]))
        return dict(strongest[:top])
