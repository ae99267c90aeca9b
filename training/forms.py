"""Recognising the form of a data set by its columns, and turning its rows into records.

A form is a set of columns and a function from one row to records. Every row that gives none says why, and is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Generic, TypeVar

from msgspec import Struct

from router.errors import DataError
from training.records import Battle, Drops, Graded
from training.tables import Row

Record = TypeVar("Record", bound=Battle | Graded)

Values = Mapping[str, Any]

TEST_SET_COLUMN = "contaminated"
"""Only RouteLLM's evaluation tables have this column."""

ANSWER_COLUMNS = frozenset({"response_a", "response_b", "conversation_b", "full_conversation", "conv_metadata"})
"""Columns that no form reads, and that hold most of the bytes."""


OWN_FORMS = (
    "votes of your own need prompt, model_a, model_b, winner; grades need prompt, scores; "
    "data/README.md lists every form"
)
"""What to do about columns of no known form."""


class Rejected(Exception):
    """This row gives no record; ``str(rejected)`` is the reason under which it is counted."""


class Form(Struct, Generic[Record], frozen=True):
    """One layout of columns.

    ``convert`` takes a row's values and the name of the source. It returns the records of the row, with the reason in
    place of each record that could not be made, or raises :class:`Rejected` where the whole row gives none.
    """

    name: str
    columns: frozenset[str]
    convert: Callable[[Values, str], Iterable[Record | Rejected]]


def records_of(rows: Iterable[Row], forms: Sequence[Form[Any]], drops: Drops, source: str) -> Iterator[Any]:
    """Turn rows into records by the first form whose columns they have.

    Args:
        rows: the rows of one source.
        forms: the forms that are looked for, the most specific first.
        drops: counts every row, and every part of a row, that gives no record.
        source: the name that the records go by.

    Raises:
        DataError: the columns of the first row are of no form, or are those of a test set.
    """
    form: Form[Any] | None = None
    seen: set[bytes] = set()
    for row in rows:
        if form is None:
            form = _recognised(row, forms)
        elif not form.columns <= row.values.keys():
            drops.add(source, "columns missing", example=row.place)
            continue
        digest = _digest(row.values)
        if digest in seen:
            drops.add(source, "duplicate", example=row.place)
            continue
        seen.add(digest)
        yield from _converted(row, form, drops, source)


def _converted(row: Row, form: Form[Any], drops: Drops, source: str) -> Iterator[Any]:
    try:
        for record in form.convert(row.values, source):
            if isinstance(record, Rejected):
                drops.add(source, str(record), example=row.place)
            else:
                yield record
    except Rejected as rejected:
        drops.add(source, str(rejected), example=row.place)


def _recognised(row: Row, forms: Sequence[Form[Any]]) -> Form[Any]:
    if TEST_SET_COLUMN in row.values:
        message = (
            f"{row.place}: this is an evaluation table; it must not be trained on, only passed to `evaluate --data`"
        )
        raise DataError(message)
    for form in forms:
        if form.columns <= row.values.keys():
            return form
    raise DataError(f"{row.place}: its columns ({', '.join(row.values)}) are of no known form; {OWN_FORMS}")


def _digest(values: Values) -> bytes:
    return blake2b(repr(sorted(values.items())).encode("utf-8", "surrogatepass"), digest_size=16).digest()
