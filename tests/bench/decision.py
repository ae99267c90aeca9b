"""What a decision costs, from messages to route, in CPU time. Run: ``python -m tests.bench.decision [--json]``."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from router.policy import DEFAULT_OPERATING_POINT, Models, decide
from router.scoring.prompt import prompt_text
from router.scoring.scorer import Scorer
from router.types import Evidence, Message, Tuning
from tests.bench.machine import machine

WORDS = "explain how the weekly report compares with our plan and list three risks in order of cost please ".split()
TOKENS = (16, 128, 512)
ROUNDS = 2_000
BATCH = 1_000


def messages_of(tokens: int, number: int) -> list[Message]:
    """A prompt of about so many tokens, no two alike."""
    words = (WORDS[(place + number) % len(WORDS)] for place in range(tokens - 2))
    return [Message(role="user", content=f"{number} {' '.join(words)}")]


def cpu_us(work: Callable[[int], object], rounds: int) -> dict[str, float]:
    """CPU microseconds of one call: median and 99th percentile over rounds."""
    taken = []
    for number in range(rounds):
        started = time.thread_time_ns()
        work(number)
        taken.append((time.thread_time_ns() - started) / 1000)
    return {"p50_us": statistics.median(taken), "p99_us": statistics.quantiles(taken, n=100)[-1]}


def measure() -> dict[str, Any]:
    """Single decisions at several lengths, and a batch."""
    scorer = Scorer.load()
    threshold = scorer.manifest.operating_points[DEFAULT_OPERATING_POINT].threshold

    def route(messages: list[Message]) -> str:
        score = scorer.score(prompt_text(messages))
        decision = decide(
            tuning=Tuning(),
            threshold=threshold,
            win_rate=score.win_rate,
            models=Models(weak="weak", strong="strong"),
            artifact=scorer.version,
            evidence=Evidence(score=score.score, tokens=score.tokens, unfamiliarity=score.unfamiliarity),
        )
        return decision.route

    figures: dict[str, Any] = {}
    for tokens in TOKENS:
        prompts = [messages_of(tokens, number) for number in range(ROUNDS)]
        cpu_us(lambda number, prompts=prompts: route(prompts[number]), 200)  # type: ignore[misc]
        counted = scorer.score(prompt_text(prompts[0])).tokens
        figures[f"single, {counted} tokens"] = cpu_us(
            lambda number, prompts=prompts: route(prompts[number]),  # type: ignore[misc]
            ROUNDS,
        )
    texts = [prompt_text(messages_of(128, number)) for number in range(BATCH)]
    scorer.score_batch(texts)
    started = time.process_time()
    scorer.score_batch(texts)
    figures["batch, 128 tokens"] = {"per_second": BATCH / (time.process_time() - started)}
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    as_json = parser.parse_args().json
    figures = measure()
    if as_json:
        print(json.dumps({"machine": machine(), **figures}))
        return
    print(machine())
    for name, figure in figures.items():
        print(f"{name:22}", "  ".join(f"{unit} {value:,.0f}" for unit, value in figure.items()))


if __name__ == "__main__":
    main()
