"""The comparison of classifiers: what is held out stays unseen, and the figures say what they are called after."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from router.errors import DataError
from router.scoring.features import FEATURE_NAMES
from tests.training_pipeline.conftest import TrainRouter
from training.calibration_error import calibration_error
from training.fit import CLASSIFIERS
from training.records import Family, Labelled
from training.selection import auc, rank_correlation
from training.selection.clear_cut import ClearCut, read_clear_cut
from training.selection.contenders import LENGTH, RANDOM, Contenders, Prompts
from training.selection.figures import figures
from training.selection.held_out import Trial, held_out
from training.selection.table import table

DIM = 4
WIDTH = DIM + len(FEATURE_NAMES)


def _labelled(n: int, family: Family, source: str, hard: np.ndarray) -> list[Labelled]:
    return [
        Labelled(
            prompt=f"{source} {'long ' * (place % 7)}",
            source=source,
            family=family,
            target=float(hard[place]),
            strong_wins=float(hard[place]),
            weight=1.0,
            group=f"{source}{place}",
        )
        for place in range(n)
    ]


def _trial(kinds: tuple[str, ...] = ("ridge",)) -> Trial:
    """Votes and two exams of which the sign of column 0 tells everything; the clear-cut prompts are told by it too."""
    generator = np.random.default_rng(0)
    labelled: list[Labelled] = []
    blocks = []
    for family, source, n in (("chat", "votes", 400), ("exam", "exam a", 150), ("exam", "exam b", 150)):
        raw = generator.normal(size=(n, WIDTH)).astype(np.float32)
        blocks.append(raw)
        labelled += _labelled(n, family, source, raw[:, 0] > 0)  # type: ignore[arg-type]
    clear = generator.normal(size=(40, WIDTH)).astype(np.float32)
    return Trial(
        Contenders(kinds, DIM, seed=0),
        labelled,
        Prompts([row.prompt for row in labelled], np.concatenate(blocks)),
        Prompts(["x"] * 40, clear),
    )


def test_a_classifier_that_sees_the_reason_is_told_from_a_random_order_and_from_length() -> None:
    trial = _trial()
    clear = [ClearCut("x", "mine", bool(row[0] > 0)) for row in trial.clear_cut.raw]
    found = held_out(trial)
    rows = {name: figures(name, found[name], found[LENGTH], trial.labelled, clear, ()) for name in found}
    votes = {name: row.votes for name, row in rows.items() if row.votes is not None}
    assert rows["ridge"].exam > 0.7
    assert votes["ridge"].auc > 0.9
    assert votes["ridge"].log_loss < votes["ridge"].prior_log_loss
    assert rows["ridge"].clear_cut["mine"] > 0.9
    assert votes["ridge"].auc_over_length_ci[0] > 0.3
    for name in (RANDOM, LENGTH):
        assert abs(rows[name].exam) < 0.2
        assert votes[name].auc == pytest.approx(0.5, abs=0.1)
    assert votes[LENGTH].auc_over_length == 0.0


def test_one_exam_alone_is_compared_in_folds_without_a_word_on_other_exams_or_votes() -> None:
    raw = np.random.default_rng(0).normal(size=(400, WIDTH)).astype(np.float32)
    labelled = _labelled(400, "exam", "exam a", raw[:, 0] > 0)
    prompts = Prompts([row.prompt for row in labelled], raw)
    found = held_out(Trial(Contenders(("ridge",), DIM, seed=0), labelled, prompts, prompts.only(np.arange(5))))
    clear = [ClearCut("x", "mine", bool(row[0] > 0)) for row in raw[:5]]
    rows = [figures(name, found[name], found[LENGTH], labelled, clear, ()) for name in found]
    assert [(row.exams, row.votes) for row in rows] == [({}, None)] * 3
    assert not any("nan" in line for line in table(rows))
    ridge = table(rows)[3]
    assert ridge.split()[0] == "ridge"
    assert f"{rows[2].calibration['exam'].error:.3f}" in ridge


def test_a_held_out_exam_is_in_no_row_of_its_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = _trial()
    fitted_on: list[set[str]] = []
    fit = Contenders.fit

    def watched(self: Contenders, labelled: list[Labelled], prompts: Prompts) -> object:
        fitted_on.append({row.source for row in labelled})
        return fit(self, labelled, prompts)

    monkeypatch.setattr(Contenders, "fit", watched)
    held_out(trial)
    assert fitted_on[:2] == [{"votes", "exam b"}, {"votes", "exam a"}]


def test_a_head_that_two_kinds_share_is_fitted_once() -> None:
    trial = _trial(("ridge", "blend"))
    rankers = trial.fit(np.arange(len(trial.labelled)))
    ridge, blend = (rankers[name].blend.heads for name in ("ridge", "blend"))  # type: ignore[attr-defined]
    assert all(one.head is other.head for one, other in zip(ridge, blend, strict=False))


def test_the_command_offers_every_kind_there_is() -> None:
    from training.commands.fit import CLASSIFIERS as OFFERED

    assert tuple(CLASSIFIERS) == OFFERED


def test_perfect_order_has_an_auc_of_one_and_ties_count_half() -> None:
    wins = np.array([True, True, False, False])
    assert auc(np.array([3.0, 2.0, 1.0, 0.0]), wins) == 1.0
    assert auc(np.array([1.0, 0.0, 1.0, 0.0]), wins) == 0.5


def test_rank_correlation_knows_only_the_order() -> None:
    values = np.array([1.0, 5.0, 2.0, 9.0])
    assert rank_correlation(values, np.exp(values)) == pytest.approx(1.0)
    assert rank_correlation(values, np.zeros(4)) == 0.0


def test_true_chances_have_no_calibration_error_and_shifted_ones_have_their_shift() -> None:
    generator = np.random.default_rng(0)
    chances = generator.uniform(0.2, 0.7, 20_000)
    wins = (generator.random(20_000) < chances).astype(float)
    assert calibration_error(chances, wins).error < 0.005
    shifted = calibration_error(chances + 0.1, wins)
    assert shifted.error == pytest.approx(0.1, abs=0.01)
    assert shifted.ci[0] < shifted.error < shifted.ci[1]


def test_what_chance_alone_would_show_is_taken_out_of_the_calibration_error() -> None:
    generator = np.random.default_rng(0)
    errors = []
    for _ in range(20):
        wins = (generator.random(200) < 0.5).astype(float)
        errors.append(calibration_error(np.full(200, 0.5), wins).error)
    assert np.mean(errors) < 0.06  # a bin of twenty is off by about .09


def test_clear_cut_prompts_are_named_after_their_file(sample: Path) -> None:
    prompts = read_clear_cut([sample / "tryout.jsonl", sample / "languages.jsonl"])
    assert {prompt.name for prompt in prompts} == {"tryout", "languages"}
    assert {prompt.hard for prompt in prompts} == {True, False}


@pytest.mark.parametrize("row", ['{"prompt": "hi"}', '{"prompt": 3, "expected": "weak"}'])
def test_a_clear_cut_prompt_without_an_expectation_is_refused_by_line(row: str, tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(row + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"own\.jsonl.*1: 'prompt' with a text and 'expected' with weak or strong"):
        read_clear_cut([path])


def test_classifiers_prints_one_table_with_the_baselines(sample: Path, train_router: TrainRouter) -> None:
    lines = train_router("classifiers", "--data", sample, "--classifier", "ridge", "-q").splitlines()
    assert [line.split()[0] for line in lines[1:4]] == [RANDOM, LENGTH, "ridge"]
    assert "over length" in lines[0]


def test_classifiers_says_the_same_as_json(sample: Path, train_router: TrainRouter) -> None:
    words = ["--classifier", "ridge", "--clear-cut", sample / "tryout.jsonl", "--json"]
    rows = json.loads(train_router("classifiers", "--data", sample, *words))
    assert [row["name"] for row in rows] == [RANDOM, LENGTH, "ridge"]
    ridge = rows[2]
    assert set(ridge["clear_cut"]) == {"tryout"}
    assert set(ridge["calibration"]) == {"all", "chat", "exam"}
    assert {"n", "decided", "auc", "auc_over_length_ci", "log_loss", "prior_log_loss"} <= set(ridge["votes"])
