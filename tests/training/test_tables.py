"""Rows of files in every format, and what is said about damaged ones."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from router.errors import DataError
from training.records import Drops
from training.tables import read_rows

ROWS = [
    {"prompt": "Why is the sky blue?", "winner": "tie"},
    {"prompt": "Schreib ein\nGedicht, bitte", "winner": "model_a"},
]


def rows_of(path: Path, drops: Drops | None = None) -> list[dict[str, object]]:
    return [row.values for row in read_rows(path, drops or Drops(), "test")]


@pytest.mark.parametrize("name", ["votes.jsonl", "votes.jsonl.gz", "votes.ndjson", "votes.json"])
def test_lines_of_json_are_read_plain_and_gzipped_even_under_the_name_json(write_lines, name):
    assert rows_of(write_lines(name, ROWS)) == ROWS


@pytest.mark.parametrize("name", ["votes.json", "votes.json.gz"])
def test_a_list_in_one_json_document_is_read(tmp_path, name):
    data = json.dumps(ROWS, indent=1).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert rows_of(path) == ROWS


@pytest.mark.parametrize("name", ["votes.csv", "votes.csv.gz"])
def test_csv_fields_may_hold_new_lines_and_be_longer_than_the_librarys_default(tmp_path, name):
    long = "x" * 200_000
    data = f'prompt,winner\n"Why is the sky blue?",tie\n"{long}\nsecond line",model_a\n'.encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert [row["prompt"] for row in rows_of(path)] == ["Why is the sky blue?", f"{long}\nsecond line"]


def test_parquet_columns_that_are_not_wanted_are_not_read(tmp_path):
    path = tmp_path / "votes.parquet"
    pq.write_table(pa.Table.from_pylist([{**row, "response_a": "long"} for row in ROWS]), path)
    assert [row.values for row in read_rows(path, Drops(), "test", skip={"response_a"})] == ROWS


def test_a_malformed_line_is_counted_with_its_line_number_and_the_rest_is_read(write_lines):
    drops = Drops()
    path = write_lines("votes.jsonl", [ROWS[0], "{broken", "", ROWS[1]])
    assert rows_of(path, drops) == ROWS
    assert drops.rows() == [("test", "malformed JSON line", 1, f"{path}:2")]


def test_a_line_that_is_no_object_is_counted(write_lines):
    drops = Drops()
    assert rows_of(write_lines("votes.jsonl", ["[1, 2]", ROWS[0]]), drops) == ROWS[:1]
    assert drops.by_reason() == {"not a JSON object": 1}


def test_nesting_that_would_exhaust_the_parser_is_one_malformed_line(write_lines):
    drops = Drops()
    assert rows_of(write_lines("votes.jsonl", ["[" * 200_000, ROWS[0]]), drops) == ROWS[:1]
    assert drops.by_reason() == {"malformed JSON line": 1}


def test_a_file_of_which_no_line_can_be_read_is_an_error_that_names_file_line_and_remedy(write_lines):
    path = write_lines("votes.jsonl", ["", "prompt;winner", "a;b"])
    with pytest.raises(DataError, match=r"votes\.jsonl:2: not valid JSON .* each line must be one JSON object"):
        rows_of(path)


def test_a_damaged_json_document_names_file_and_line(tmp_path):
    path = tmp_path / "votes.json"
    path.write_text('[\n{"prompt": "a"},\n{"prompt": oops}\n]')
    with pytest.raises(DataError, match=r"votes\.json:3: not valid JSON"):
        rows_of(path)


def test_a_gzip_file_that_was_cut_off_says_to_fetch_it_again(write_lines):
    path = write_lines("votes.jsonl.gz", ROWS * 50)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(
        DataError, match=r"votes\.jsonl\.gz: the gzip data is damaged or cut off .* fetch the file again"
    ):
        rows_of(path)


def test_a_file_that_only_claims_to_be_gzip_is_an_error(tmp_path):
    path = tmp_path / "votes.jsonl.gz"
    path.write_text("{}")
    with pytest.raises(DataError, match="gzip data is damaged"):
        rows_of(path)


def test_a_number_of_thousands_of_digits_is_a_malformed_line_and_alone_an_error(tmp_path):
    huge = f'{{"prompt": "hi", "seed": {"9" * 5000}}}'
    path = tmp_path / "votes.jsonl"
    path.write_text(f'{huge}\n{{"prompt": "bye"}}\n')
    drops = Drops()
    assert [row.values for row in read_rows(path, drops, "votes")] == [{"prompt": "bye"}]
    assert drops.by_reason() == {"malformed JSON line": 1}
    for name, text in (("votes.jsonl", huge), ("votes.json", f"[{huge}]")):
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match=r"not valid JSON \(a number with too many digits\)"):
            rows_of(tmp_path / name)


def test_a_damaged_parquet_file_is_an_error(tmp_path):
    path = tmp_path / "votes.parquet"
    path.write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(DataError, match=r"votes\.parquet: not a readable Parquet file"):
        rows_of(path)


def test_a_csv_file_with_an_open_quote_names_the_line(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text('prompt,winner\n"never closed,tie\n')
    with pytest.raises(DataError, match=r"votes\.csv:\d+: not valid CSV"):
        rows_of(path)


def test_text_in_another_encoding_is_an_error_that_says_to_convert_it(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_bytes("prompt,winner\nGr\xfc\xdfe,tie\n".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        rows_of(path)


def test_an_unknown_format_names_the_known_ones(tmp_path):
    path = tmp_path / "votes.xlsx"
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"\.csv, \.parquet, \.json, \.jsonl"):
        rows_of(path)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        rows_of(tmp_path / "votes.csv")
