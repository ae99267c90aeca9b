"""The pairs for the semantic cache keep the form and the counts that their README tells."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from router.scoring.wording import normal_form

Rows = list[dict[str, Any]]

FILES = ("questions", "conversations")


def read(folder: Path, name: str) -> Rows:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(params=FILES)
def rows(request: pytest.FixtureRequest, repository: Path) -> Rows:
    return read(repository / "data" / "cache", request.param)


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "data" / "cache" / "README.md").read_text(encoding="utf-8")


def test_every_pair_has_the_documented_columns_and_two_different_sides(rows: Rows) -> None:
    assert all(set(row) == {"group", "a", "b", "same_answer", "family"} for row in rows)
    assert all(row["a"] != row["b"] for row in rows)


def test_a_group_is_one_request_with_pairs_of_both_kinds(rows: Rows) -> None:
    groups = defaultdict(list)
    for row in rows:
        groups[row["group"]].append(row)
    assert [row["group"] for row in rows] == sorted(row["group"] for row in rows)
    assert all(len({json.dumps(row["a"]) for row in group}) == 1 for group in groups.values())
    assert all({row["same_answer"] for row in group} == {True, False} for group in groups.values())


def test_no_pair_stands_there_twice(rows: Rows) -> None:
    assert max(Counter((json.dumps(row["a"]), json.dumps(row["b"])) for row in rows).values()) == 1


@pytest.mark.parametrize("name", FILES)
def test_the_readme_counts_pairs_and_families_right(name: str, repository: Path, page: str) -> None:
    rows = read(repository / "data" / "cache", name)
    section = page.split(f"## `{name}.jsonl`")[1].split("\n## ")[0]
    groups = {row["group"] for row in rows}
    assert f"{len(rows):,} pairs in {len(groups):,} groups" in section
    table = re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", section, re.MULTILINE)
    told = {family: int(count.replace(",", "")) for family, count in table}
    assert told == Counter(row["family"] for row in rows)


@pytest.mark.parametrize("name", FILES)
def test_the_readme_counts_the_pairs_that_calibrate(name: str, repository: Path, page: str) -> None:
    rows = read(repository / "data" / "cache" / "calibration", name)
    for use in ("choosing", "evidence"):
        chosen = [row for row in rows if row["use"] == use]
        same = sum(row["same_answer"] for row in chosen)
        groups = len({row["group"] for row in chosen})
        assert (
            f"`{use}` | {groups} | {same:,} | {len(chosen) - same:,} |"
            in page.split(f"`calibration/{name}.jsonl` |", 1)[1]
        )
    families = page.split(f"{name.capitalize()}, rewordings:")[1].split("\n\n")
    told = Counter({family: int(count) for family, count in re.findall(r"`(\w+)`\s+(\d+)", " ".join(families[:2]))})
    assert told == Counter(row["family"] for row in rows)


@pytest.mark.parametrize("name", FILES)
def test_pairs_that_calibrate_are_new_and_no_group_has_two_uses(name: str, repository: Path) -> None:
    folder = repository / "data" / "cache"
    rows = read(folder / "calibration", name)
    assert all(set(row) == {"group", "a", "b", "same_answer", "family", "use"} for row in rows)
    uses = defaultdict(set)
    for row in rows:
        uses[row["group"]].add(row["use"])
    assert all(len(use) == 1 for use in uses.values())
    held_out = read(repository / "tests" / "cache" / "held_out", name)
    known = {form(row[side]) for row in (*read(folder, name), *held_out) for side in "ab"}
    assert not known & {form(row[side]) for row in rows for side in "ab"}


def form(side: str | list[dict[str, str]]) -> object:
    """What is the same for texts that differ in clothes alone."""
    if isinstance(side, str):
        return normal_form(side)
    return tuple((message["role"], normal_form(message["content"])) for message in side)


def test_conversations_end_in_a_message_of_the_user(repository: Path) -> None:
    for row in read(repository / "data" / "cache", "conversations"):
        for side in (row["a"], row["b"]):
            assert side[-1]["role"] == "user"
            assert all(set(message) == {"role", "content"} and message["content"] for message in side)
            assert [message["role"] for message in side].count("system") <= 1
