"""The sample data that ships with the project keeps the forms and the promises of its README."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from training.evaluate.benchmarks import Benchmark

Rows = list[dict[str, Any]]

COUNTS = {
    "battles": 480,
    "graded": 120,
    "tryout": 40,
    "languages": 60,
    "unfamiliar": 82,
    "benchmarks/mt_bench": 20,
    "benchmarks/mmlu": 60,
    "benchmarks/gsm8k": 60,
}
FIELDS = {
    "battles": {"question_id", "model_a", "model_b", "winner", "turns", "language", "tstamp"},
    "graded": {"prompt", "answer", "scores"},
    "tryout": {"prompt", "expected"},
    "languages": {"prompt", "language", "expected"},
    "unfamiliar": {"prompt", "kind"},
    "benchmarks/mt_bench": {"question_id", "category", "turns", "scores", "contaminated"},
    "benchmarks/mmlu": {"prompt", "domain", "weak_correct", "strong_correct", "contaminated"},
    "benchmarks/gsm8k": {"prompt", "weak_correct", "strong_correct", "contaminated"},
}
WINNERS = {"model_a", "model_b", "tie", "tie (bothbad)"}
TRIERS = {"atlas-large", "cedar-large", "atlas-small", "birch-chat", "pebble-mini"}
FIGHTERS = TRIERS | {"pebble-nano"}
TOP_TWO = {"atlas-large", "cedar-large"}


@pytest.fixture(scope="module")
def sample(repository: Path) -> dict[str, Rows]:
    """Every file of the sample, by its name without suffix."""
    return {name: _read(repository / "data" / "sample" / f"{name}.jsonl") for name in COUNTS}


@pytest.mark.parametrize("name", COUNTS)
def test_each_file_has_the_rows_and_the_fields_that_its_readme_names(sample: dict[str, Rows], name: str) -> None:
    assert len(sample[name]) == COUNTS[name]
    assert all(set(row) == FIELDS[name] for row in sample[name])


@pytest.mark.parametrize("name", COUNTS)
def test_every_turn_is_a_text_that_says_something(sample: dict[str, Rows], name: str) -> None:
    for row in sample[name]:
        assert _turns(row)
        assert all(isinstance(turn, str) and turn.strip() for turn in _turns(row))


def test_battles_are_fought_by_two_different_invented_models(sample: dict[str, Rows]) -> None:
    battles = sample["battles"]
    assert all(row["model_a"] != row["model_b"] for row in battles)
    assert {row[side] for row in battles for side in ("model_a", "model_b")} == FIGHTERS


def test_battles_use_every_word_for_the_winner_and_no_other(sample: dict[str, Rows]) -> None:
    assert {row["winner"] for row in sample["battles"]} == WINNERS


def test_neither_position_wins_much_more_often(sample: dict[str, Rows]) -> None:
    wins = Counter(row["winner"] for row in sample["battles"])
    assert 0.8 < wins["model_a"] / wins["model_b"] < 1.25


def test_no_prompt_meets_the_same_two_models_twice(sample: dict[str, Rows]) -> None:
    fought = Counter((tuple(row["turns"]), frozenset((row["model_a"], row["model_b"]))) for row in sample["battles"])
    assert max(fought.values()) == 1


def test_battle_identifiers_are_unique_and_times_rise(sample: dict[str, Rows]) -> None:
    battles = sample["battles"]
    assert len({row["question_id"] for row in battles}) == len(battles)
    times = [row["tstamp"] for row in battles]
    assert times == sorted(times)


def test_battles_have_over_four_hundred_distinct_first_turns(sample: dict[str, Rows]) -> None:
    assert len({_normal(row["turns"][0]) for row in sample["battles"]}) > 400


def test_about_one_battle_in_eight_is_not_in_english(sample: dict[str, Rows]) -> None:
    languages = [row["language"] for row in sample["battles"]]
    share = sum(language != "English" for language in languages) / len(languages)
    assert 0.10 <= share <= 0.15
    assert len(set(languages)) == 10


def test_about_one_battle_in_seven_has_several_turns(sample: dict[str, Rows]) -> None:
    several = sum(len(row["turns"]) > 1 for row in sample["battles"])
    assert 0.12 <= several / COUNTS["battles"] <= 0.18


def test_long_prompts_separate_strong_from_weak_more_than_short_ones(sample: dict[str, Rows]) -> None:
    """The story of the votes, seen through the plainest sign of difficulty."""
    uneven = [row for row in sample["battles"] if len(TOP_TWO & {row["model_a"], row["model_b"]}) == 1]
    uneven.sort(key=lambda row: len("\n".join(row["turns"])))
    third = len(uneven) // 3
    assert _share_won_by_top(uneven[-third:]) > _share_won_by_top(uneven[:third]) + 0.2


def test_grades_are_right_or_wrong_for_every_model(sample: dict[str, Rows]) -> None:
    for row in sample["graded"]:
        assert set(row["scores"]) == TRIERS
        assert set(row["scores"].values()) <= {0, 1}
        assert row["answer"].strip()


def test_the_strongest_model_is_right_most_often(sample: dict[str, Rows]) -> None:
    right = Counter[str]()
    for row in sample["graded"]:
        right.update(row["scores"])
    assert right.most_common(1)[0][0] == "atlas-large"
    assert right.most_common()[-1][0] == "pebble-mini"


def test_the_tryout_is_half_easy_and_half_hard(sample: dict[str, Rows]) -> None:
    assert Counter(row["expected"] for row in sample["tryout"]) == {"weak": 20, "strong": 20}


def test_each_of_twelve_languages_has_five_prompts_of_both_kinds(sample: dict[str, Rows]) -> None:
    rows = sample["languages"]
    assert set(Counter(row["language"] for row in rows).values()) == {5}
    kinds = {(row["language"], row["expected"]) for row in rows}
    assert kinds == {(row["language"], kind) for row in rows for kind in ("weak", "strong")}
    assert len(kinds) == 24


def test_no_text_is_in_two_files_or_twice_in_one(sample: dict[str, Rows]) -> None:
    distinct_battles = {tuple(row["turns"]): row for row in sample["battles"]}.values()
    rows = [row for name, found in sample.items() if name != "battles" for row in found]
    seen = Counter(_normal("\n".join(_turns(row))) for row in [*rows, *distinct_battles])
    assert [text for text, times in seen.items() if times > 1] == []


@pytest.mark.parametrize("name", ["mmlu", "gsm8k"])
def test_the_toy_benchmarks_load_with_a_gap_between_weak_and_strong(repository: Path, name: str) -> None:
    benchmark = Benchmark.load(name, repository / "data" / "sample" / "benchmarks")
    assert len(benchmark) == 60
    assert benchmark.strong_mean > benchmark.weak_mean + 10


def test_the_toy_conversations_have_points_for_both_turns(sample: dict[str, Rows]) -> None:
    for row in sample["benchmarks/mt_bench"]:
        assert len(row["turns"]) == 2
        assert set(row["scores"]) == {"weak", "strong"}
        assert all(len(points) == 2 and 1 <= min(points) <= max(points) <= 10 for points in row["scores"].values())


def test_no_prompt_is_a_benchmark_prompt(sample: dict[str, Rows], shared_data: Path) -> None:
    real = {
        _normal(_turns(row)[0]) for path in (shared_data / "routellm_evals").glob("*.jsonl.gz") for row in _read(path)
    }
    assert real, "the real benchmark tables hold no rows"
    ours = {_normal(_turns(row)[0]) for rows in sample.values() for row in rows}
    assert ours & real == set()


def _read(path: Path) -> Rows:
    """The rows of a file of JSON lines; a text may hold other line ends than the one between rows."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in text.decode("utf-8").split("\n") if line]


def _turns(row: dict[str, Any]) -> list[str]:
    """All that the user says in ``row``."""
    turns: list[str] = row["turns"] if "turns" in row else [row["prompt"]]
    return turns


def _normal(text: str) -> str:
    """``text`` without case, punctuation or runs of space; punctuation alone stays what it is."""
    return re.sub(r"\W+", " ", text.casefold()).strip() or text


def _share_won_by_top(battles: Rows) -> float:
    """The share of ``battles`` that one of the two strongest models won outright."""
    won = [row for row in battles if row.get(row["winner"]) in TOP_TWO]
    return len(won) / len(battles)
