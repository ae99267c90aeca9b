"""Training prompts that are test prompts are taken out, and counted."""

from __future__ import annotations

import numpy as np
import pytest

from router.errors import DataError
from training import decontaminate as module
from training.corpus import read_data_folder, read_source
from training.decontaminate import decontaminate
from training.encoding import TEXTS_AT_ONCE, blocks_of

LONG = (
    "Consider a train that leaves the station at nine in the morning and travels north at a constant speed of eighty "
)


def corpus_of(write_lines, *prompts):
    rows = [{"prompt": prompt, "model_a": "a", "model_b": "b", "winner": "tie"} for prompt in prompts]
    return read_source(str(write_lines("votes.jsonl", rows)))


def prompts_of(corpus):
    return [battle.prompt for battle in corpus.battles]


def letters(texts):
    """Unit vectors of letter counts, float32[N, 26] a block: close for texts with nearly the same letters."""
    return map(letters_of, blocks_of(texts))


def letters_of(texts):
    counts = np.array(
        [[text.lower().count(chr(97 + letter)) for letter in range(26)] for text in texts], dtype=np.float32
    )
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def test_a_prompt_with_the_text_of_a_test_prompt_is_dropped_whatever_its_case_and_spacing(write_lines):
    corpus = decontaminate(corpus_of(write_lines, "How  MANY eggs?", "How many cows?"), ["How many eggs?"])
    assert prompts_of(corpus) == ["How many cows?"]
    assert corpus.drops.by_reason() == {"text of a test prompt": 1}


def test_a_prompt_with_the_first_hundred_characters_of_a_test_prompt_is_dropped(write_lines):
    corpus = decontaminate(
        corpus_of(write_lines, LONG + "miles.", LONG[:60] + "something else"), [LONG + "kilometres."]
    )
    assert prompts_of(corpus) == [LONG[:60] + "something else"]
    assert corpus.drops.by_reason() == {"first 100 characters of a test prompt": 1}


def test_a_short_prompt_that_a_longer_test_prompt_begins_with_stays(write_lines):
    assert prompts_of(decontaminate(corpus_of(write_lines, "How many"), ["How many eggs?"])) == ["How many"]


def test_a_rewording_is_found_by_its_embedding(write_lines):
    prompts = ["how many eggs does she sell then", "write a poem about the sea"]
    corpus = decontaminate(corpus_of(write_lines, *prompts), ["How many eggs does she then sell?"], encode=letters)
    assert prompts_of(corpus) == ["write a poem about the sea"]
    assert corpus.drops.by_reason() == {"cosine to a test prompt at least 0.95": 1}
    assert corpus.sources[0].kept == 1


def test_more_prompts_than_fit_in_one_block_are_all_compared(write_lines):
    fillers = [f"zz {'q' * (number % 7)} filler {number}" for number in range(TEXTS_AT_ONCE + 10)]
    corpus = decontaminate(corpus_of(write_lines, *fillers, "eggs many how?"), ["How many eggs?"], encode=letters)
    assert prompts_of(corpus) == fillers


def test_of_the_benchmarks_only_prompts_are_read_with_all_turns(write_lines, tmp_path):
    write_lines("routellm_evals/mt_bench.jsonl.gz", [{"turns": ["First?", "Second?"], "contaminated": True}])
    write_lines("routellm_evals/gsm8k.jsonl.gz", [{"prompt": "Eggs?"}, {"prompt": "Eggs?"}])
    assert module.test_prompts(tmp_path) == ["First?", "Second?", "Eggs?"]


def test_a_folder_without_benchmarks_is_an_error(tmp_path):
    with pytest.raises(DataError, match="found no benchmark"):
        module.test_prompts(tmp_path)


def test_a_benchmark_row_without_a_prompt_is_an_error_that_names_the_line(write_lines, tmp_path):
    write_lines("gsm8k.jsonl", [{"prompt": "Eggs?"}, {"question": "Eggs?"}])
    with pytest.raises(DataError, match=r"gsm8k\.jsonl:2"):
        module.test_prompts(tmp_path)


def test_the_shared_training_data_hold_no_text_of_a_test_prompt(shared_data):
    tests = module.test_prompts(shared_data)
    assert len(tests) > 15_000
    corpus = read_data_folder(shared_data)
    clean = decontaminate(corpus, tests)
    assert set(clean.drops.by_reason()) == set(corpus.drops.by_reason())


def test_questions_of_mmlu_are_recognised_as_test_prompts(shared_data):
    corpus = read_data_folder(shared_data, include={"golden/mmlu_pro_of_mmlu"})
    clean = decontaminate(corpus, module.test_prompts(shared_data))
    dropped = clean.drops.by_reason()
    assert dropped["first 100 characters of a test prompt"] > 1000
