"""``underdog cache evaluate``: figures on judged pairs, and what is said of files that hold none."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from router.cli import main
from tests.scoring.verifier.parts import make_verifier

# The first three are too long to be left to the rules, and of the same words but for one.
ASKED, HIT = "turn it on and then open the port", "on turn it and then port the open"
NEAR, FAR = "turn it off and then open the port", "close the port"
PAIRS: list[dict[str, Any]] = [
    {"a": ASKED, "b": HIT, "same_answer": True, "family": "order"},
    {"a": ASKED, "b": FAR, "same_answer": True, "family": "synonyms"},
    {"a": ASKED, "b": NEAR, "same_answer": False, "family": "antonym"},
    {"a": ASKED, "b": FAR, "same_answer": False, "family": "antonym"},
]


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return make_verifier(tmp_path / "tiny" / "1")


def evaluate(pairs: Path, artifact: Path, *arguments: str) -> Result:
    command = ["cache", "evaluate", "--pairs", str(pairs), "--artifact", str(artifact), *arguments]
    return CliRunner().invoke(main, command, prog_name="underdog")


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def figures(pairs: Path, artifact: Path, *arguments: str) -> Any:
    result = evaluate(pairs, artifact, "--json", *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_what_is_served_and_what_wrongly_is_counted_with_intervals(tiny: Path, tmp_path: Path) -> None:
    found = figures(written(tmp_path / "pairs.jsonl", PAIRS), tiny)
    assert (found["verifier"], found["max_wrong"], found["pairs"]) == ("tiny/1", 0.01, 4)
    assert found["shipped"]["hits"] == {
        "count": 1, "of": 2, "share": 0.5, "interval": pytest.approx([0.0126, 0.9874], abs=1e-4),
    }  # fmt: skip
    assert (found["shipped"]["wrong"]["count"], found["shipped"]["wrong"]["of"]) == (0, 2)
    assert set(found["best"]) == {"0.01", "0.05"}
    # The hit that is served beats both traps; the other one ties with the trap of the same words.
    assert found["auc"] == pytest.approx((2 + 0.5) / 4)
    assert found["cpu_ms_per_pair"] > 0


def test_each_family_has_its_own_count(tiny: Path, tmp_path: Path) -> None:
    families = figures(written(tmp_path / "pairs.jsonl", PAIRS), tiny)["families"]
    counts = [(row["family"], row["same_answer"], row["served"]["count"], row["served"]["of"]) for row in families]
    assert counts == [("order", True, 1, 1), ("synonyms", True, 0, 1), ("antonym", False, 0, 2)]


def test_a_larger_budget_may_serve_more_and_the_best_thresholds_stay(tiny: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "pairs.jsonl", PAIRS)
    strict, shipped = figures(path, tiny, "--max-wrong", "0.0001"), figures(path, tiny)
    assert (strict["shipped"]["hits"]["count"], shipped["shipped"]["hits"]["count"]) == (0, 1)
    assert strict["best"] == shipped["best"]


def test_the_forms_of_a_file_give_the_same_figures(tiny: Path, tmp_path: Path) -> None:
    quora = [{"text_a": row["a"], "text_b": row["b"], "label": int(row["same_answer"])} for row in PAIRS]
    files = [
        written(tmp_path / "own.jsonl", PAIRS),
        written(tmp_path / "own.jsonl.gz", PAIRS),
        written(tmp_path / "quora.jsonl", quora),
    ]
    for name, rows in (("own.csv", PAIRS), ("quora.csv", quora)):
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
        files.append(tmp_path / name)
    assert len({json.dumps(figures(path, tiny)["shipped"]) for path in files}) == 1


def test_conversations_are_judged_too_even_in_a_table(tiny: Path, tmp_path: Path) -> None:
    def talk(last: str) -> list[dict[str, str]]:
        return [
            {"role": "user", "content": "open the port"},
            {"role": "assistant", "content": "Done."},
            {"role": "user", "content": last},
        ]

    rows = [row | {"a": talk(row["a"]), "b": talk(row["b"])} for row in PAIRS]
    plain = figures(written(tmp_path / "pairs.jsonl", rows), tiny)["shipped"]
    with (tmp_path / "pairs.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["a", "b", "same_answer"])
        table.writerows([json.dumps(row["a"]), json.dumps(row["b"]), row["same_answer"]] for row in rows)
    assert plain["hits"]["count"] == 1
    assert figures(tmp_path / "pairs.csv", tiny)["shipped"] == plain


def test_people_get_tables(tiny: Path, tmp_path: Path) -> None:
    shown = evaluate(written(tmp_path / "pairs.jsonl", PAIRS), tiny).output
    assert "tiny/1: 2 should-hits, 2 traps" in shown
    assert "shipped, max_wrong 0.01" in shown
    assert "1 of 2: 50.0%" in shown
    assert "antonym" in shown


def test_pairs_of_one_kind_alone_have_no_auc(tiny: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "pairs.jsonl", PAIRS[:2])
    assert figures(path, tiny)["auc"] is None
    assert "none there" in evaluate(path, tiny).output


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"a": "x", "b": "y"}, "row 2: field 'same_answer' is missing"),
        ({"text_a": "x", "label": 1}, "row 2: field 'text_b' is missing"),
        ({"a": 7, "b": "y", "same_answer": True}, "row 2: field 'a' is neither a text nor a list of messages"),
        ({"a": "x", "b": [], "same_answer": True}, "row 2: field 'b' is an empty list"),
        ({"a": "x", "b": [{"role": "wizard"}], "same_answer": True}, "row 2: field 'b' is neither"),
        ({"a": "x", "b": "y", "same_answer": "perhaps"}, "row 2: field 'same_answer' is 'perhaps'"),
        ([], "row 2: not a JSON object"),
    ],
)
def test_a_row_that_is_no_pair_is_named(tiny: Path, tmp_path: Path, row: Any, said: str) -> None:
    result = evaluate(written(tmp_path / "pairs.jsonl", [PAIRS[0], row]), tiny)
    assert result.exit_code == 1
    assert said in result.output


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.jsonl", None, "cannot be read"),
        ("pairs.jsonl", b"", "holds no pair"),
        ("pairs.jsonl", b"\xff\xfe{}", "cannot be read"),
        ("pairs.jsonl.gz", b"no gzip", "cannot be read"),
        ("pairs.parquet", b"", "convert the file"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    tiny: Path, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    result = evaluate(path, tiny)
    assert result.exit_code == 1
    assert name in result.output
    assert said in result.output


def test_a_verifier_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = evaluate(written(tmp_path / "pairs.jsonl", PAIRS), tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "nowhere" in result.output
