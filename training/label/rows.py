"""From a question and what was said about it to one row of labels, and how those rows are read again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import msgspec

from router.errors import DataError
from training.label.ask import Endpoint
from training.label.asking import parts_of, role_of
from training.label.costs import price
from training.label.grade import Grader, is_right
from training.label.journal import Asked, Journal
from training.label.judge import Verdict, winner_of
from training.label.questions import Question

JUDGE = "judge"
"""What stands for the grader of a row that was judged."""


def label_rows(
    questions: Sequence[Question], graders: Mapping[str, Grader], endpoints: Mapping[str, Endpoint], journal: Journal
) -> Iterator[dict[str, Any]]:
    """One row for each question that the journal has everything for, in the order of ``questions``.

    Args:
        questions: all that were to be labelled.
        graders: key of a question with a reference -> how it is graded.
        endpoints: role -> who was asked.
        journal: what was said.
    """
    for question in questions:
        said = {part: journal.get(question.key, part) for part in parts_of(question, endpoints)}
        known = {part: asked for part, asked in said.items() if asked is not None}
        if len(known) < len(said):
            continue
        row: dict[str, Any] = {"id": question.id} if question.id is not None else {}
        row["prompt"] = question.prompt
        grader = graders.get(question.key)
        if grader is None:
            row["winner"] = winner_of(*(cast(Verdict, known[part].text) for part in known if role_of(part) == JUDGE))
        else:
            row |= {f"{part}_correct": int(is_right(asked.text, question, grader)) for part, asked in known.items()}
        yield row | {"grader": grader or JUDGE} | _provenance(known, endpoints)


def write_rows(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Write JSON lines; ``out`` appears, or changes, only when all of it is written.

    Raises:
        DataError: it cannot be written.
    """
    partial = out.with_name(out.name + ".part")
    try:
        partial.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        partial.replace(out)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DataError(f"{out}: cannot be written ({error.strerror}); check the path and the space left") from error


def _provenance(known: Mapping[Any, Asked], endpoints: Mapping[str, Endpoint]) -> dict[str, Any]:
    roles = dict.fromkeys(role_of(part) for part in known)
    usage = {
        part: {"prompt_tokens": asked.prompt_tokens, "completion_tokens": asked.completion_tokens}
        for part, asked in known.items()
    }
    prices = [_price(asked, endpoints[role_of(part)]) for part, asked in known.items()]
    cost = None if None in prices else float(sum((usd for usd in prices if usd is not None), Decimal(0)))
    found: dict[str, Any] = {
        "models": {role: endpoints[role].model for role in roles},
        "usage": usage,
        "cost_usd": cost,
    }
    cut_off = [part for part, asked in known.items() if asked.cut_off]
    return found | ({"cut_off": cut_off} if cut_off else {})


def _price(asked: Asked, by: Endpoint) -> Decimal | None:
    return price(by.url, by.model or "", asked.prompt_tokens, asked.completion_tokens)
