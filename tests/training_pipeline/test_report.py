"""The documents beside an artifact: complete, self-contained, and honest about what was not measured."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from router.scoring.manifest import read_manifest, write_manifest
from router.scoring.scorer import Scorer
from tests.training_pipeline.conftest import TrainRouter
from training.decisions import sample_decisions
from training.report.drawing import draw
from training.report.views import verdict

VOID = {"br", "col", "hr", "img", "meta"}
LARGEST_PAGE = 1_000_000


class Page(HTMLParser):
    """Reads a page: its headings, tables and figures; fails on a tag that is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.headers_without_scope = 0
        self.figures: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag in {"h1", "h2", "h3"}:
            self.headings.append(tag)
        if tag == "th" and "scope" not in known:
            self.headers_without_scope += 1
        if tag == "svg":
            self.figures.append(known["aria-label"] or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def manifest_with(folder: Path, out: Path, **measured: object) -> Path:
    """A folder that holds the manifest of ``folder`` alone, with other measurements."""
    out.mkdir()
    manifest = read_manifest(folder)
    write_manifest(out, msgspec.structs.replace(manifest, measured={**manifest.measured, **measured}))
    return out


@pytest.fixture
def learning_curve(tmp_path: Path) -> Path:
    steps = [
        {"labels": labels, "repeats": 5, "apgr": apgr, "apgr_se": 0.01, "over_prior": apgr - 0.55}
        | {"over_prior_se": 0.01, "worst": 0.0, "corrected": 3}
        for labels, apgr in ((0, 0.55), (1500, 0.6321))
    ]
    path = tmp_path / "curve.json"
    path.write_text(json.dumps({"benchmark": "mmlu", "steps": steps}), encoding="utf-8")
    return path


def test_the_page_is_whole_small_and_readable_without_seeing(sample_artifact: Path) -> None:
    text = page_of(sample_artifact)
    page = Page(text)
    assert len(text.encode()) < LARGEST_PAGE
    assert page.headings[0] == "h1"
    assert page.headings.count("h1") == 1
    assert page.headers_without_scope == 0
    assert len(page.figures) == 4
    assert all(len(alt) > 40 for alt in page.figures)


def test_figures_follow_the_colours_of_the_page(sample_artifact: Path) -> None:
    text = page_of(sample_artifact)
    assert "prefers-color-scheme: dark" in text
    drawn = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert "var(--ink)" in drawn
    assert re.findall(r"#[0-9a-f]{6}\b", drawn) == []


def test_the_ids_of_a_page_are_there_once(sample_artifact: Path) -> None:
    ids = re.findall(r'\bid="([^"]+)"', page_of(sample_artifact))
    assert len(ids) == len(set(ids))


def test_figures_of_the_manifest_stand_on_page_and_card(sample_artifact: Path) -> None:
    manifest = read_manifest(sample_artifact)
    card = (sample_artifact / "MODEL_CARD.md").read_text(encoding="utf-8")
    for report in manifest.measured["benchmarks"]:
        for document in (page_of(sample_artifact), card):
            assert f"{report['router']['apgr']:.3f}" in document
            assert f"{report['length']['apgr']:.3f}" in document
    low, high = manifest.measured["held_out_curve"]["router"]["apgr_ci"]
    assert f"{low:.3f} to {high:.3f}" in page_of(sample_artifact)
    assert f"[{low:.3f}, {high:.3f}]" in card


def test_published_figures_do_not_stand_beside_toy_benchmarks(sample_artifact: Path) -> None:
    assert "RouteLLM, " not in page_of(sample_artifact)
    assert "gpt-4" not in (sample_artifact / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_twenty_decisions_are_recorded_as_the_scorer_makes_them(sample_artifact: Path, sample_scorer: Scorer) -> None:
    decisions = sample_scorer.manifest.measured["decisions"]
    threshold = sample_scorer.manifest.operating_points["balanced"].threshold
    assert len(decisions) == 20
    assert {decision["route"] for decision in decisions} == {"weak", "strong"}
    for decision in decisions:
        win_rate = sample_scorer.score(decision["prompt"]).win_rate
        assert decision["win_rate"] == pytest.approx(win_rate, abs=1e-4)
        assert decision["route"] == ("strong" if win_rate >= threshold else "weak")
        name, push = decision["parts"][0]
        assert sample_scorer.explain(decision["prompt"], top=1) == pytest.approx({name: push}, abs=1e-3)
        moved = sum(sample_scorer.explain(decision["prompt"], top=1000).values())
        assert sum(push for _, push in decision["parts"]) == pytest.approx(moved, abs=5e-3)


def test_a_prompt_cannot_write_into_the_page(sample_artifact: Path, tmp_path: Path, train_router: TrainRouter) -> None:
    decision = {"prompt": "<script>alert(1)</script>", "win_rate": 0.5, "route": "weak", "parts": [["a<b", 1.0]]}
    folder = manifest_with(sample_artifact, tmp_path / "copy", decisions=[decision])
    train_router("report", folder)
    text = page_of(folder)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    Page(text)


def test_without_benchmarks_the_page_says_so(sample_artifact: Path, tmp_path: Path, train_router: TrainRouter) -> None:
    folder = manifest_with(sample_artifact, tmp_path / "copy", benchmarks=[])
    written = train_router("report", folder)
    assert "benchmarks.png" not in written
    assert "measured no benchmark" in page_of(folder)
    assert "Where it is weak" not in page_of(folder)


def test_an_artifact_that_records_less_gets_a_page_of_what_there_is(
    sample_artifact: Path, tmp_path: Path, train_router: TrainRouter
) -> None:
    manifest = read_manifest(sample_artifact)
    benchmarks = [
        {name: report[name] for name in ("benchmark", "n", "weak", "strong", "router", "length", "random", "oracle")}
        | {"curve": {side: report["curve"][side] for side in ("strong_share", "quality")}}
        for report in manifest.measured["benchmarks"]
    ]
    folder = tmp_path / "old"
    folder.mkdir()
    measured = {"calibration": {}, "held_out": {}, "benchmarks": benchmarks}
    write_manifest(folder, msgspec.structs.replace(manifest, measured=measured))
    train_router("report", folder)
    text = page_of(folder)
    assert "records no band" in text
    assert "95 % band" not in text
    Page(text)


def test_a_curve_whose_interval_covers_a_coins_is_called_that(
    sample_artifact: Path, tmp_path: Path, train_router: TrainRouter
) -> None:
    assert "cannot tell it from a coin" not in page_of(sample_artifact)
    curve = read_manifest(sample_artifact).measured["held_out_curve"]
    doubtful = {**curve, "router": {**curve["router"], "apgr": 0.53, "apgr_ci": [0.49, 0.57]}}
    folder = manifest_with(sample_artifact, tmp_path / "copy", held_out_curve=doubtful)
    train_router("report", folder)
    assert "cannot tell it from a coin" in page_of(folder)
    assert "cannot tell it from a coin" in (folder / "MODEL_CARD.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("share", "interval", "said"),
    [
        (0.5, (0.51, 0.66), "better than a coin"),
        (0.5, (0.42, 0.58), "no clear difference"),
        (0.5, (0.30, 0.45), "worse than a coin"),
        (1.0, (1.0, 1.0), "all go to the strong model"),
        (0.5, None, "too little to tell"),
    ],
)
def test_a_verdict_is_against_a_coin_that_sends_as_many(
    share: float, interval: tuple[float, float] | None, said: str
) -> None:
    assert verdict(share, interval) == said


def test_documents_can_be_written_elsewhere_and_the_artifact_stays_as_it_is(
    sample_artifact: Path, tmp_path: Path, train_router: TrainRouter
) -> None:
    before = {path.name: path.read_bytes() for path in sample_artifact.iterdir()}
    train_router("report", sample_artifact, "--out", tmp_path / "new" / "place")
    assert page_of(tmp_path / "new" / "place") == page_of(sample_artifact)
    assert {path.name: path.read_bytes() for path in sample_artifact.iterdir()} == before


def test_figures_of_an_earlier_report_do_not_stay_and_other_files_do(
    sample_artifact: Path, learning_curve: Path, tmp_path: Path, train_router: TrainRouter
) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    train_router("report", sample_artifact, "--out", out, "--learning-curve", learning_curve)
    (out / "mine.png").write_bytes(b"mine")
    bare = manifest_with(sample_artifact, tmp_path / "bare", benchmarks=[])
    train_router("report", bare, "--out", out)
    assert {path.name for path in out.glob("*.png")} == {"curve.png", "reliability.png", "mine.png"}
    other.mkdir()
    (other / "benchmarks.png").write_bytes(b"mine")
    train_router("report", bare, "--out", other)
    assert (other / "benchmarks.png").read_bytes() == b"mine"


def test_a_place_that_cannot_be_written_is_named_with_the_remedy(
    sample_artifact: Path, tmp_path: Path, train_router_fails: TrainRouter
) -> None:
    (tmp_path / "file").write_text("here", encoding="utf-8")
    said = train_router_fails("report", sample_artifact, "--out", tmp_path / "file" / "below")
    assert "name another folder with --out" in said


def test_learning_curves_are_drawn_where_they_are_given(
    sample_artifact: Path, learning_curve: Path, tmp_path: Path, train_router: TrainRouter
) -> None:
    assert "Not measured for this page" in page_of(sample_artifact)
    out = tmp_path / "out"
    train_router("report", sample_artifact, "--out", out, "--learning-curve", learning_curve)
    assert (out / "learning-curve.png").is_file()
    assert "MMLU from 0.550 with 0 labels to 0.632 with 1,500" in page_of(out)
    assert "+0.082 (standard error 0.010)" in page_of(out)


def test_every_learning_curve_is_drawn_and_can_be_told_from_the_others(
    sample_artifact: Path, learning_curve: Path, tmp_path: Path, train_router: TrainRouter
) -> None:
    words: list[object] = []
    for number in range(6):
        path = tmp_path / f"{number}.json"
        told = {"artifact": f"mine/{number}", "labels": "weak-only" if number % 2 else "pairs"}
        path.write_text(json.dumps(json.loads(learning_curve.read_text()) | told), encoding="utf-8")
        words += ["--learning-curve", path]
    train_router("report", sample_artifact, "--out", tmp_path / "out", *words)
    (figure,) = re.findall(r'<svg[^>]*aria-label="What labels add.*?</svg>', page_of(tmp_path / "out"), re.DOTALL)
    legend = re.findall(r">\s*(MMLU, [^<]*?)\s*</text>", figure)
    assert legend == [f"MMLU, {'weak-only' if number % 2 else 'pairs'}, mine/{number}" for number in range(6)]


@pytest.mark.parametrize("body", ["not json", '{"steps": []}', '{"benchmark": "mmlu", "steps": []}'])
def test_a_file_that_is_no_learning_curve_is_refused(
    body: str, sample_artifact: Path, tmp_path: Path, train_router_fails: TrainRouter
) -> None:
    (tmp_path / "wrong.json").write_text(body, encoding="utf-8")
    words = ["report", sample_artifact, "--out", tmp_path / "out", "--learning-curve", tmp_path / "wrong.json"]
    assert "give what `learning-curve --json` printed" in train_router_fails(*words)
    assert not (tmp_path / "out").exists()


def test_a_refit_tells_of_its_prior_and_its_labels(sample: Path, tmp_path: Path, train_router: TrainRouter) -> None:
    rows = [json.loads(line) for line in (sample / "graded.jsonl").read_text(encoding="utf-8").splitlines()]
    labels = tmp_path / "labels.jsonl"
    lines = [json.dumps({"prompt": row["prompt"], "weak_correct": row["scores"]["pebble-mini"]}) for row in rows[:40]]
    labels.write_text("\n".join(lines), encoding="utf-8")
    train_router("refit", "--labels", labels, "--out", tmp_path / "mine", "-q")
    text = page_of(tmp_path / "mine")
    Page(text)
    assert re.search(r"<b>default/\d+</b> refitted on 40 labels of one's own: only the weak model was graded", text)
    assert "so that order stays and only the win rates are recalibrated" in text
    assert "A refit is not measured on benchmarks" in text
    card = (tmp_path / "mine" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "each scored by a classifier that was fitted without it" in card
    assert "fitted and calibrated" not in card


def test_decisions_go_where_the_server_sends_them_and_unfamiliar_ones_are_marked(
    sample_artifact: Path, tmp_path: Path, train_router: TrainRouter
) -> None:
    scorer = Scorer.load()
    decisions = sample_decisions(scorer, ["....", "!!!!!!!!", "Hi"])
    threshold = scorer.manifest.operating_points["balanced"].threshold
    assert all(row["win_rate"] < threshold for row in decisions)
    assert [(row["route"], row["unfamiliar"]) for row in decisions] == [("strong", True)] * 2 + [("weak", False)]
    out = manifest_with(sample_artifact, tmp_path / "out", decisions=decisions)
    train_router("report", out)
    assert page_of(out).count("(unfamiliar)") == 2


def test_the_documents_say_how_many_prompts_are_unfamiliar_and_that_figures_leave_that_out(
    sample_artifact: Path, tmp_path: Path, train_router: TrainRouter
) -> None:
    reference = read_manifest(sample_artifact).reference
    assert reference is not None
    card = (sample_artifact / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"Unfamiliar prompts: {100 * reference.unfamiliar_share:.1f} % of its own" in card
    assert f"{100 * reference.unfamiliar_share:.1f} % of its own prompts are unlike" in page_of(sample_artifact)
    shutil.copytree(sample_artifact, tmp_path / "old")
    manifest = msgspec.structs.replace(read_manifest(sample_artifact), reference=None)
    write_manifest(tmp_path / "old", manifest)
    train_router("report", tmp_path / "old")
    assert "nfamiliar prompts" not in page_of(tmp_path / "old")


def test_a_figure_is_the_same_bytes_each_time_and_its_words_are_escaped() -> None:
    def fill(figure):
        figure.subplots().plot([0, 1], [0, 1], label="a")

    one, two = (draw("x", 'says "<b>"', (3, 2), fill) for _ in range(2))
    assert (one.png, one.svg) == (two.png, two.svg)
    assert one.svg.startswith('<svg role="img" aria-label="says &quot;&lt;b&gt;&quot;" style="')


def test_the_shipped_page_shows_the_published_points(repository: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(repository / "models" / "default" / "1", folder)
    text = page_of(folder)
    assert "arXiv 2406.18665" in text
    assert "RouteLLM, best with votes alone" in text
    assert "philosophy and ethics" in text
