"""Golden rows: prompts with the score and win rate that they had when the artifact was made, replayed at start-up.

They catch what hashes cannot: another tokenizer library, another numpy, changed features, on the machine that serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from router.errors import UNREADABLE_JSON, ArtifactError
from router.scoring.arrays import REMEDY
from router.scoring.chain import Chain
from router.scoring.familiarity import Familiarity
from router.scoring.prompt import bound

GOLDEN_FILE = "golden.jsonl"
TOLERANCE = 1e-6
"""Largest difference of a score, win rate or unfamiliarity that counts as the same."""


class GoldenRow(Struct, frozen=True, kw_only=True):
    """One prompt with what it scored; ``unfamiliarity`` is None where the artifact cannot tell."""

    prompt: str
    score: float
    win_rate: float
    unfamiliarity: float | None = None


def write_golden(folder: Path, chain: Chain, prompts: Sequence[str], familiarity: Familiarity | None = None) -> None:
    """Score ``prompts`` and record the rows in ``golden.jsonl``."""
    scores, win_rates = chain.run(prompts)
    strange = _unfamiliarity(chain, familiarity, prompts)
    rows = [
        GoldenRow(prompt=prompt, score=score, win_rate=win_rate, unfamiliarity=far)
        for prompt, score, win_rate, far in zip(prompts, scores.tolist(), win_rates.tolist(), strange, strict=True)
    ]
    (folder / GOLDEN_FILE).write_bytes(msgspec.json.Encoder().encode_lines(rows))


def replay_golden(folder: Path, chain: Chain, familiarity: Familiarity | None = None) -> None:
    """Score the golden prompts again.

    Raises:
        ArtifactError: the file cannot be used, or a row does not come out as recorded within ``TOLERANCE``.
    """
    path = folder / GOLDEN_FILE
    rows = _read(path)
    scores, win_rates = chain.run([row.prompt for row in rows])
    recorded = np.array([(row.score, row.win_rate) for row in rows])
    far = np.flatnonzero(~(np.abs(recorded - np.stack([scores, win_rates], axis=1)) <= TOLERANCE).all(axis=1))
    if len(far):
        row = int(far[0])
        raise ArtifactError(
            f"{path}: row {row + 1} was recorded with win rate {rows[row].win_rate:.6f} and now gives "
            f"{win_rates[row]:.6f}, so this artifact would not route as it was measured; install the pinned "
            "dependencies, or refit it with train-router."
        )
    _compare_unfamiliarity(path, rows, _unfamiliarity(chain, familiarity, [row.prompt for row in rows]))


def _compare_unfamiliarity(path: Path, rows: Sequence[GoldenRow], found: Sequence[float | None]) -> None:
    for number, (row, now) in enumerate(zip(rows, found, strict=True), 1):
        if row.unfamiliarity is not None and (now is None or not abs(row.unfamiliarity - now) <= TOLERANCE):
            raise ArtifactError(
                f"{path}: row {number} was recorded with unfamiliarity {row.unfamiliarity:.6f} and now gives {now}, so "
                "this artifact would not route as it was measured; install the pinned dependencies, or refit it with "
                "train-router."
            )


def _unfamiliarity(chain: Chain, familiarity: Familiarity | None, prompts: Sequence[str]) -> list[float | None]:
    if familiarity is None:
        return [None] * len(prompts)
    features = chain.scaler.apply(chain.inputs.raw(prompts))[:, chain.inputs.encoder.dim :]
    return [familiarity.unfamiliarity(bound(prompt), row) for prompt, row in zip(prompts, features, strict=True)]


def _read(path: Path) -> list[GoldenRow]:
    try:
        rows: list[GoldenRow] = msgspec.json.Decoder(GoldenRow).decode_lines(path.read_bytes())
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from error
    except UNREADABLE_JSON as error:
        raise ArtifactError(f"{path}: not valid golden rows ({error}); {REMEDY}") from error
    if not rows:
        raise ArtifactError(f"{path}: holds no rows; {REMEDY}")
    return rows
