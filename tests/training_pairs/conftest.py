"""Small sets of pairs, in files as in data/cache."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from training.pairs.records import RequestPair

CITIES = "Paris Rome Madrid Lisbon Vienna Prague Oslo Dublin Athens Cairo Lima Delhi Tokyo Seoul Kyiv Bern".split()


@pytest.fixture(scope="session")
def made_pairs() -> list[RequestPair]:
    """Sixteen groups: a rewording, another city, and the question turned round."""
    found = []
    for number, city in enumerate(CITIES):
        other = CITIES[number - 1]
        question, group = f"How do I get from {city} to {other} by train?", f"questions-{number}"
        elsewhere = f"How do I get from {city} to Turin by train?"
        found += [
            RequestPair(question, f"train from {city} to {other}, how?", True, "questions", group, "keywords"),
            RequestPair(question, elsewhere, False, "questions", group, "location"),
            RequestPair(
                question, f"How do I get from {other} to {city} by train?", False, "questions", group, "direction"
            ),
        ]
    return found


@pytest.fixture
def pair_folders(tmp_path: Path, made_pairs: list[RequestPair]) -> tuple[Path, Path]:
    """Folder of our pairs, and a data folder with a few of Quora's."""
    own, data = tmp_path / "own", tmp_path / "data"
    own.mkdir()
    (data / "qqp").mkdir(parents=True)
    questions = [
        {"group": number // 3, "a": pair.a, "b": pair.b, "same_answer": pair.same_answer, "family": pair.family}
        for number, pair in enumerate(made_pairs)
    ]
    conversations = [row | {"a": _talk(row["a"], "3"), "b": _talk(row["b"], "2")} for row in questions]
    write_lines(own / "questions.jsonl", questions)
    write_lines(own / "conversations.jsonl", conversations)
    quora = [
        {"text_a": f"What is {city} like?", "text_b": f"How is {city} in {year}?", "label": year % 2}
        for city in CITIES
        for year in (2015, 2016)
    ]
    with gzip.open(data / "qqp" / "pairs.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in quora)
    return own, data


@pytest.fixture
def new_pairs(tmp_path: Path) -> Path:
    """A folder of pairs on the same cities and another matter; every third group is for choosing."""
    folder = tmp_path / "new"
    folder.mkdir()
    rows: list[dict[str, object]] = []
    for number, city in enumerate(CITIES):
        base = f"What is the capital of {city}?"
        others = {f"please what is the capital of {city}": True, f"What is the port of {city}?": False}
        rows += [
            {"group": number, "a": base, "b": b, "same_answer": same, "family": "made"}
            | {"use": "evidence" if number % 3 else "choosing"}
            for b, same in (others | {f"What is on in {city}?": False}).items()
        ]
    write_lines(folder / "questions.jsonl", rows)
    talks = [row | {"a": _talk(row["a"], "3"), "b": _talk(row["b"], "3")} for row in rows]
    write_lines(folder / "conversations.jsonl", talks)
    return folder


def write_lines(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _talk(last: object, days: str) -> list[dict[str, object]]:
    return [
        {"role": "user", "content": f"We have {days} days."},
        {"role": "assistant", "content": "Take the train."},
        {"role": "user", "content": last},
    ]
