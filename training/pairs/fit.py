"""The fit of the verifier that is shipped, top to bottom: pairs in; out, a folder that serving loads.

Everything is fitted twice: in every fold without its groups and families of traps, which tells what thresholds may rest
on, and once on all pairs, which is what is served. A quarter of Quora's pairs is fitted on by neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.scoring.verifier.artifact import Fitted, write_verifier
from router.scoring.verifier.features import PairReader
from router.scoring.verifier.gate import REFUSED
from router.scoring.verifier.manifest import VerifierManifest
from training.encoders import load_encoder
from training.pairs import recipe
from training.pairs.card import write_card
from training.pairs.contenders import WEIGHTS, Scores, pair_encoder_logits, trees, weights
from training.pairs.encoder_fits import EncoderFits
from training.pairs.evidence import evidence_of
from training.pairs.figures import Figures, figures
from training.pairs.folds import Fold, folds, only_measured
from training.pairs.made import made_by_rule, pair_rows
from training.pairs.network_export import export_network
from training.pairs.read import read_own_pairs, read_qqp
from training.pairs.records import WRITTEN, RequestPair
from training.pairs.rule import COMBINATION, left_to_rules, summed
from training.pairs.run import out_of_fold
from training.pairs.static_table import CutTable, cut_table
from training.pairs.trees import COPIES, ROUNDS, SETTINGS, Forest, fit_trees
from training.pairs.turns import Units

Say = Callable[[str], None]

DESCRIPTION = "trees on words and static token alignment, and a MiniLM-L6 that reads both sides, in one sum"
LIBRARIES = ("torch", "transformers", "lightgbm", "onnxruntime", "numpy", "tokenizers")
NAME = "as served"


class FitPlan(Struct, frozen=True, kw_only=True):
    """What is fitted on what; folders as in ``Comparison``. ``out`` gets the artifact, ``command`` reproduces it."""

    own: Path
    data: Path
    encoder: Path
    teacher: Path
    out: Path
    version: str
    command: str
    keep: Path | None = None
    folds: int = 4
    quora: int = 20_000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Material:
    """Pairs and their units as rows.

    ``dealt`` are the folds of pairs, ``unit_folds`` of units. ``rows`` float32 [M, D] of the M units; ``forward``
    bool [M]: whether a unit's ``a`` is what serving reads first.
    """

    pairs: list[RequestPair]
    units: Units
    dealt: list[Fold]
    unit_folds: list[Fold]
    table: CutTable
    rows: NDArray[np.float32]
    forward: NDArray[np.bool_]

    @property
    def taught(self) -> list[int]:
        """Places of the units that the shipped fit learns from."""
        teaches = zip(self.units.pairs, self.units.teaches, strict=True)
        return [place for place, (pair, sure) in enumerate(teaches) if sure and not only_measured(pair)]


def fit_verifier(plan: FitPlan, say: Say) -> tuple[VerifierManifest, list[Figures]]:
    """Fit, write and measure a verifier.

    Returns:
        its manifest, and what it does on pairs that the folds' fits did not know.

    Raises:
        DataError: pairs or encoders cannot be read, or the folder of fits cannot be written.
        ArtifactError: what was fitted does not fit together.
    """
    material = read_material(plan, say)
    fits = EncoderFits.of_data(plan.data, plan.encoder, plan.teacher, keep=plan.keep, seed=plan.seed, say=say)
    units = material.units.pairs
    logits = pair_encoder_logits(fits, units, material.unit_folds, say=say)
    say("pair encoder: all pairs")
    own = [units[place] for place in material.taught if units[place].source in WRITTEN]
    encoder = fits.own(own, name="all", seed=plan.folds)
    with TemporaryDirectory() as folder:
        network = Path(folder) / "pair.onnx"
        export_network(encoder, material.table.kept, network)
        return assemble(plan, material, logits, network, say)


def read_material(plan: FitPlan, say: Say) -> Material:
    """Read the pairs, make more by rule, and compute their rows as serving will; raises ``DataError``."""
    pairs = [*read_own_pairs(plan.own), *read_qqp(plan.data, most=plan.quora, seed=plan.seed)]
    pairs += made_by_rule(pairs, load_encoder(plan.encoder), seed=plan.seed)
    units = Units.of_pairs(pairs)
    texts = sorted({text for pair in units.pairs for text in (pair.a, pair.b)})
    say(f"{len(pairs):,} pairs, {len(texts):,} texts")
    table = cut_table(plan.encoder, plan.teacher, texts)
    rows, forward = pair_rows(units.pairs, PairReader(table.tokens))
    dealt = list(folds(pairs, plan.folds))
    return Material(pairs, units, dealt, [units.fold(fold) for fold in dealt], table, rows, forward)


def assemble(
    plan: FitPlan, material: Material, logits: Scores, network: Path, say: Say
) -> tuple[VerifierManifest, list[Figures]]:
    """Join trees and pair encoder, settle what the thresholds rest on, and write the folder.

    Args:
        plan: what is fitted.
        material: pairs and rows.
        logits: float64 [M, 2], each unit's both ways round, by a fit that did not know it.
        network: the pair encoder fitted on all pairs, as ONNX.
        say: is told how it goes.
    """
    units, pairs = material.units, material.pairs
    say(f"trees: {plan.folds} folds")
    log_odds = out_of_fold(trees(units.pairs, material.rows, seed=plan.seed), material.unit_folds, len(units.pairs))
    joined = summed(log_odds, np.where(material.forward, logits[:, 0], logits[:, 1]), units.pairs)
    refused = left_to_rules(material.rows, units.pairs) & ~np.isnan(joined)
    scores = units.gathered(np.where(refused, REFUSED, joined))
    found = figures(NAME, scores, pairs, material.dealt)
    say("trees: all pairs")
    about = VerifierManifest(
        version=plan.version,
        command=plan.command,
        description=DESCRIPTION,
        files={},
        feature_names=[],
        trees="",
        combination=COMBINATION,
        evidence=evidence_of(scores, pairs, material.dealt),
        settings=_settings(plan) | {"folds_measured": _measured(material, scores)},
        training_data=_training_data(material),
        measured={row.source: msgspec.to_builtins(row) for row in found},
    )
    table = material.table
    fitted = Fitted(
        tokenizer_json=table.tokenizer_json,
        vectors=table.vectors,
        scales=table.scales,
        rarity=table.rarity,
        trees=_forest(material, plan.seed).nodes(),
        pair_encoder=network,
    )
    manifest = write_verifier(plan.out, fitted, about)
    write_card(plan.out, manifest, found)
    return manifest, found


def _forest(material: Material, seed: int) -> Forest:
    taught = np.array(material.taught)
    units = [material.units.pairs[place] for place in taught]
    same = np.array([pair.same_answer for pair in units])
    return fit_trees(material.rows[taught], same, weights(units), seed=seed)


def _measured(material: Material, scores: Scores) -> int:
    """In how many folds our pairs were scored: as many as there are logits for."""
    asked = np.array([pair.source == "questions" for pair in material.pairs]) & np.isfinite(scores)
    return sum(bool(asked[fold.test].any()) for fold in material.dealt)


def _settings(plan: FitPlan) -> dict[str, Any]:
    return {
        "seed": plan.seed,
        "folds": plan.folds,
        "recipe": recipe.numbers(),
        "trees": {**SETTINGS, "rounds": ROUNDS, "copies": COPIES, "weights": WEIGHTS},
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _training_data(material: Material) -> list[dict[str, Any]]:
    counts = Counter((pair.source, pair.same_answer) for pair in material.pairs if not only_measured(pair))
    return [{"source": source, "same_answer": same, "pairs": count} for (source, same), count in sorted(counts.items())]
