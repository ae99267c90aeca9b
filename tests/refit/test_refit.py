"""Refitting on labels of one's own: the forms they come in, what becomes of the prior, and what is written."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from router.errors import ArtifactError, DataError
from router.scoring.artifact import default_artifact_path, load_artifact
from router.scoring.neighbours import NeighboursHead
from router.scoring.scorer import Scorer
from training.cli import main
from training.refit.additions import Recipe, cross_fitted
from training.refit.basis import Slopes
from training.refit.correction import Task, fit_correction
from training.refit.labels import read_labels

TOPICS = ("the rivers of Peru", "a wedding cake", "tax on imported tea", "knots for sailors", "old radio plays")
HARD = ("Prove the bound on", "Integrate by parts the series of")
EASY = ("Tell me about", "Write two lines on")


def learnable_rows(count: int) -> list[dict[str, object]]:
    """Prompts whose wording says whether the weak model gets them right, 9 times in 10."""
    draw = random.Random(5)
    rows = []
    for number in range(count):
        hard = draw.random() < 0.5
        opening = draw.choice(HARD if hard else EASY)
        weak = int(hard == (draw.random() < 0.1))
        prompt = f"{opening} {draw.choice(TOPICS)} {'abcdefghij'[number % 10]}{'klmnopqrst'[number // 10 % 10]}"
        rows.append({"prompt": prompt, "weak_correct": weak, "strong_correct": 1})
    return rows


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def refit_command(*words: object) -> str:
    result = CliRunner().invoke(main, ["refit", *map(str, words)])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def refitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    folder = tmp_path_factory.mktemp("refit")
    labels = write(folder / "mine.jsonl", learnable_rows(300))
    said = refit_command("--labels", labels, "--name", "mine/2", "--out", folder / "out", "--json")
    return folder / "out", json.loads(said)


@pytest.mark.parametrize(
    ("row", "weak", "strong", "wins"),
    [
        ({"weak_correct": 0, "strong_correct": 1}, 0.0, 1.0, 1.0),
        ({"weak_correct": True}, 1.0, None, 0.0),
        ({"weak_correct": 0.25, "strong_correct": None}, 0.25, None, 0.75),
        ({"weak": 0.5, "strong": 0.5}, 0.5, 0.5, 0.0),
        ({"scores": {"weak": 0, "strong": 1}}, 0.0, 1.0, 1.0),
        ({"scores": {"small": 0, "tiny": 1}}, 0.5, None, 0.5),
        ({"winner": "strong"}, 0.0, 1.0, 1.0),
        ({"winner": "tie"}, 1.0, 1.0, 0.0),
        ({"winner": "both_bad"}, 0.0, 0.0, 0.0),
    ],
)
def test_every_form_of_label_is_read(
    row: dict[str, object], weak: float, strong: float | None, wins: float, tmp_path: Path
) -> None:
    (label,) = read_labels(write(tmp_path / "labels.jsonl", [{"prompt": "hi", **row}])).labels
    assert (label.weak, label.strong, label.strong_wins) == (weak, strong, wins)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"prompt": "a", "weak_correct": 2}], "labels.jsonl:1: 'weak_correct' is 2"),
        ([{"prompt": "a", "winner": "me"}], "winner 'me' is none of"),
        ([{"prompt": "a", "answer": "b"}], "no label in it"),
        ([{"prompt": "", "weak_correct": 1}], "holds no labels"),
        ([{"prompt": "a", "weak_correct": 1, "contaminated": False}], "evaluation table"),
        ([{"prompt": "a", "weak_correct": 1}, {"prompt": "b", "winner": "tie"}], "in every row or in none"),
    ],
)
def test_a_label_that_cannot_be_used_is_named(rows: list[dict[str, object]], said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        read_labels(write(tmp_path / "labels.jsonl", rows))


def test_a_refit_writes_an_artifact_of_its_own_that_serves(refitted: tuple[Path, dict[str, object]]) -> None:
    folder, said = refitted
    scorer = Scorer.load(folder)
    assert scorer.version == said["artifact"] == "mine/2"
    kinds = {head.kind for head in scorer.manifest.heads}
    assert kinds == {"linear", "bounded", "neighbours", "trees"}
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "refitted on labels" in card
    assert "default/1" in card
    assert (folder / "report.html").is_file()


def test_a_refit_carries_the_reference_over_and_adds_the_labels_to_what_is_familiar(tmp_path: Path) -> None:
    prior = Scorer.load()
    rows = [
        {
            "prompt": f"; {word} .x{number:02d} @{number * 7919 % 997:03d} #{{}}[]~ {word}^{number}",
            "weak_correct": number % 2,
        }
        for number, word in enumerate(
            ["zqv", "xkj", "qqp", "vbz", "jjx", "wqx", "kzq", "xvq", "zzj", "qkx", "jqv", "vxz"] * 5
        )
    ]
    out = tmp_path / "out"
    refit_command("--labels", write(tmp_path / "mine.jsonl", rows), "--name", "mine/2", "--out", out)
    refitted = Scorer.load(out)

    def unfamiliar(scorer: Scorer) -> float:
        return float(np.mean([(scorer.score(str(row["prompt"])).unfamiliarity or 0) > 1 for row in rows]))

    assert unfamiliar(prior) == 1.0
    assert unfamiliar(refitted) <= 0.1
    assert (refitted.score("Who wrote the opera Carmen?").unfamiliarity or 2) < 1
    assert refitted.manifest.reference is not None


def test_a_refit_learns_what_the_labels_say(refitted: tuple[Path, dict[str, object]]) -> None:
    _, win_rates = Scorer.load(refitted[0]).score_batch(
        ["Prove the bound on a poem about geese", "Tell me about a poem about geese"]
    )
    assert win_rates[0] > win_rates[1] + 0.2


def test_the_page_shows_the_refit_beside_its_prior_on_held_out_labels(refitted: tuple[Path, dict[str, object]]) -> None:
    measured = Scorer.load(refitted[0]).manifest.measured
    prior, router = measured["held_out_curve"]["prior"], measured["held_out_curve"]["router"]
    assert prior["b"] == router["apgr"]
    assert prior["difference"] == pytest.approx(prior["b"] - prior["a"], abs=1e-6)
    assert prior["interval"][0] > 0
    page = (refitted[0] / "report.html").read_text(encoding="utf-8")
    assert "before the refit" in page
    assert f"with default/1 {prior['a']:.3f}: a difference of +{prior['difference']:.3f}" in page
    assert "What moved 20 decisions" in page


def test_what_moved_a_refitted_score_adds_up(refitted: tuple[Path, dict[str, object]]) -> None:
    scorer = Scorer.load(refitted[0])
    shown = scorer.explain("Prove the bound on the rivers of Peru", top=3)
    assert len(shown) == 3
    assert all(np.isfinite(value) for value in shown.values())


def test_the_same_labels_give_the_same_bytes(refitted: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    labels = write(tmp_path / "mine.jsonl", learnable_rows(300))
    refit_command("--labels", labels, "--name", "mine/2", "--out", tmp_path / "out", "-q")
    for path in sorted(refitted[0].iterdir()):
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize(("count", "agreement"), [(50, 1.0), (150, 0.8)])
def test_labels_that_say_nothing_leave_the_ranking_alone(count: int, agreement: float, tmp_path: Path) -> None:
    draw = random.Random(3)
    rows = [{**row, "weak_correct": draw.randint(0, 1)} for row in learnable_rows(count)]
    refit_command("--labels", write(tmp_path / "few.jsonl", rows), "--out", tmp_path / "out", "-q")
    prompts = [f"{start} {topic}" for start in (*HARD, *EASY) for topic in TOPICS]
    before, _ = Scorer.load().score_batch(prompts)
    after, _ = Scorer.load(tmp_path / "out").score_batch(prompts)
    ranks = np.corrcoef(np.argsort(np.argsort(before)), np.argsort(np.argsort(after)))
    assert ranks[0, 1] >= agreement - 1e-9


def test_prompts_unlike_every_label_get_scores_like_those_of_labels(
    refitted: tuple[Path, dict[str, object]],
) -> None:
    folder, _ = refitted
    chain = load_artifact(folder).chain
    seen, _ = chain.run([str(row["prompt"]) for row in learnable_rows(300)])
    odd = ["", "?" * 5000, "0 1 2 3 4 5 6 7 8 9 " * 300, "\U0001f600" * 400, "SHOUT " * 900, "{};\n" * 99, "дд" * 999]
    rows = chain.scaler.apply(chain.inputs.raw(odd))
    slopes = np.load(folder / "head-slopes.npy")
    unbounded = rows @ slopes[:-2]
    assert not np.all((slopes[-2] <= unbounded) & (unbounded <= slopes[-1])), "these prompts are not odd enough"
    assert np.abs(chain.blend.predict(rows)).max() < 1.5 * np.abs(seen).max()


def test_weak_only_labels_are_enough_and_the_card_says_what_is_assumed(tmp_path: Path) -> None:
    rows = [{"prompt": row["prompt"], "weak_correct": row["weak_correct"]} for row in learnable_rows(120)]
    refit_command("--labels", write(tmp_path / "weak.jsonl", rows), "--out", tmp_path / "out", "-q")
    assert "only the weak model was graded" in (tmp_path / "out" / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_an_artifact_can_be_refitted_again(refitted: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    labels = write(tmp_path / "more.jsonl", learnable_rows(300)[::-1])
    words = ["--labels", labels, "--artifact", refitted[0], "--name", "mine/3", "--out", tmp_path / "out", "-q"]
    refit_command(*words)
    assert Scorer.load(tmp_path / "out").version == "mine/3"


def test_the_prior_is_never_overwritten(tmp_path: Path) -> None:
    labels = write(tmp_path / "mine.jsonl", learnable_rows(40))
    for words, said in (
        (["--out", default_artifact_path()], "name another folder"),
        (["--name", "default/1", "--out", tmp_path / "out"], "choose another name"),
    ):
        result = CliRunner().invoke(main, ["refit", "--labels", str(labels), *map(str, words)])
        assert result.exit_code == 1
        assert said in result.output


def test_too_few_labels_are_refused_in_a_sentence(tmp_path: Path) -> None:
    labels = write(tmp_path / "mine.jsonl", learnable_rows(8))
    result = CliRunner().invoke(main, ["refit", "--labels", str(labels), "--out", str(tmp_path / "out")])
    assert "8 labels are too few" in result.output


@pytest.mark.parametrize("kinds", [1, 2, 9])
def test_labels_of_few_different_prompts_are_refused_in_a_sentence(kinds: int, tmp_path: Path) -> None:
    rows = [
        {"prompt": f"Sort ticket {'abcdefghi'[number % kinds]} {number}", "weak_correct": int(number % 3 > 0)}
        for number in range(150)
    ]
    labels = write(tmp_path / "mine.jsonl", rows)
    result = CliRunner().invoke(main, ["refit", "--labels", str(labels), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert f"only {kinds} differ in more than digits and punctuation" in result.output


def test_labels_of_which_most_are_one_prompt_can_be_refitted_on(tmp_path: Path) -> None:
    same = [{"prompt": f"Sort ticket {number}", "weak_correct": int(number % 3 > 0)} for number in range(110)]
    others = [{"prompt": row["prompt"], "weak_correct": row["weak_correct"]} for row in learnable_rows(12)]
    labels = write(tmp_path / "mine.jsonl", [*same, *others])
    refit_command("--labels", labels, "--out", tmp_path / "out", "-q")
    assert Scorer.load(tmp_path / "out").manifest.measured["calibration"]["n"] == 122


def test_noise_is_left_to_the_prior_and_signal_is_not() -> None:
    draw = np.random.default_rng(0)
    basis = draw.normal(size=(400, 5))
    prior, noise = draw.normal(size=400), draw.normal(size=400)
    assert np.abs(fit_correction(Task(prior, basis, noise)).slopes).max() < 0.05
    found = fit_correction(Task(prior, basis, basis[:, 0] + 0.5 * noise))
    assert found.slopes[0] > 0.8
    assert found.belief > 0.99


def test_labels_score_themselves_by_fits_that_have_not_seen_them() -> None:
    draw = np.random.default_rng(4)
    rows = draw.normal(size=(300, 6)).astype(np.float32)
    prior, noise, fold = draw.normal(size=300), draw.normal(size=300), np.arange(300) % 5
    recipe = Recipe((Slopes("slopes", np.ones(6)),), 2, 0)
    learned = cross_fitted(recipe, rows, prior, rows[:, 3] + 0.3 * noise, fold)
    assert np.corrcoef(learned, rows[:, 3])[0, 1] > 0.9
    assert np.corrcoef(cross_fitted(recipe, rows, prior, noise, fold), noise)[0, 1] < 0.15


def test_held_out_scores_do_not_run_against_what_they_are_held_against() -> None:
    draw = np.random.default_rng(7)
    rows = draw.normal(size=(200, 6)).astype(np.float32)
    prior, fold = draw.normal(size=200), np.arange(200) % 5
    gain = np.array([1.0, 0.0, 0.2, 0.9, 0.4])[fold] + 0.01 * draw.normal(size=200)
    scores = cross_fitted(Recipe((Slopes("slopes", np.ones(6)),), 2, 0), rows, prior, gain, fold)
    assert abs(np.corrcoef(scores, gain)[0, 1]) < 0.3


def test_below_a_hundred_labels_the_refit_is_held_out_as_good_as_its_prior(tmp_path: Path) -> None:
    labels = write(tmp_path / "few.jsonl", learnable_rows(60))
    refit_command("--labels", labels, "--out", tmp_path / "out", "-q")
    found = Scorer.load(tmp_path / "out").manifest.measured["held_out_curve"]["prior"]
    assert (found["difference"], found["interval"]) == (0, [0, 0])


def test_the_prior_is_never_turned_round() -> None:
    prior = np.random.default_rng(1).normal(size=2000)
    assert fit_correction(Task(prior, np.zeros((2000, 1)), -prior)).trust > 0


def test_of_several_models_the_worse_half_stands_in_for_the_weak_one(tmp_path: Path) -> None:
    rows = [{"prompt": str(number), "scores": {"a": 0, "b": number % 2, "c": 1, "d": 1}} for number in range(4)]
    found = read_labels(write(tmp_path / "labels.jsonl", [*rows, {"prompt": "x", "scores": {"c": 1, "d": 0}}]))
    assert [(label.weak, label.strong) for label in found.labels] == [(0.0, None), (0.5, None)] * 2
    assert found.drops.total == 1


def test_a_neighbours_head_comes_back_from_its_file(tmp_path: Path) -> None:
    draw = np.random.default_rng(2)
    head = NeighboursHead(draw.normal(size=(7, 3)), draw.normal(size=7), np.array([0.5, 0.0, 1.0]), 2, 6)
    rows = draw.normal(size=(4, 6)).astype(np.float32)
    head.save(tmp_path / "head.npy")
    again = NeighboursHead.load(tmp_path / "head.npy", 6)
    assert np.array_equal(again.predict(rows), head.predict(rows))
    assert np.array_equal(head.predict(rows)[1:2], head.predict(rows[1:2]))
    scaled = rows[0, 2:5] * np.array([0.5, 0.0, 1.0])
    expected = float(np.exp(-((scaled - head.centres) ** 2).sum(axis=1)) @ head.values)
    assert head.predict(rows)[0] == pytest.approx(expected)
    gained = head.predict(rows)[0] - head.predict(np.zeros((1, 6), np.float32))[0]
    assert head.contributions(rows[0]).sum() == pytest.approx(gained, abs=1e-2)


def test_a_neighbours_head_for_other_columns_is_refused(tmp_path: Path) -> None:
    head = NeighboursHead(np.zeros((2, 3)), np.ones(2), np.ones(3), 3, 6)
    head.save(tmp_path / "head.npy")
    with pytest.raises(ArtifactError, match="do not lie within 5 columns"):
        NeighboursHead.load(tmp_path / "head.npy", 5)


def test_more_labels_of_a_real_exam_do_not_rank_below_the_prior(shared_data: Path) -> None:
    words = ["--benchmark", "gsm8k", "--data", shared_data, "--sizes", "0,50,800", "--repeats", "1", "--json"]
    result = CliRunner().invoke(main, ["learning-curve", *map(str, words)])
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert (printed["artifact"], printed["labels"]) == (load_artifact(default_artifact_path()).manifest.label, "pairs")
    none, few, many = printed["steps"]
    assert none["over_prior"] == 0
    assert few["over_prior"] == 0
    assert many["over_prior"] > 0
