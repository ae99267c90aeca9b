"""How much of a logit should count: less spares the pair encoder more often, and loses what only it would lift.

Trees are fitted fold by fold, so that they know no pair that they score. The logits are the shipped encoder's, which
knew the written pairs: it lifts more of them than it would new ones, so what a clamp loses is rather overstated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec import Struct, convert
from msgspec.structs import replace
from numpy.typing import NDArray

from router.scoring.manifest import write_manifest
from router.scoring.verifier.artifact import load_parts
from router.scoring.verifier.evidence import MAX_WRONG, common_threshold
from router.scoring.verifier.features import PairReader
from router.scoring.verifier.manifest import VerifierManifest, read_verifier_manifest
from router.scoring.verifier.pair_encoder import PairEncoder
from training.encoders import load_encoder
from training.pairs.as_served import after_rules, logits_as_served
from training.pairs.card import write_card
from training.pairs.contenders import trees
from training.pairs.figures import Figures
from training.pairs.folds import folds as deal
from training.pairs.folds import only_measured
from training.pairs.made import made_by_rule, pair_rows
from training.pairs.read import read_own_pairs, read_qqp
from training.pairs.records import SOURCES, RequestPair, Source
from training.pairs.rule import MOST_LOGIT, MOST_LOGIT_OF_TURN, summed
from training.pairs.run import out_of_fold
from training.pairs.turns import Units

Say = Callable[[str], None]

TRIED = (3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0)


class Clamped(Struct, frozen=True):
    """What a clamp does to the pairs of a source, at the shipped threshold.

    Of ``rewordings`` pairs ``served`` are served without a clamp, and ``lost`` of them no more with it; ``wrong`` of
    ``traps`` are answered with it. ``read``: share of the traps of which the pair encoder reads a text.
    """

    source: Source
    most_logit: float
    rewordings: int
    served: int
    lost: int
    traps: int
    wrong: int
    read: float


def measure_clamps(
    folder: Path, *, own: Path, data: Path, encoder: Path, folds: int, quora: int, seed: int, say: Say
) -> list[Clamped]:
    """Hold a verifier's clamp against others, on pairs that the trees did not know; some five minutes of a core.

    Args:
        folder: of the verifier.
        own: of our pairs.
        data: of Quora's.
        encoder: of the static encoder that the trees' pairs by rule are made with.
        folds: into how many parts the pairs are dealt.
        quora: how many of Quora's pairs, as it was fitted with.
        seed: likewise.
        say: is told how it goes.

    Raises:
        DataError: pairs or the encoder cannot be read.
        ArtifactError: the verifier cannot be loaded.
    """
    parts = load_parts(folder)
    reader = PairReader(parts.table)
    pairs = [*read_own_pairs(own), *read_qqp(data, most=quora, seed=seed)]
    pairs += made_by_rule(pairs, load_encoder(encoder), seed=seed)
    units = Units.of_pairs(pairs)
    rows, _ = pair_rows(units.pairs, reader)
    dealt = list(deal(pairs, folds))
    say(f"trees: {len(dealt)} folds")
    log_odds = out_of_fold(trees(units.pairs, rows, seed=seed), [units.fold(fold) for fold in dealt], len(units.pairs))
    log_odds = after_rules(log_odds, rows, units.pairs)
    tried = Tried(pairs, units, log_odds, _logits(parts.pair_encoder, reader, units.pairs), parts.manifest)
    return [tried.clamped(source, most) for source in SOURCES for most in TRIED]


@dataclass(frozen=True, slots=True)
class Tried:
    """N pairs and their M units: the trees' log odds and the logits, float64 [M], and the manifest that joins them."""

    pairs: list[RequestPair]
    units: Units
    log_odds: NDArray[np.float64]
    logits: NDArray[np.float64]
    manifest: VerifierManifest

    def clamped(self, source: Source, most: float) -> Clamped:
        """What this clamp does to the pairs of a source."""
        threshold = common_threshold(self.manifest.evidence, MAX_WRONG)
        free, bound, most_of_all = (
            self.units.gathered(self._scores(logits))
            for logits in (self.logits, np.minimum(self.logits, most), np.full(len(self.logits), most))
        )
        here = np.array([pair.source == source for pair in self.pairs]) & ~np.isnan(free)
        same = np.array([pair.same_answer for pair in self.pairs])
        hits, traps = here & same, here & ~same
        served = hits & (free >= threshold)
        return Clamped(
            source=source,
            most_logit=most,
            rewordings=int(hits.sum()),
            served=int(served.sum()),
            lost=int((served & (bound < threshold)).sum()),
            traps=int(traps.sum()),
            wrong=int((traps & (bound >= threshold)).sum()),
            read=float((most_of_all[traps] >= threshold).mean()) if traps.any() else 0.0,
        )

    def _scores(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        joined = replace(self.manifest.combination, most_logit=None, most_logit_of_turn=None)
        return summed(self.log_odds, np.where(np.isnan(self.logits), np.nan, logits), self.units.pairs, joined)


def set_clamps(folder: Path) -> VerifierManifest:
    """Write the clamps of ``training.pairs.rule`` into a verifier's manifest and card; no other file changes.

    What its thresholds rest on stays valid: a clamp only lowers scores, those of traps included. Where these scores are
    clamped already, as in a verifier that went on (``training.pairs.go_on``), no clamp is raised.

    Raises:
        ArtifactError: the manifest cannot be read.
    """
    manifest = read_verifier_manifest(folder)
    clamps = {"most_logit": MOST_LOGIT, "most_logit_of_turn": MOST_LOGIT_OF_TURN}
    if "calibrated" in manifest.settings:
        there = {name: getattr(manifest.combination, name) for name in clamps}
        clamps = {name: most if there[name] is None else min(most, there[name]) for name, most in clamps.items()}
    settings = manifest.settings | {
        "clamped_by": f"train-router verifier --data DATA --clamp models/verifier/{folder.name}"
    }
    manifest = replace(manifest, combination=replace(manifest.combination, **clamps), settings=settings)
    write_manifest(folder, manifest)
    write_card(folder, manifest, [convert(row, Figures) for row in manifest.measured.values()])
    return manifest


def clamp_table(rows: Sequence[Clamped]) -> list[str]:
    """The figures as lines."""
    lines = []
    for source in SOURCES:
        of_source = [row for row in rows if row.source == source]
        if of_source:
            first = of_source[0]
            lines += ["", f"{source}: {first.rewordings:,} rewordings, {first.served:,} served; {first.traps:,} traps"]
            lines += [
                f"  a logit counts up to {row.most_logit:.1f}: {row.lost:4} lost ({row.lost / row.rewordings:.2%}), "
                f"{row.wrong:3} wrong, the encoder reads {row.read:5.1%} of the traps"
                for row in of_source
            ]
    return lines[1:]


def _logits(encoder: PairEncoder | None, reader: PairReader, units: Sequence[RequestPair]) -> NDArray[np.float64]:
    """Logits float64 [M] of the units that count as measured; NaN for the others, and where there is no encoder."""
    if encoder is None:
        return np.full(len(units), np.nan)
    measured = [unit.source in SOURCES and (unit.source != "qqp" or only_measured(unit)) for unit in units]
    return logits_as_served(encoder, reader, units, np.array(measured, bool))
