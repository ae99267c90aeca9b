"""How much longer strong models answer."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from router.errors import DataError
from router.ledger.baseline import LENGTHS
from training.answer_lengths import length_ratio
from training.cli import main


def battle(a: str, b: str, long_a: int, long_b: int) -> dict[str, str]:
    return {
        "model_a": a,
        "model_b": b,
        "response_a": json.dumps(["x" * long_a]),
        "response_b": json.dumps(["y" * long_b]),
    }


def test_the_ratio_is_of_all_that_both_sides_wrote_whichever_stands_first() -> None:
    rows = [battle("S", "w", 300, 100), battle("v", "S", 300, 500), battle("w", "v", 9, 1), battle("S", "T", 1, 9)]
    found = length_ratio(rows, strong={"S", "T"})
    assert (found.ratio, found.battles, found.strong_models) == (2.0, 2, 1)


def test_the_interval_is_that_of_another_pair() -> None:
    rows = [battle("S", "w", 100, 100)] * 20 + [battle("T", "w", 300, 100)] * 20
    found = length_ratio(rows, strong={"S", "T"})
    assert (found.low, found.high) == (1.0, 3.0)
    assert found == length_ratio(rows, strong={"S", "T"})


def test_battles_without_both_answers_are_left_out() -> None:
    rows = [battle("S", "w", 0, 10), {"model_a": "S", "model_b": "w", "response_a": "[", "response_b": "null"}]
    with pytest.raises(DataError, match="keeps both answers"):
        length_ratio(rows, strong={"S"})


def test_the_command_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "battles.jsonl"
    path.write_text("\n".join(json.dumps(battle("S", "w", 30, 20)) for _ in range(3)))
    result = CliRunner().invoke(main, ["answer-lengths", str(path), "--strong", "S", "--json"])
    assert json.loads(result.stdout) == {"ratio": 1.5, "low": 1.5, "high": 1.5, "battles": 3, "strong_models": 1}


def test_the_interval_that_ships_is_what_the_battles_say(shared_data: Path) -> None:
    battles = shared_data / "arena" / "human_preference_55k_first100.csv"
    if not battles.is_file():
        pytest.skip(f"no {battles.name} among the data")
    result = CliRunner().invoke(main, ["answer-lengths", str(battles), "--json"])
    found = json.loads(result.stdout)
    assert (Decimal(str(found["low"])), Decimal(str(found["high"]))) == LENGTHS
    assert (found["ratio"], found["battles"], found["strong_models"]) == (1.55, 31, 6)
