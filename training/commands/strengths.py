"""``train-router strengths``: where the map of ``train-router pair`` comes from, and how well it holds."""

from __future__ import annotations

from pathlib import Path

import click

from training.commands.shared import (
    TRAIN_PACKAGES,
    artifact_option,
    folder_option,
    json_option,
    print_json,
    quiet_option,
    require_extra,
    speaker,
)

VOTES = "arena/votes_2023.jsonl.gz"
OVERLAP_TABLES = ("golden/zeroeval.jsonl.gz", "golden/ulab.jsonl.gz", "golden/lm_eval.jsonl.gz")
GRADED = "golden/mmlu_pro.jsonl.gz"
JUDGED = "judged/alpaca_eval.jsonl.gz"
BASELINES = ("gpt4_1106_preview", "text_davinci_003")


@click.command("strengths")
@folder_option("--data", required=True, help="Folder of the registered sets.")
@artifact_option()
@json_option()
@quiet_option()
def command(*, data: Path, artifact: Path | None, as_json: bool, quiet: bool) -> None:
    """Fit the constants behind `pair` anew, and hold shifted win rates against pairs of models that had no say in them.

    The judged pairs (their licence bars commercial use) only measure; nothing that ships is fitted on them.
    """
    require_extra("train", TRAIN_PACKAGES)
    from router.scoring.artifact import default_artifact_path, load_artifact
    from training.corpus import read_source
    from training.strengths.check import check, graded_pairs, judged_pairs
    from training.strengths.derive import fit_overlap, fit_tie_margin

    say = speaker(wanted=not (quiet or as_json))
    loaded = load_artifact(artifact if artifact is not None else default_artifact_path())
    margin = fit_tie_margin(read_source(str(data / VOTES)).battles)
    overlap = fit_overlap([row for name in OVERLAP_TABLES for row in read_source(str(data / name)).graded])
    say(f"tie margin {margin:.3f} in people's votes; overlap of successes {overlap:.3f} in right/wrong tables")
    judged = read_source(str(data / JUDGED)).battles
    checks = {}
    for baseline in BASELINES:
        checks[f"{JUDGED} against {baseline}"] = check(loaded, *judged_pairs(judged, baseline))
        checks[f"{JUDGED} against {baseline}, no ties"] = check(loaded, *judged_pairs(judged, baseline, tie_margin=0.0))
    checks[GRADED] = check(loaded, *graded_pairs(read_source(str(data / GRADED)).graded))
    for name, found in checks.items():
        low, high = found.after_interval
        say(
            f"{name}, {found.pairs} pairs: calibration error {found.before:.3f} before, {found.after:.3f} "
            f"[{low:.3f}, {high:.3f}] after, {found.rate_alone:.3f} with the base rate alone"
        )
    if as_json:
        print_json({"tie_margin": round(margin, 4), "overlap": round(overlap, 4), "checks": checks})
