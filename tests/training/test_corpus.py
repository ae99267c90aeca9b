"""The front door: folders, files and hub ids, with origin, licence, hash and everything that was left out."""

from __future__ import annotations

import hashlib
import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from router.errors import DataError
from training.corpus import read_data_folder, read_source
from training.hub import hub_rows

VOTE = {"model_a": "small", "model_b": "large", "winner": "model_b"}
GRADES = {"question": "Add 2 and 2", "scores": {"small": 0, "large": 1}, "split": "train"}


@pytest.fixture
def data_folder(write_lines, tmp_path):
    write_lines("arena/votes_2023.jsonl.gz", [{**VOTE, "turns": ["Hi"]}, {**VOTE, "turns": [""]}])
    write_lines("golden/ulab.jsonl.gz", [GRADES])
    write_lines("golden/mmlu_pro_of_mmlu.jsonl.gz", [{"question": "Lamps?", "options": ["6"], "correct": {"m": 1}}])
    judged = {"annotator": "a", "baseline": "gpt4", "instruction": "Sing", "preference": {"m": 2.0}}
    write_lines("judged/alpaca_eval.jsonl.gz", [judged])
    test_row = {"prompt": "A test?", "weak_correct": True, "strong_correct": True, "contaminated": False}
    write_lines("routellm_evals/gsm8k.jsonl.gz", [test_row])
    write_lines("notes/extra.jsonl", [{**VOTE, "prompt": "Mine"}])
    return tmp_path


def test_a_data_folder_gives_only_what_may_teach_an_artifact_that_ships(data_folder):
    corpus = read_data_folder(data_folder)
    assert corpus.kept() == {"arena/votes_2023": 1, "golden/ulab": 1}
    assert [entry.split(" ")[0] for entry in corpus.ignored] == [
        "golden/mmlu_pro_of_mmlu.jsonl.gz",
        "judged/alpaca_eval.jsonl.gz",
        "notes/extra.jsonl",
        "routellm_evals/gsm8k.jsonl.gz",
    ]


def test_test_questions_are_read_only_when_asked_for_by_name(data_folder):
    corpus = read_data_folder(data_folder, include={"golden/mmlu_pro_of_mmlu"})
    assert corpus.kept() == {"golden/mmlu_pro_of_mmlu": 1}


def test_a_licence_without_commercial_use_must_be_accepted_even_for_a_set_asked_for_by_name(data_folder):
    with pytest.raises(DataError, match="none of the wanted sets"):
        read_data_folder(data_folder, include={"judged/alpaca_eval"})
    corpus = read_data_folder(data_folder, include={"judged/alpaca_eval"}, commercial_only=False)
    assert corpus.kept() == {"judged/alpaca_eval": 1}


def test_an_unknown_set_name_is_an_error_that_lists_the_names(data_folder):
    with pytest.raises(DataError, match=r"golden/nothing; the names are .*golden/ulab"):
        read_data_folder(data_folder, include={"golden/nothing"})


def test_evaluation_tables_cannot_be_asked_for_as_training_data(data_folder):
    with pytest.raises(DataError, match="no data set is called routellm_evals"):
        read_data_folder(data_folder, include={"routellm_evals"})


def test_every_set_is_recorded_with_origin_licence_hash_and_rows(data_folder):
    votes = next(source for source in read_data_folder(data_folder).sources if source.name == "arena/votes_2023")
    content = (data_folder / "arena" / "votes_2023.jsonl.gz").read_bytes()
    assert votes.sha256 == hashlib.sha256(content).hexdigest()
    assert (votes.file, votes.rows, votes.kept) == ("arena/votes_2023.jsonl.gz", 2, 1)
    assert (votes.licence, votes.commercial) == ("Apache-2.0", True)


def test_the_summary_says_what_was_kept_and_dropped_and_not_read(data_folder):
    summary = read_data_folder(data_folder).summary()
    assert "dropped: empty prompt (first at " in summary
    assert "not read: judged/alpaca_eval.jsonl.gz (licence CC-BY-NC-4.0" in summary


def test_the_summary_never_shows_a_prompt(write_lines):
    rows = [{**VOTE, "prompt": "my secret plan"}, {**VOTE, "prompt": "my secret plan", "winner": "?"}]
    assert "secret" not in read_source(str(write_lines("votes.jsonl", rows))).summary()


def test_a_folder_without_any_known_set_is_an_error(tmp_path):
    with pytest.raises(DataError, match="none of the wanted sets is in it"):
        read_data_folder(tmp_path)


def test_a_missing_data_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        read_data_folder(tmp_path / "nothing")


def test_an_empty_file_is_an_error_that_shows_its_path(write_lines):
    empty = write_lines("votes.jsonl", [])
    with pytest.raises(DataError, match=f"{re.escape(str(empty))}: has no rows"):
        read_source(str(empty))


def test_an_empty_file_of_a_data_folder_is_shown_by_its_whole_path(data_folder, write_lines):
    empty = write_lines("arena/votes_2023.jsonl", [])
    with pytest.raises(DataError, match=f"{re.escape(str(empty))}: has no rows"):
        read_data_folder(data_folder)


def test_a_folder_of_ones_own_files_is_read_as_one_corpus(write_lines, tmp_path):
    write_lines("mine/a.jsonl", [{**VOTE, "prompt": "One"}])
    write_lines("mine/b.jsonl", [{"prompt": "Two", "scores": {"m": 1}}])
    corpus = read_source(str(tmp_path / "mine"))
    assert corpus.kept() == {"mine/a": 1, "mine/b": 1}
    assert (len(corpus.battles), len(corpus.graded)) == (1, 1)


def test_a_registered_file_passed_by_its_path_keeps_its_licence(data_folder):
    corpus = read_source(str(data_folder / "judged" / "alpaca_eval.jsonl.gz"))
    assert (corpus.sources[0].name, corpus.sources[0].commercial) == ("judged/alpaca_eval", False)


def test_two_corpora_merge_with_their_counts(data_folder):
    folder = read_data_folder(data_folder)
    own = read_source(str(data_folder / "notes" / "extra.jsonl"))
    both = folder.merged(own)
    assert both.kept() == {"arena/votes_2023": 1, "golden/ulab": 1, "extra": 1}
    assert both.drops.by_reason() == {"empty prompt": 1}
    assert len(both.sources) == 3


def test_something_that_is_neither_file_nor_hub_id_is_an_error():
    with pytest.raises(DataError, match="no such file or folder"):
        read_source("nothing.parquet")
    with pytest.raises(DataError, match="no such file or folder"):
        read_source("missing/votes.parquet")


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """A hub that refuses connections, and an empty cache: what a machine without a network sees."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("no_network")
def test_without_a_network_a_hub_set_fails_in_one_line_that_names_the_local_alternative():
    with pytest.raises(DataError) as caught:
        read_source("lmsys/lmsys-arena-human-preference-55k")
    message = str(caught.value)
    assert message.startswith("lmsys/lmsys-arena-human-preference-55k: the hub cannot be reached")
    assert "refused" in message
    assert "--battles FILE.parquet" in message
    assert "\n" not in message


def conversation(text):
    return [{"role": "user", "content": text}, {"role": "assistant", "content": "Well..."}]


def part(text):
    return [{"role": "user", "content": [{"type": "text", "text": text, "image": None}]}]


HUB_LAYOUTS = {
    "55k": {"prompt": '["Why?"]', "response_a": '["x"]', "winner_model_a": 0, "winner_model_b": 1, "winner_tie": 0},
    "33k": {
        "conversation_a": conversation("Why?"),
        "conversation_b": conversation("Why?"),
        "winner": "model_b",
        "turn": 1,
    },
    "140k": {"conversation_a": part("Why?"), "full_conversation": [], "winner": "model_b", "evaluation_order": 1},
}


@pytest.mark.parametrize("layout", HUB_LAYOUTS)
@pytest.mark.parametrize("form", ["parquet", "json"])
def test_a_local_copy_of_a_hub_set_loads_through_datasets_like_the_set_itself(tmp_path, monkeypatch, layout, form):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    row = {"id": "1", "model_a": "small", "model_b": "large", **HUB_LAYOUTS[layout]}
    folder = tmp_path / "set"
    folder.mkdir()
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist([row]), folder / "train-00000-of-00001.parquet")
    else:
        (folder / "train.jsonl").write_text(json.dumps(row) + "\n")
    (read,) = hub_rows(str(folder))
    assert "response_a" not in read.values
    assert "conversation_b" not in read.values
    (battle,) = read_source(str(folder)).battles
    assert (battle.prompt, battle.winner) == ("Why?", "model_b")
    assert read.values["model_a"] == battle.model_a


def test_the_shared_data_folder_is_read_with_every_row_accounted_for(shared_data):
    corpus = read_data_folder(shared_data)
    assert {source.name for source in corpus.sources} == {
        "arena/human_preference_55k_first100",
        "arena/votes_2023",
        "golden/lm_eval",
        "golden/mmlu_pro",
        "golden/ulab",
        "golden/zeroeval",
    }
    assert (
        sum(source.rows for source in corpus.sources) == len(corpus.battles) + len(corpus.graded) + corpus.drops.total
    )
