"""A few decisions taken apart, for people: prompts of ours, where each went, and what moved it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from router.scoring.manifest import Manifest, write_manifest
from router.scoring.scorer import Scorer
from router.scoring.shares import is_unfamiliar
from training.golden_prompts import GOLDEN_PROMPTS
from training.tradeoff import USUAL_POINT

SAMPLES = 20
PARTS = 4
"""How many parts are named; the others are summed up."""

REST = "the rest"
EVERY_PART = 1000
DECIMALS = 3


def record_decisions(folder: Path, scorer: Scorer) -> Manifest:
    """Add ``measured.decisions`` to the manifest of the artifact in ``folder``, of which ``scorer`` was loaded."""
    manifest = scorer.manifest
    manifest = replace(manifest, measured={**manifest.measured, "decisions": sample_decisions(scorer)})
    write_manifest(folder, manifest)
    return manifest


def sample_decisions(scorer: Scorer, prompts: Sequence[str] = GOLDEN_PROMPTS[:SAMPLES]) -> list[dict[str, Any]]:
    """``prompt``, ``win_rate``, ``route`` at the usual operating point, and ``parts`` of the score, strongest first.

    Where a prompt is ``unfamiliar``, it goes to the strong model at any win rate, as the server's default has it.
    A part is what one group of inputs adds to the score of an average prompt, in steps of the score (its spread over
    the training prompts is about 1).
    """
    threshold = scorer.manifest.operating_points[USUAL_POINT].threshold
    return [_decision(scorer, prompt, threshold) for prompt in prompts]


def _decision(scorer: Scorer, prompt: str, threshold: float) -> dict[str, Any]:
    score = scorer.score(prompt)
    unfamiliar = is_unfamiliar(score.unfamiliarity)
    parts = list(scorer.explain(prompt, top=EVERY_PART).items())
    shown = [[name, round(value, DECIMALS)] for name, value in parts[:PARTS]]
    rest = sum(value for _, value in parts[PARTS:])
    return {
        "prompt": prompt,
        "win_rate": round(score.win_rate, DECIMALS + 1),
        "route": "strong" if unfamiliar or score.win_rate >= threshold else "weak",
        "unfamiliar": unfamiliar,
        "parts": [*shown, [REST, round(rest, DECIMALS)]],
    }
