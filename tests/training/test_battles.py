"""Battles in every published form, and the rows that give none."""

from __future__ import annotations

import json

import pytest

from router.errors import DataError
from training.corpus import read_source

MODELS = {"model_a": "vicuna-13b", "model_b": "gpt-4"}


def battles_of(write_lines, *rows, name="votes.jsonl"):
    return read_source(str(write_lines(name, rows)))


def dropped(corpus):
    return corpus.drops.by_reason()


def conversation(*turns):
    return [
        {"role": role, "content": text} for turn in turns for role, text in (("user", turn), ("assistant", "Well..."))
    ]


def parts(text, image=None):
    return [{"type": "text", "text": text, "image": None}, {"type": "image", "text": None, "image": image}]


def test_the_55k_form_has_turns_in_a_json_list_and_a_flag_for_each_outcome(write_lines):
    flags = {"winner_model_a": 0, "winner_model_b": "1", "winner_tie": 0}
    corpus = battles_of(write_lines, {"id": 1, **MODELS, "prompt": json.dumps(["First?", "Then?"]), **flags})
    (battle,) = corpus.battles
    assert (battle.prompt, battle.turns, battle.winner) == ("First?", ("First?", "Then?"), "model_b")


@pytest.mark.parametrize("flags", [(0, 0, 0), (1, 1, 0), ("", "", ""), (None, None, None)])
def test_a_55k_row_without_exactly_one_outcome_is_dropped(write_lines, flags):
    outcome = dict(zip(("winner_model_a", "winner_model_b", "winner_tie"), flags, strict=True))
    assert dropped(battles_of(write_lines, {**MODELS, "prompt": '["Hi"]', **outcome})) == {"unknown winner": 1}


def test_a_55k_prompt_that_is_no_list_is_dropped(write_lines):
    flags = {"winner_model_a": 1, "winner_model_b": 0, "winner_tie": 0}
    corpus = battles_of(write_lines, {**MODELS, "prompt": '["cut off', **flags})
    assert dropped(corpus) == {"malformed list of turns": 1}


@pytest.mark.parametrize(
    ("spelled", "winner"),
    [
        ("model_a", "model_a"),
        ("model_b", "model_b"),
        ("tie", "tie"),
        ("tie (bothbad)", "both_bad"),
        ("both_bad", "both_bad"),
    ],
)
def test_every_published_spelling_of_the_winner_is_known(write_lines, spelled, winner):
    (battle,) = battles_of(write_lines, {**MODELS, "winner": spelled, "conversation_a": conversation("Hi")}).battles
    assert battle.winner == winner


def test_a_conversation_gives_the_users_turns_and_the_language(write_lines):
    row = {**MODELS, "winner": "tie", "conversation_a": conversation("First?", "Then?"), "language": "German"}
    (battle,) = battles_of(write_lines, row).battles
    assert (battle.prompt, battle.turns, battle.language) == ("First?", ("First?", "Then?"), "German")


def test_a_conversation_may_be_the_text_of_a_json_list_as_csv_files_have_it(write_lines):
    row = {**MODELS, "winner": "tie", "conversation_a": json.dumps(conversation("Hi there"))}
    assert battles_of(write_lines, row).battles[0].prompt == "Hi there"


def test_the_140k_form_has_its_text_in_parts(write_lines):
    told = [{"role": "user", "content": parts("What is in this picture?", "a.png")}]
    row = {**MODELS, "winner": "both_bad", "conversation_a": told, "evaluation_order": 1}
    (battle,) = battles_of(write_lines, row).battles
    assert (battle.prompt, battle.winner) == ("What is in this picture?", "both_bad")


def test_a_prompt_of_images_alone_is_dropped(write_lines):
    told = [{"role": "user", "content": parts(None, "a.png")}]
    assert dropped(battles_of(write_lines, {**MODELS, "winner": "tie", "conversation_a": told})) == {"image only": 1}


def test_a_follow_up_vote_is_dropped_because_other_models_answered_its_context(write_lines):
    row = {**MODELS, "winner": "tie", "conversation_a": conversation("And shorter?"), "evaluation_order": 2}
    corpus = battles_of(write_lines, row)
    assert dropped(corpus) == {"follow-up vote, its context was answered by other models": 1}


def test_votes_with_turns_are_read(write_lines):
    (battle,) = battles_of(write_lines, {**MODELS, "winner": "tie (bothbad)", "turns": ["First?", "Then?"]}).battles
    assert (battle.prompt, battle.winner) == ("First?", "both_bad")


def test_ones_own_votes_are_read_from_csv(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("prompt,model_a,model_b,winner\nName three rivers,small,large,model_b\n")
    (battle,) = read_source(str(path)).battles
    assert (battle.prompt, battle.model_a, battle.winner, battle.source) == (
        "Name three rivers",
        "small",
        "model_b",
        "mine",
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"prompt": "  \n"}, "empty prompt"),
        ({"prompt": None}, "empty prompt"),
        ({"winner": "model_c"}, "unknown winner"),
        ({"winner": 1}, "unknown winner"),
        ({"model_b": "vicuna-13b"}, "same model twice"),
        ({"model_b": None}, "model not named"),
    ],
)
def test_a_row_that_gives_no_battle_is_counted_by_its_reason(write_lines, change, reason):
    good = {"prompt": "Hi", **MODELS, "winner": "tie"}
    corpus = battles_of(write_lines, good, {**good, **change})
    assert len(corpus.battles) == 1
    assert dropped(corpus) == {reason: 1}


def test_a_row_that_is_there_twice_counts_once(write_lines):
    row = {"prompt": "Hi", **MODELS, "winner": "tie"}
    corpus = battles_of(write_lines, row, row, {**row, "winner": "model_a"})
    assert len(corpus.battles) == 2
    assert dropped(corpus) == {"duplicate": 1}


def test_a_row_that_lacks_the_columns_of_the_first_is_counted(write_lines):
    corpus = battles_of(write_lines, {"prompt": "Hi", **MODELS, "winner": "tie"}, {"prompt": "Hi"})
    assert dropped(corpus) == {"columns missing": 1}


def test_judged_pairs_become_one_battle_for_each_model(write_lines):
    judged = {"annotator": "weighted", "baseline": "gpt4", "instruction": "Sing"}
    preference = {"loses": 1.0, "just wins": 1.6, "draws": 1.5}
    corpus = battles_of(write_lines, {**judged, "preference": preference})
    found = {battle.model_a: (battle.winner, round(battle.degree, 6)) for battle in corpus.battles}
    assert found == {"loses": ("model_b", 1.0), "just wins": ("model_a", 0.2), "draws": ("tie", 0.0)}


def test_a_judges_zero_is_a_draw_only_for_the_judges_that_mean_it_so(write_lines):
    judged = {"baseline": "davinci", "instruction": "Sing", "preference": {"m": 0}}
    corpus = battles_of(write_lines, {**judged, "annotator": "claude"}, {**judged, "annotator": "weighted"})
    assert [battle.winner for battle in corpus.battles] == ["tie"]
    assert dropped(corpus) == {"preference outside 1..2": 1}


def test_a_judged_model_that_is_the_baseline_under_its_second_name_is_dropped(write_lines):
    row = {"annotator": "a", "baseline": "gpt4_1106_preview", "instruction": "Sing", "preference": {"gpt4_turbo": 1.5}}
    assert dropped(battles_of(write_lines, row)) == {"same model twice": 1}


def test_lone_surrogates_do_not_survive_reading(write_lines):
    row = '{"prompt": "smile \\ud83d", "model_a": "a", "model_b": "b", "winner": "tie"}'
    (battle,) = battles_of(write_lines, row).battles
    assert battle.prompt.encode("utf-8").decode("utf-8") == "smile \ufffd"


def test_columns_of_no_known_form_are_an_error_that_says_what_ones_own_need(write_lines):
    with pytest.raises(
        DataError, match=r"votes\.jsonl:1: its columns \(question, vote\).*prompt, model_a, model_b, winner"
    ):
        battles_of(write_lines, {"question": "Hi", "vote": "a"})


def test_an_evaluation_table_is_refused_as_training_data(write_lines):
    row = {"prompt": "Hi", "weak_correct": True, "strong_correct": True, "contaminated": False}
    with pytest.raises(DataError, match="must not be trained on"):
        battles_of(write_lines, row)


def test_the_published_first_rows_of_the_55k_set_are_read(shared_data):
    corpus = read_source(str(shared_data / "arena" / "human_preference_55k_first100.csv"))
    assert len(corpus.battles) == 100
    assert corpus.battles[0].model_a == "gpt-4-1106-preview"
    assert corpus.battles[0].turns[1].startswith("OK, does pineapple")


def test_the_arena_votes_of_2023_are_read_completely(shared_data):
    corpus = read_source(str(shared_data / "arena" / "votes_2023.jsonl.gz"))
    winners = [battle.winner for battle in corpus.battles]
    assert (len(winners), winners.count("both_bad"), winners.count("tie")) == (1132, 253, 106)
    assert len({battle.prompt for battle in corpus.battles}) <= 893


def test_the_judged_pairs_are_read_and_each_row_that_is_not_is_counted(shared_data):
    corpus = read_source(str(shared_data / "judged" / "alpaca_eval.jsonl.gz"))
    assert len(corpus.battles) + corpus.drops.total == 128_117
    assert not corpus.sources[0].commercial
