"""Right/wrong tables in every form: the prompt that was asked, and the grade that counts."""

from __future__ import annotations

import pytest

from training.corpus import read_source


def graded_of(write_lines, *rows):
    return read_source(str(write_lines("grades.jsonl", rows)))


def lm_eval(suite, doc, metrics, task=None):
    return {
        "suite": suite,
        "task": task or suite,
        "doc_id": 0,
        "filter": "none",
        "doc": doc,
        "target": "",
        "metrics": metrics,
    }


def test_mmlu_pro_asks_with_lettered_options(write_lines):
    row = {"question_id": 1, "question": "How many?", "options": ["six", "one"], "correct": {"small": 0, "large": 1}}
    (graded,) = graded_of(write_lines, row).graded
    assert graded.prompt == "How many?\nA. six\nB. one"
    assert graded.scores == {"small": 0.0, "large": 1.0}


def test_zeroeval_keeps_its_task_and_forgets_the_run_of_no_named_model(write_lines):
    row = {"task": "crux", "id": "1", "question": "assert f('') == ??", "choices": None, "correct": {"None": 1, "m": 0}}
    (graded,) = graded_of(write_lines, row).graded
    assert (graded.prompt, graded.task, graded.scores) == ("assert f('') == ??", "crux", {"m": 0.0})


def test_llmrouter_grades_may_lie_between_right_and_wrong(write_lines):
    (graded,) = graded_of(write_lines, {"question": "Who?", "scores": {"m": 0.57}, "split": "train"}).graded
    assert graded.scores == {"m": 0.57}


def choices(*texts):
    return {"text": list(texts), "label": ["A", "B"]}


LM_EVAL = {
    "agieval": ({"query": "Q: 1+1?\nA:"}, "acc", "Q: 1+1?\nA:"),
    "arc_challenge": ({"question": "Hot?", "choices": choices("sun", "moon")}, "acc_norm", "Hot?\nA. sun\nB. moon"),
    "arc_easy": ({"question": "Hot?", "choices": choices("sun", "moon")}, "acc_norm", "Hot?\nA. sun\nB. moon"),
    "openbookqa": ({"question_stem": "To save", "choices": choices("in", "out")}, "acc_norm", "To save\nA. in\nB. out"),
    "gpqa": ({"Question": "Which energy?\n"}, "acc_norm", "Which energy?"),
    "humaneval": ({"task_id": "HumanEval/0", "prompt": "def f():\n"}, "pass@1", "def f():"),
    "minerva_math": ({"problem": "Find x.", "level": "Level 1", "type": "Algebra"}, "math_verify", "Find x."),
    "piqa": ({"goal": "Cut bread", "sol1": "knife", "sol2": "spoon"}, "acc_norm", "Cut bread\nA. knife\nB. spoon"),
    "social_iqa": (
        {"context": "Ann fell.", "question": "Why?", "answerA": "ice", "answerB": "sun", "answerC": "joy"},
        "acc",
        "Ann fell. Why?\nA. ice\nB. sun\nC. joy",
    ),
    "truthfulqa": ({"question": "Do seeds grow in you?", "type": "x"}, "rouge1_acc", "Do seeds grow in you?"),
    "winogrande": ({"sentence": "_ won.", "option1": "Al", "option2": "Bo"}, "acc", "_ won.\nA. Al\nB. Bo"),
}


@pytest.mark.parametrize("suite", LM_EVAL)
def test_each_lm_eval_suite_has_its_own_prompt_and_metric(write_lines, suite):
    doc, metric, prompt = LM_EVAL[suite]
    other = {"acc": 0.0, "acc_norm": 0.0, "exact_match": 0, "bleu_acc": 0}
    corpus = graded_of(write_lines, lm_eval(suite, doc, {"m": {**other, metric: 1.0}}))
    assert [(row.prompt, row.scores, row.task) for row in corpus.graded] == [(prompt, {"m": 1.0}, suite)]


def test_lm_eval_suites_whose_answers_were_not_found_are_dropped_by_name(write_lines):
    broken = lm_eval("bbh", {"input": "not True is"}, {"m": {"exact_match": 0.0}}, task="bbh_cot_fewshot_boolean")
    partly = lm_eval("agieval", {"query": "x?"}, {"m": {"acc": 0}}, task="agieval_math")
    corpus = graded_of(write_lines, broken, partly)
    assert corpus.graded == []
    assert set(corpus.drops.by_reason()) == {
        "grades of bbh do not tell right from wrong",
        "grades of agieval_math do not tell right from wrong",
    }


def test_an_unknown_lm_eval_suite_is_counted_and_not_averaged_blindly(write_lines):
    assert graded_of(write_lines, lm_eval("new", {}, {"m": {"acc": 1}})).drops.by_reason() == {"unknown suite new": 1}


def test_an_lm_eval_document_that_lacks_its_question_is_counted(write_lines):
    corpus = graded_of(write_lines, lm_eval("piqa", {"goal": "Cut"}, {"m": {"acc_norm": 1}}))
    assert corpus.drops.by_reason() == {"malformed document of piqa": 1}


def test_ones_own_grades_are_read(write_lines):
    (graded,) = graded_of(write_lines, {"prompt": "Add 2 and 2", "scores": {"small": 1, "large": True}}).graded
    assert graded.scores == {"small": 1.0, "large": 1.0}


def test_ones_own_pair_of_models_is_read_from_csv(tmp_path):
    path = tmp_path / "pair.csv"
    path.write_text("prompt,weak_correct,strong_correct\nAdd,0,True\n")
    (graded,) = read_source(str(path)).graded
    assert graded.scores == {"weak": 0.0, "strong": 1.0}


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ({}, "no grades"),
        ({"m": None}, "no grades"),
        ({"m": "good"}, "a grade is not a number"),
        ({"m": 1.5}, "a grade is outside 0..1"),
        ({"m": float("nan")}, "a grade is outside 0..1"),
        ([1, 0], "malformed grades"),
    ],
)
def test_grades_that_cannot_be_used_are_counted_by_reason(write_lines, scores, reason):
    assert graded_of(write_lines, {"prompt": "Add", "scores": scores}).drops.by_reason() == {reason: 1}


def test_of_every_shared_table_each_row_is_either_kept_or_counted(shared_data):
    rows = {"mmlu_pro": 5232, "zeroeval": 2241, "ulab": 5628, "lm_eval": 28_602}
    for name, count in rows.items():
        corpus = read_source(str(shared_data / "golden" / f"{name}.jsonl.gz"))
        assert corpus.sources[0].rows == count
        assert len(corpus.graded) + corpus.drops.total == count
        assert all(row.prompt and row.scores for row in corpus.graded)
