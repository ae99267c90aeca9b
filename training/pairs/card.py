"""The verifier's model card: what it is for, what it rests on, and what it does on pairs that its fits did not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from router.scoring.verifier.evidence import MAX_WRONG, common_threshold, most_wrong, upper_limit
from router.scoring.verifier.manifest import VerifierManifest
from training.pairs.figures import Figures
from training.pairs.measure import Served
from training.pairs.records import SOURCES

CARD_FILE = "MODEL_CARD.md"

TEACHER = (
    "The pair encoder started from all-MiniLM-L6-v2 (Apache-2.0; `model.safetensors` has SHA-256 "
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db). The token table is that of the router's "
    "static encoder, distilled from the same model, cut to its first columns."
)


def write_card(folder: Path, manifest: VerifierManifest, rows: Sequence[Figures]) -> None:
    """Write ``MODEL_CARD.md`` into the artifact's folder."""
    settings = manifest.settings
    lines = [
        f"# {manifest.label}",
        "",
        f"{manifest.description[0].upper()}{manifest.description[1:]}. Of two requests it tells",
        "how surely the answer to one serves the other; the semantic cache answers from what it keeps only where this",
        "score reaches a threshold.",
        "",
        "## Intended use and limits",
        "",
        "- For deciding whether a kept answer may be served again. Not for judging texts or people.",
        "- Most of what it learned is English; a tenth of our pairs is in other European languages.",
        "- Conversations are judged turn by turn, and the turn that is least alike decides. It cannot know that a turn",
        "  does not matter.",
        "- A promise about traps holds for traps like ours. Whoever sees other ones reports them, and the",
        "  cache grows stricter.",
        "- The folder holds arrays, a tokenizer and a network as data. Loading it runs no code.",
        "",
        "## What it learned from",
        "",
        *_data(manifest),
        "",
        TEACHER,
        "",
        *_went_on(settings),
        "## What a threshold rests on",
        "",
        f"At the shipped setting at most {MAX_WRONG:.0%} of the traps may be answered wrongly, with 95 % confidence",
        f"(Clopper-Pearson), for each of these kinds. Threshold: {common_threshold(manifest.evidence, MAX_WRONG):.3f}.",
        *_origin(settings),
        "",
        *_evidence(manifest),
        "",
        *_clamps(manifest),
        "## Measured on pairs that the fits did not know",
        "",
        *_measured(settings),
        "Best: by the threshold that serves most at that share of traps.",
        "Bounded: the threshold comes from the other folds, 95 % sure of at most 1 % of traps.",
        "",
        *_figures(rows),
        "",
        f"Made by `{manifest.command}`.",
        "",
    ]
    (folder / CARD_FILE).write_text("\n".join(lines), encoding="utf-8")


def _data(manifest: VerifierManifest) -> list[str]:
    rows = [
        f"| {row['source']} | {'same answer' if row['same_answer'] else 'another answer'} | {row['pairs']:,} |"
        for row in manifest.training_data
    ]
    return ["| source | pairs with | trees fitted on |", "|---|---|---|", *rows]


def _went_on(settings: Mapping[str, Any]) -> list[str]:
    """That a verifier goes on from another one, and with what."""
    if "went_on" not in settings:
        return []
    start = settings["went_on"]["from"]
    if "shown" not in settings["went_on"]:
        return [f"Nothing in it was fitted anew: it is {start} on other evidence.", ""]
    rows = [
        f"| {row['source']} | {'same answer' if row['same_answer'] else 'another answer'} | {row['pairs']:,} |"
        for row in settings["went_on"]["shown"]
    ]
    return [
        f"Trees and token table are those of {start}. Its pair encoder, rounded as it was shipped, went on with these",
        "pairs (seen several times, they count as often). Served is the mean of its weights and theirs.",
        "",
        "| source | pairs with | shown |",
        "|---|---|---|",
        *rows,
        "",
    ]


def _origin(settings: Mapping[str, Any]) -> list[str]:
    if "calibrated" not in settings:
        return ["Scores come from fits that knew neither the traps nor their groups."]
    return [
        "Scores are those of this very artifact, rounding and bounds included, on pairs written later. Nothing was",
        "fitted on or chosen by them; other such pairs settled how much the pair encoder says.",
    ]


def _measured(settings: Mapping[str, Any]) -> list[str]:
    if "calibrated" in settings:
        return ["On the pairs that the thresholds rest on, in four parts by group. No kind of trap is new."]
    return [f"{settings['folds_measured']} of {settings['folds']} folds over groups and families of traps."]


def _evidence(manifest: VerifierManifest) -> list[str]:
    rows = []
    for kind, evidence in sorted(manifest.evidence.items()):
        allowed = most_wrong(evidence.traps, MAX_WRONG)
        threshold = common_threshold({kind: evidence}, MAX_WRONG)
        limit = upper_limit(allowed, evidence.traps) if allowed >= 0 else 1.0
        rows.append(f"| {kind} | {evidence.traps:,} | {max(0, allowed)} | {limit:.2%} | {threshold:.3f} |")
    return ["| traps | seen | may be answered | upper limit | threshold |", "|---|---|---|---|---|", *rows]


def _clamps(manifest: VerifierManifest) -> list[str]:
    rule = manifest.combination
    if rule.most_logit is None or rule.most_logit_of_turn is None:
        return []
    own, turn = f"{rule.most_logit:g}", f"{rule.most_logit_of_turn:g}"
    return [
        f"The pair encoder's logit counts up to {own}, of turns of conversations up to {turn}, so that it reads",
        "nothing that it could not lift over the threshold. "
        + (
            "Scores have it."
            if "calibrated" in manifest.settings
            else "That only lowers scores; those above are from before it."
        ),
        "",
    ]


def _figures(rows: Sequence[Figures]) -> list[str]:
    head = ["| pairs | AUC | best at 1 % | best at 5 % | new kinds, 1 % | bounded: served | wrong |", "|" + "---|" * 7]
    return [*head, *(_row(row) for row in sorted(rows, key=lambda row: SOURCES.index(row.source)))]


def _row(row: Figures) -> str:
    cells = (_share(row.best[0]), _share(row.best[1]), _share(row.best_unseen[0]), _share(row.bounded))
    wrong = "" if row.bounded is None else f"{row.bounded.wrong} of {row.bounded.traps:,}"
    return f"| {row.source} | {row.auc:.3f} | {' | '.join(cells)} | {wrong} |"


def _share(served: Served | None) -> str:
    return "" if served is None or not served.traps else f"{served.served_share:.1%}"
