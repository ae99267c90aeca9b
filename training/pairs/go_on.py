"""A shipped verifier that goes on, top to bottom: a folder and new pairs in, a folder that serving loads out.

Its pair encoder learns more, its trees stay. A fit in folds takes hours and would tell of fits that nobody serves; here
thresholds rest on pairs that are new to all fits, scored by the artifact itself. Without a teacher nothing is fitted:
the verifier stays as it is and gets this evidence alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from router.errors import DataError
from router.scoring.encoder import TOKENIZER_FILE, read_table
from router.scoring.manifest import write_manifest
from router.scoring.verifier.artifact import Fitted, Parts, load_parts, open_pair_encoder, write_verifier
from router.scoring.verifier.combination import Combination
from router.scoring.verifier.manifest import VerifierManifest
from router.scoring.verifier.pair_encoder import PAIR_ENCODER_FILE
from router.scoring.verifier.tokens import RARITY_FILE
from router.scoring.verifier.verifier import PairVerifier
from router.scoring.wording import normal_form
from training.encoders import load_encoder
from training.pairs.calibration import Calibration, read_calibration, served_scores
from training.pairs.card import write_card
from training.pairs.choose import Ingredients, Tried, chosen_rule
from training.pairs.evidence import evidence_of
from training.pairs.figures import Figures, figures
from training.pairs.folds import Fold, group_fold, only_measured
from training.pairs.near_words import near_words
from training.pairs.read import read_own_pairs, read_qqp
from training.pairs.records import RequestPair
from training.pairs.turns import ALWAYS, NEVER, Units

Say = Callable[[str], None]

NAME = "as served"
FOLDS = 4
"""Parts of the evidence, so that a threshold by three of them can be measured on the fourth."""


class GoOnPlan(Struct, frozen=True, kw_only=True):
    """What goes on from what: ``start`` and ``out`` are folders of verifiers, ``calibrate`` of new pairs.

    The others as in ``FitPlan``; nothing is fitted where ``teacher`` is None, and ``own``'s pairs are only kept out of
    the evidence.
    """

    start: Path
    calibrate: Path
    own: Path
    data: Path
    encoder: Path
    out: Path
    version: str
    command: str
    teacher: Path | None = None
    keep: Path | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Learned:
    """The pair encoder as it is to be served, and what it was shown on the way: pairs by source and label."""

    network: Path
    shown: Counter[tuple[str, bool]]
    recipe: dict[str, Any]


def go_on_verifier(plan: GoOnPlan, say: Say) -> tuple[VerifierManifest, list[Figures]]:
    """Let a verifier learn more, settle its constants and evidence on new pairs, and write it.

    Returns:
        its manifest, and what it does on the pairs of the evidence.

    Raises:
        DataError: pairs or encoders cannot be read, new pairs are not new, or checkpoints cannot be written.
        ArtifactError: the verifier to start from cannot be loaded.
    """
    own = read_own_pairs(plan.own)
    calibration = read_calibration(plan.calibrate)
    check_new([*calibration.choosing, *calibration.evidence], own)
    parts = load_parts(plan.start)
    with TemporaryDirectory() as folder:
        learned = None if plan.teacher is None else _learned(plan, plan.teacher, parts.manifest, own, Path(folder), say)
        rule, tried = _rule(plan, parts, learned, calibration, say)
        fitted = _fitted(plan.start, parts, learned)
        about = _about(plan, parts.manifest, rule, learned, tried)
        manifest = write_verifier(plan.out, fitted, about)
    say("evidence: scores of what was written")
    return _with_evidence(plan.out, manifest, calibration)


def check_new(pairs: Sequence[RequestPair], own: Sequence[RequestPair]) -> None:
    """Stop where a text, or a whole conversation, is one that fits have seen.

    Raises:
        DataError: it names the group.
    """
    known = {normal_form(text) for pair in own for text in (pair.a, pair.b)}
    for pair in pairs:
        if normal_form(pair.a) in known or normal_form(pair.b) in known:
            raise DataError(f"group {pair.group}: is among the pairs that are fitted on; take it out of one of them")


def _learned(
    plan: GoOnPlan, teacher: Path, start: VerifierManifest, own: Sequence[RequestPair], folder: Path, say: Say
) -> Learned:
    from training.distill.vocabulary import static_tokenizer
    from training.pairs import recipe
    from training.pairs.checkpoints import Checkpoint
    from training.pairs.cross_encoder import CrossEncoder
    from training.pairs.dequantise import shipped_encoder
    from training.pairs.network_export import export_network

    units = Units.of_pairs(own)
    taught = [unit for unit, sure in zip(units.pairs, units.teaches, strict=True) if sure]
    quora = [pair for pair in read_qqp(plan.data, most=None, seed=plan.seed) if not only_measured(pair)]
    near = near_words([text for pair in quora for text in (pair.a, pair.b)], load_encoder(plan.encoder))
    encoders = [shipped_encoder(plan.start, teacher, seed=plan.seed)]
    counts: Counter[tuple[str, bool]] = Counter()
    for seed, again in enumerate(recipe.AGAIN, plan.seed):
        shown = recipe.shown_again(again, taught, quora, near, seed=seed)
        say(f"pair encoder: {len(shown):,} pairs")
        counts.update((pair.source, pair.same_answer) for pair in shown)
        settings = [start.digest, seed, recipe.AGAIN_RATE]
        checkpoint = None if plan.keep is None else Checkpoint.of_fit(plan.keep, settings, shown)
        encoders.append(encoders[0].copy())
        encoders[-1].fit(shown, rate=recipe.AGAIN_RATE, seed=seed, say=say, checkpoint=checkpoint)
    _, kept = static_tokenizer((teacher / TOKENIZER_FILE).read_text(encoding="utf-8"))
    network = folder / PAIR_ENCODER_FILE
    export_network(CrossEncoder.mean(encoders), kept, network)
    fits = [again._asdict() | {"seed": seed} for seed, again in enumerate(recipe.AGAIN, plan.seed)]
    return Learned(network, counts, recipe.numbers() | {"AGAIN": fits})


def _rule(
    plan: GoOnPlan, parts: Parts, learned: Learned | None, calibration: Calibration, say: Say
) -> tuple[Combination, list[Tried]]:
    """The new encoder's, as the pairs for choosing have it; that of the verifier as it is, where nothing was fitted."""
    if learned is None:
        return parts.manifest.combination, []
    if parts.stacked is not None:
        raise DataError(f"{plan.start}: its pair encoder is read by trees; one that is summed can go on")
    encoder = open_pair_encoder(learned.network, parts.table)
    found = Ingredients.of(parts, encoder, calibration.choosing)
    rule, tried = chosen_rule(found)
    for each in tried:
        say(f"  a logit weighs {each.weight:.1f}: {each.mean:.1%} served on average")
    return rule, tried


def _fitted(start: Path, parts: Parts, learned: Learned | None) -> Fitted:
    """What is written: all but the network as it was."""
    _, vectors, scales = read_table(start)
    network = start / PAIR_ENCODER_FILE if learned is None else learned.network
    return Fitted(
        tokenizer_json=(start / TOKENIZER_FILE).read_text(encoding="utf-8"),
        vectors=np.array(vectors),
        scales=scales,
        rarity=np.load(start / RARITY_FILE),
        trees=parts.trees.nodes,
        stacked=None if parts.stacked is None else parts.stacked.nodes,
        pair_encoder=None if parts.pair_encoder is None else network,
    )


def _about(
    plan: GoOnPlan, start: VerifierManifest, rule: Combination, learned: Learned | None, tried: Sequence[Tried]
) -> VerifierManifest:
    went_on: dict[str, Any] = {"from": start.label, "digest": start.digest, "seed": plan.seed}
    if learned is not None:
        went_on["shown"] = _counted(learned.shown)
        went_on["recipe"] = learned.recipe
        went_on["weights_tried"] = [msgspec.to_builtins(each) for each in tried]
        went_on["libraries"] = {name: version(name) for name in ("torch", "transformers", "onnxruntime")}
    settings = {name: value for name, value in start.settings.items() if name != "clamped_by"}
    return replace(
        start,
        version=plan.version,
        command=plan.command,
        combination=rule,
        evidence={},
        settings=settings | {"went_on": went_on},
        measured={},
    )


def _with_evidence(
    folder: Path, manifest: VerifierManifest, calibration: Calibration
) -> tuple[VerifierManifest, list[Figures]]:
    pairs = calibration.evidence
    scores = np.clip(served_scores(PairVerifier.load(folder), pairs), NEVER, ALWAYS)
    found = figures(NAME, scores, pairs, _parts(pairs))
    uses = {"choosing": calibration.choosing, "evidence": pairs}
    counts = {use: _counted(Counter((pair.source, pair.same_answer) for pair in of)) for use, of in uses.items()}
    manifest = replace(
        manifest,
        evidence=evidence_of(scores, pairs, []),
        settings=manifest.settings | {"calibrated": counts},
        measured={row.source: msgspec.to_builtins(row) for row in found},
    )
    write_manifest(folder, manifest)
    write_card(folder, manifest, found)
    return manifest, found


def _parts(pairs: Sequence[RequestPair]) -> list[Fold]:
    """Folds to measure on alone; every kind of trap was known."""
    dealt = [group_fold(pair.group, FOLDS) for pair in pairs]
    return [
        Fold(number, [], [place for place, part in enumerate(dealt) if part == number], frozenset())
        for number in range(FOLDS)
    ]


def _counted(counts: Counter[tuple[str, bool]]) -> list[dict[str, Any]]:
    return [{"source": source, "same_answer": same, "pairs": count} for (source, same), count in sorted(counts.items())]
