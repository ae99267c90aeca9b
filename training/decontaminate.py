"""Taking out of the training data what the test sets ask.

A training prompt goes where its text or its first 100 characters are those of a test prompt, or where its embedding
is nearly that of one. Of the test sets only the prompts are read, never what any model scored on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from msgspec.structs import replace

from router.errors import DataError
from training.corpus import Corpus
from training.encoding import Encode, count_of_blocks
from training.evaluate.benchmarks import BENCHMARKS, benchmark_file
from training.progress import progress
from training.records import Battle, Drops, Graded
from training.tables import read_columns
from training.text import normal

Record = TypeVar("Record", Battle, Graded)

HEAD = 100
"""Characters that must not be those of a test prompt."""

NEAR = 0.95
"""Cosine from which a prompt counts as a rewording of a test prompt; RouteLLM's choice."""

PROMPT_COLUMNS = frozenset({"prompt", "turns"})
"""All that is read of a test set here: neither answers nor scores nor domains."""


def test_prompts(folder: Path) -> list[str]:
    """The prompts of every benchmark found in ``folder`` (all turns, contaminated rows too); their scores are not read.

    Raises:
        DataError: no benchmark is there, or a row has no prompt.
    """
    prompts: list[str] = []
    for name in BENCHMARKS:
        try:
            path = benchmark_file(name, folder)
        except DataError:
            continue
        for row in read_columns(path, Drops(), name, PROMPT_COLUMNS):
            texts = row.values.get("turns") or [row.values.get("prompt")]
            if not all(isinstance(text, str) for text in texts):
                raise DataError(f"{row.place}: a row of a benchmark has no prompt; fetch the file again")
            prompts += texts
    if not prompts:
        raise DataError(f"{folder}: found no benchmark there ({', '.join(BENCHMARKS)})")
    return list(dict.fromkeys(prompts))


def decontaminate(corpus: Corpus, tests: Sequence[str], *, encode: Encode | None = None) -> Corpus:
    """The corpus without the records whose prompt is that of a test, or nearly.

    Args:
        corpus: what was read.
        tests: prompts of the test sets.
        encode: embeds texts, so that rewordings are found; without it only equal texts are.

    Returns:
        a corpus whose ``drops`` count what was taken out, by reason.
    """
    reasons = _same_text(corpus.prompts(), tests)
    if encode is not None:
        rest = [prompt for prompt in corpus.prompts() if prompt not in reasons]
        reasons |= dict.fromkeys(_near(rest, tests, encode), f"cosine to a test prompt at least {NEAR}")
    drops = Drops()
    drops.merge(corpus.drops)
    battles = _kept(corpus.battles, reasons, drops)
    graded = _kept(corpus.graded, reasons, drops)
    return replace(corpus, battles=battles, graded=graded, drops=drops).recounted()


def _same_text(prompts: Sequence[str], tests: Sequence[str]) -> dict[str, str]:
    normals = {normal(test) for test in tests}
    heads = {text[:HEAD] for text in normals}
    reasons = {}
    for prompt in prompts:
        text = normal(prompt)
        if text in normals:
            reasons[prompt] = "text of a test prompt"
        elif text[:HEAD] in heads:
            reasons[prompt] = f"first {HEAD} characters of a test prompt"
    return reasons


def _near(prompts: Sequence[str], tests: Sequence[str], encode: Encode) -> list[str]:
    if not prompts or not tests:
        return []
    known = np.concatenate(list(encode(tests))).T
    label = "looking for near-duplicates of test prompts"
    blocks = progress(encode(prompts), label=label, total=count_of_blocks(len(prompts)), unit="blocks")
    # One block at a time: bounds the memory that cosines take.
    highest = np.concatenate([(block @ known).max(axis=1) for block in blocks])
    return [prompt for prompt, cosine in zip(prompts, highest, strict=True) if cosine >= NEAR]


def _kept(records: Sequence[Record], reasons: dict[str, str], drops: Drops) -> list[Record]:
    kept = []
    for record in records:
        reason = reasons.get(record.prompt)
        if reason is None:
            kept.append(record)
        else:
            drops.add(record.source, reason)
    return kept
