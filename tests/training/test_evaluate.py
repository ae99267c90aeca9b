"""RouteLLM's protocol: the curve, what is read off it, and the published facts that it must reproduce."""

from __future__ import annotations

import json

import numpy as np
import pytest

from router.errors import DataError
from training.evaluate import (
    Benchmark,
    apgr,
    call_performance_threshold,
    curve,
    evaluate,
    length_result,
    oracle_result,
    random_result,
    report_json,
)
from training.evaluate.bootstrap import resampled_metrics
from training.evaluate.comparison import compare_scores
from training.evaluate.protocol import curve_of_ranked, ranking
from training.records import Pair


def pairs_benchmark(weak, strong, prompts=None):
    prompts = prompts or [f"prompt {number}" for number in range(len(weak))]
    rows = zip(prompts, weak, strong, strict=True)
    return Benchmark.from_pairs("own", [Pair(prompt=p, weak=w, strong=s, source="own") for p, w, s in rows])


def random_benchmark(n, seed=0):
    random = np.random.default_rng(seed)
    return pairs_benchmark(random.integers(0, 2, n).astype(float), random.integers(0, 3, n).astype(float))


def by_the_letter(scores, weak, strong):
    """The protocol written out with thresholds, for scores without ties: the reference for the fast form."""
    thresholds = np.quantile(scores, np.linspace(0, 1, 11))
    points = []
    for number, threshold in enumerate(thresholds):
        is_strong = scores > threshold if number == 10 else scores >= threshold
        points.append((100 * is_strong.mean(), np.where(is_strong, strong, weak).mean()))
    x, y = np.array(sorted(points)).T
    return x, y


# Not 10k + 1: there each quantile is a score itself, and rounding inside the reference decides.
@pytest.mark.parametrize("n", [5, 10, 12, 72, 103, 1307])
def test_the_curve_by_ranks_is_the_curve_by_quantile_thresholds(n):
    benchmark = random_benchmark(n)
    scores = np.random.default_rng(1).random(n)
    x, y = curve(scores, benchmark.weak, benchmark.strong, benchmark.prompts)
    reference_x, reference_y = by_the_letter(scores, benchmark.weak, benchmark.strong)
    np.testing.assert_allclose(x, reference_x)
    np.testing.assert_allclose(y, reference_y)


def test_the_curve_runs_from_always_weak_to_always_strong():
    benchmark = random_benchmark(50)
    x, y = curve(np.arange(50.0), benchmark.weak, benchmark.strong, benchmark.prompts)
    assert (x[0], x[-1]) == (0.0, 100.0)
    assert y[0] == pytest.approx(benchmark.weak_mean)
    assert y[-1] == pytest.approx(benchmark.strong_mean)


def test_a_straight_curve_recovers_half_and_reaches_each_share_at_itself():
    x = np.linspace(0, 100, 11)
    y = 60 + 0.2 * x
    assert apgr(x, y) == pytest.approx(0.5)
    assert call_performance_threshold(x, y, 0.5) == pytest.approx(50)
    assert call_performance_threshold(x, y, 0.8) == pytest.approx(80)


def test_where_the_curve_is_not_monotone_the_first_crossing_counts():
    x = np.array([0.0, 25, 50, 75, 100])
    y = np.array([0.0, 1.2, 0.4, 0.9, 1.0])
    assert call_performance_threshold(x, y, 0.6) == pytest.approx(12.5)


def test_the_two_models_scoring_the_same_has_no_apgr():
    assert np.isnan(apgr(np.array([0.0, 100.0]), np.array([5.0, 5.0])))


def test_ties_are_broken_by_the_prompt_alone():
    prompts = [f"prompt {number}" for number in range(40)]
    order = ranking(np.zeros(40), prompts)
    turned = ranking(np.zeros(40), prompts[::-1])
    assert [prompts[place] for place in order] == [prompts[::-1][place] for place in turned]
    assert order.tolist() != list(range(40))


def test_only_the_order_of_the_scores_counts():
    benchmark = random_benchmark(200)
    scores = np.random.default_rng(2).random(200)
    assert evaluate(benchmark, scores) == evaluate(benchmark, 1e6 * scores - 17)


def test_a_router_that_knows_the_gain_is_the_oracle_and_its_opposite_is_as_bad_as_can_be():
    benchmark = random_benchmark(500)
    oracle = oracle_result(benchmark)
    worst = evaluate(benchmark, benchmark.weak - benchmark.strong)
    assert worst.apgr < random_result(benchmark).apgr < oracle.apgr
    assert oracle.cpt50 < worst.cpt50


def test_a_resample_by_counts_is_the_curve_of_the_drawn_rows():
    benchmark = random_benchmark(60)
    order = ranking(np.random.default_rng(3).random(60), benchmark.prompts)
    metrics = resampled_metrics(benchmark, [order], resamples=20, seed=7)[:, 0, 0]
    random = np.random.default_rng(7)
    rank = np.argsort(order)
    for metric in metrics:
        drawn = random.integers(0, 60, 60)
        drawn = drawn[np.argsort(rank[drawn], kind="stable")]
        x, y = curve_of_ranked(benchmark.weak[drawn], benchmark.strong[drawn])
        assert metric == pytest.approx(apgr(x, y), nan_ok=True)


def test_intervals_hold_the_estimate_and_narrow_with_more_prompts():
    few, many = (evaluate(b, b.strong - b.weak + b.weak**2) for b in (random_benchmark(60), random_benchmark(6000)))
    for result in (few, many):
        assert result.apgr_ci[0] <= result.apgr <= result.apgr_ci[1]
        assert result.cpt50_ci[0] <= result.cpt50 <= result.cpt50_ci[1]
    assert many.apgr_ci[1] - many.apgr_ci[0] < few.apgr_ci[1] - few.apgr_ci[0]


def test_the_same_seed_gives_the_same_intervals():
    benchmark = random_benchmark(100)
    scores = np.arange(100.0)
    assert evaluate(benchmark, scores, seed=1) == evaluate(benchmark, scores, seed=1)
    assert evaluate(benchmark, scores, seed=1).apgr_ci != evaluate(benchmark, scores, seed=2).apgr_ci


def test_a_router_compared_with_itself_does_not_differ():
    benchmark = random_benchmark(100)
    same = compare_scores(benchmark, np.arange(100.0), np.arange(100.0)).metrics[0]
    assert (same.difference, same.interval, same.share_b_better) == (0.0, (0.0, 0.0), 0.0)


def test_a_paired_comparison_sees_that_the_oracle_beats_length():
    benchmark = random_benchmark(500)
    apgr = compare_scores(benchmark, np.arange(500.0), benchmark.strong - benchmark.weak).metrics[0]
    assert apgr.interval[0] > 0
    assert apgr.share_b_better == 1.0


@pytest.mark.parametrize("scores", [np.zeros(3), np.zeros((4, 1)), np.array([0.0, 1.0, np.nan, 2.0])])
def test_scores_that_do_not_fit_the_prompts_are_refused(scores):
    with pytest.raises(ValueError, match="score"):
        evaluate(random_benchmark(4), scores)


def test_contaminated_rows_are_left_out_and_unzipped_files_do_too(write_lines, tmp_path):
    row = {"prompt": "Eggs?", "weak_correct": True, "strong_correct": False, "contaminated": False}
    write_lines("gsm8k.jsonl", [row, {**row, "prompt": "Cows?", "contaminated": True}])
    benchmark = Benchmark.load("gsm8k", tmp_path)
    assert (benchmark.prompts, benchmark.weak.tolist(), benchmark.strong.tolist()) == (("Eggs?",), [100.0], [0.0])


def test_a_benchmark_may_be_a_csv_file_with_its_flags_spelled_out(tmp_path):
    rows = "prompt,weak_correct,strong_correct,contaminated\nEggs?,False,True,False\nCows?,True,True,True\n"
    (tmp_path / "mmlu.csv").write_text(rows)
    benchmark = Benchmark.load("mmlu", tmp_path)
    assert (benchmark.prompts, benchmark.weak.tolist(), benchmark.strong.tolist()) == (("Eggs?",), [0.0], [100.0])


def test_a_benchmark_row_that_lacks_a_column_names_file_and_line(write_lines, tmp_path):
    write_lines("gsm8k.jsonl", [{"prompt": "Eggs?", "weak_correct": True}])
    with pytest.raises(
        DataError, match=r"gsm8k\.jsonl:1: a benchmark row needs prompt, weak_correct and strong_correct"
    ):
        Benchmark.load("gsm8k", tmp_path)


def test_an_unknown_benchmark_and_a_folder_without_it_are_errors(tmp_path):
    with pytest.raises(DataError, match="choose one of mt-bench, mmlu, gsm8k"):
        Benchmark.load("hellaswag", tmp_path)
    with pytest.raises(DataError, match=r"found no mt_bench\.jsonl\.gz"):
        Benchmark.load("mt-bench", tmp_path)


def test_the_report_has_its_promised_shape_and_is_json():
    benchmark = random_benchmark(80)
    report = json.loads(json.dumps(report_json(benchmark, np.arange(80.0), "default/1")))
    assert list(report) == ["benchmark", "n", "weak", "strong", "router", "length", "random", "oracle", "artifact"]
    for who in ("router", "length", "random", "oracle"):
        assert {"apgr", "apgr_ci", "cpt50", "cpt80"} <= set(report[who])
        assert len(report[who]["apgr_ci"]) == 2
    assert (report["benchmark"], report["n"], report["artifact"]) == ("own", 80, "default/1")


FACTS = {
    "mt-bench": (72, "8.28125", "9.21181", "0.953", 0.556),
    "mmlu": (14_037, "68.0915", "80.5870", "1.268", 0.583),
    "gsm8k": (1307, "63.7337", "85.7689", "1.115", 0.598),
}


@pytest.mark.parametrize("name", FACTS)
def test_the_published_facts_of_each_benchmark_are_reproduced(shared_data, name):
    n, weak, strong, oracle, length = FACTS[name]
    benchmark = Benchmark.load(name, shared_data / "routellm_evals")
    digits = len(weak.partition(".")[2])
    assert len(benchmark) == n
    assert f"{benchmark.weak_mean:.{digits}f}" == weak
    assert f"{benchmark.strong_mean:.{digits}f}" == strong
    assert f"{oracle_result(benchmark).apgr:.3f}" == oracle
    assert length_result(benchmark).apgr == pytest.approx(length, abs=0.002)
    assert random_result(benchmark).apgr == pytest.approx(0.5, abs=0.01)


def test_the_sample_benchmarks_call_their_models_weak_and_strong(repository):
    for name, n in {"mt-bench": 20, "mmlu": 60, "gsm8k": 60}.items():
        benchmark = Benchmark.load(name, repository / "data" / "sample" / "benchmarks")
        assert 0 < len(benchmark) <= n
        assert benchmark.weak_mean < benchmark.strong_mean


def test_an_mt_bench_row_of_other_models_names_file_line_and_the_models_it_needs(write_lines, tmp_path):
    write_lines("mt_bench.jsonl", [{"turns": ["Hi"], "scores": {"other": [1, 2]}, "contaminated": False}])
    with pytest.raises(
        DataError, match=r"mt_bench\.jsonl:1: a benchmark row needs turns, and scores of .* or weak and"
    ):
        Benchmark.load("mt-bench", tmp_path)
