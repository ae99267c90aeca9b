"""Golden rows: prompts with the score and win rate that they had when the artifact was made, replayed at start-up.

They catch what hashes cannot: another tokenizer library, another numpy, changed features, on the machine that serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
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
    rows = _score(chain, familiarity, prompts)
    (folder / GOLDEN_FILE).write_bytes(msgspec.json.Encoder().encode_lines(rows))


def replay_golden(folder: Path, chain: Chain, familiarity: Familiarity | None = None) -> None:
    """Score the golden prompts again.

    Raises:
        ArtifactError: the file cannot be used, or a row does not come out as recorded within ``TOLERANCE``.
    """
    path = folder / GOLDEN_FILE
    recorded = _read(path)
    replayed = _score(chain, familiarity, [row.prompt for row in recorded])
    for number, (then, now) in enumerate(zip(recorded, replayed, strict=True), 1):
        changed = _changed(then, now)
        if changed:
            raise ArtifactError(
                f"{path}: row {number} was recorded with {changed}, so this artifact would not route as it was "
                "measured; install the pinned dependencies, or refit it with train-router."
            )


def _changed(then: GoldenRow, now: GoldenRow) -> str:
    """What a row was recorded with and now gives; "" where it is the same."""
    if not (_same(then.win_rate, now.win_rate) and _same(then.score, now.score)):
        return f"win rate {then.win_rate:.6f} and now gives {now.win_rate:.6f}"
    if then.unfamiliarity is None:
        return ""
    if now.unfamiliarity is None or not _same(then.unfamiliarity, now.unfamiliarity):
        return f"unfamiliarity {then.unfamiliarity:.6f} and now gives {now.unfamiliarity}"
    return ""


def _same(then: float, now: float) -> bool:
    return abs(then - now) <= TOLERANCE


def _score(chain: Chain, familiarity: Familiarity | None, prompts: Sequence[str]) -> list[GoldenRow]:
    rows = chain.scaler.apply(chain.inputs.raw(prompts))
    scores = chain.blend.predict(rows)
    win_rates = chain.calibrator.apply(scores).tolist()
    features = rows[:, chain.inputs.encoder.dim :]
    return [
        GoldenRow(
            prompt=prompt,
            score=score,
            win_rate=win_rate,
            unfamiliarity=None if familiarity is None else familiarity.unfamiliarity(bound(prompt), row),
        )
        for prompt, score, win_rate, row in zip(prompts, scores.tolist(), win_rates, features, strict=True)
    ]


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
