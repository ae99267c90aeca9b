"""One run of ``train-router label``, from the file of prompts to the file of labels."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from router.errors import DataError
from training.label.ask import Endpoint, Model, Patience
from training.label.asking import Interview, Tally, is_complete
from training.label.bar import cost_bar
from training.label.costs import Spent
from training.label.estimate import Estimate, estimate
from training.label.grade import Grader, grader_for
from training.label.journal import Journal, Setup, journal_path
from training.label.judge import INSTRUCTIONS
from training.label.questions import Question, key_of, read_questions
from training.label.rows import label_rows, write_rows
from training.records import Drops

NO_REFERENCE = "no reference answer and no judge"


class Wishes(Struct, frozen=True, kw_only=True):
    """What the user asked for. ``endpoints``: role -> who is asked; ``limit``: only the first prompts."""

    prompts: Path
    out: Path
    endpoints: dict[str, Endpoint]
    answers: Path | None = None
    grader: Grader | None = None
    concurrency: int = 8
    max_tokens: int = 1024
    limit: int | None = None
    patience: Patience = field(default_factory=Patience)


class Summary(Struct, frozen=True, kw_only=True):
    """What came of a run.

    ``outcomes`` counts the rows written by label; ``without_label`` prompts by the reason why they have none;
    ``tally`` is of this run alone, ``total`` the cost of all rows written, whichever run asked.
    """

    rows: int
    outcomes: dict[str, int]
    without_label: dict[str, int]
    tally: Tally
    total: Spent
    cut_off: int
    retried: int

    @property
    def to_ask_again(self) -> int:
        """Prompts that have no label because a model gave no answer."""
        return sum(count for reason, count in self.without_label.items() if reason != NO_REFERENCE)


def label_prompts(wishes: Wishes, *, confirm: Callable[[Estimate], bool], say: Callable[[str], None]) -> Summary | None:
    """Ask, grade and write; what was asked before, by this run or an earlier one, is taken from the journal.

    Args:
        wishes: what to do.
        confirm: shown the estimate, says whether to go on.
        say: shown lines for people.

    Returns:
        what came of it, or None where ``confirm`` said no.

    Raises:
        DataError: the input cannot be used, the journal is of other settings, or a server refuses everything.
    """
    path = journal_path(wishes.out)
    if wishes.out.exists() and not path.exists():
        raise DataError(f"{wishes.out}: exists, and was not begun by this command; give another --out, or move it away")
    drops = Drops()
    questions = read_questions(wishes.prompts, drops, answers=wishes.answers)[: wishes.limit]
    if drops.total:
        say(drops.table())
    labelled = [question for question in questions if question.has_reference or "judge" in wishes.endpoints]
    if not labelled:
        raise DataError(f"{wishes.prompts}: no prompt has an 'answer'; give --answers FILE, or --strong and --judge")
    graders = {row.key: grader_for(row, wishes.grader) for row in labelled if row.has_reference}
    endpoints = asyncio.run(_with_models(_needed(wishes.endpoints, labelled), wishes))
    tally = Tally()
    with Journal(path, _setups(endpoints, wishes.max_tokens)) as journal:
        waiting = [question for question in labelled if not is_complete(question, endpoints, journal)]
        if len(journal):
            say(f"{len(labelled) - len(waiting):,} of {len(labelled):,} prompts were answered before ({path})")
        if waiting:
            if not confirm(estimate(waiting, endpoints, journal, max_tokens=wishes.max_tokens)):
                return None
            retried = asyncio.run(_ask(waiting, endpoints, wishes, journal, tally))
        else:
            retried = 0
        rows = list(label_rows(labelled, graders, endpoints, journal))
    write_rows(rows, wishes.out)
    return _summary(rows, tally, skipped=len(questions) - len(labelled), retried=retried)


def outcome_of(row: Mapping[str, Any]) -> str:
    """A row's label in words, for counting."""
    if "winner" in row:
        return f"judged: {row['winner']}"
    said = [
        f"{role} {'right' if row[f'{role}_correct'] else 'wrong'}"
        for role in ("weak", "strong")
        if f"{role}_correct" in row
    ]
    return "graded: " + ", ".join(said)


def _needed(endpoints: Mapping[str, Endpoint], questions: Sequence[Question]) -> dict[str, Endpoint]:
    """The endpoints, without a judge that has nothing to judge."""
    judged = any(not question.has_reference for question in questions)
    return {role: at for role, at in endpoints.items() if role != "judge" or judged}


async def _with_models(endpoints: Mapping[str, Endpoint], wishes: Wishes) -> dict[str, Endpoint]:
    async with AsyncExitStack() as stack:
        models = await _connected(endpoints, wishes, stack)
        return {role: replace(endpoints[role], model=await model.learn_model()) for role, model in models.items()}


async def _ask(
    questions: Sequence[Question], endpoints: Mapping[str, Endpoint], wishes: Wishes, journal: Journal, tally: Tally
) -> int:
    """Ask about the questions; gives how often one had to be put again."""
    async with AsyncExitStack() as stack:
        models = await _connected(endpoints, wishes, stack)
        with cost_bar(len(questions), lambda: f"cost {tally.spent}, {tally.failures.total()} failed") as step:
            await Interview(models, journal, tally, step).put_all(questions, wishes.concurrency)
        return sum(model.retried for model in models.values())


async def _connected(endpoints: Mapping[str, Endpoint], wishes: Wishes, stack: AsyncExitStack) -> dict[str, Model]:
    return {
        role: await stack.enter_async_context(
            Model(at, max_tokens=wishes.max_tokens, concurrency=wishes.concurrency, patience=wishes.patience)
        )
        for role, at in endpoints.items()
    }


def _setups(endpoints: Mapping[str, Endpoint], max_tokens: int) -> dict[str, Setup]:
    """Who is asked and how, for the journal. A judge's verdicts hold only for the answers that it saw."""
    return {
        role: Setup(
            url=at.shown_url,
            model=at.model or "",
            max_tokens=max_tokens,
            instructions=key_of(INSTRUCTIONS) if role == "judge" else "",
        )
        for role, at in endpoints.items()
    }


def _summary(rows: Sequence[Mapping[str, Any]], tally: Tally, *, skipped: int, retried: int) -> Summary:
    total = Spent()
    for row in rows:
        total.add(None if row["cost_usd"] is None else Decimal(str(row["cost_usd"])))
    without = dict(tally.failures.most_common()) | ({NO_REFERENCE: skipped} if skipped else {})
    return Summary(
        rows=len(rows),
        outcomes=dict(sorted(Counter(outcome_of(row) for row in rows).items())),
        without_label=without,
        tally=tally,
        total=total,
        cut_off=sum("cut_off" in row for row in rows),
        retried=retried,
    )
