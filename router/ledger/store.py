"""Writes rows of the ledger: all that wait in one transaction, together with the totals that they count in."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from router.database import Connection, Database
from router.errors import DatabaseError, LedgerError, ValueRefused
from router.ledger import prompts, rollup, rows
from router.ledger.prompts import Exchange, PromptKeeper, Sealed
from router.ledger.reading import as_ledger_errors
from router.ledger.rollup import ScopeKind
from router.types import LedgerRow

_TURNS = 4
_AT_ONCE = 500

_log = logging.getLogger(__name__)

FAULTS_OF_A_ROW = (ValueError, TypeError, OverflowError, ValueRefused)
"""What can be wrong with one row while the database is well. The row fails; the rest of its batch is written."""


class Entry(NamedTuple):
    """One request: its row and, where the operator wants it kept, what was said: sealed before it is stored."""

    row: LedgerRow
    exchange: Exchange | None = None
    prompt: Sealed | None = None


class _Ready(NamedTuple):
    entry: Entry
    values: list[Any]


class _SomeAreThere(Exception):
    """Fewer rows were inserted than there were."""


class Store:
    """Writes batches of entries, each once, whoever else writes. For one thread.

    Args:
        database: of the newest schema.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, batch: Sequence[Entry]) -> list[LedgerError | None]:
        """Commit a batch.

        Writing an entry again is harmless: the first one stays, and counts once.

        Returns:
            For each entry, why it alone cannot be stored, or None.

        Raises:
            LedgerError: the database cannot be used; none was written, or it is not known whether they were.
        """
        failures: list[LedgerError | None] = [None] * len(batch)
        ready: dict[str, _Ready] = {}
        for index, entry in enumerate(batch):
            try:
                values = rows.encode(entry.row)
            except FAULTS_OF_A_ROW as error:
                failures[index] = self._fault(entry, error)
                continue
            if entry.row.request_id in ready:
                _warn_of_second(entry.row.request_id)
            else:
                ready[entry.row.request_id] = _Ready(entry, values)
        with as_ledger_errors():
            try:
                self._write_new(ready)
            except FAULTS_OF_A_ROW:
                self._write_one_by_one(batch, ready, failures)
        return failures

    def waiting_costs(self, kind: ScopeKind, id: str, since: datetime) -> dict[str, Decimal]:
        """What requests of a scope have cost whose rows wait to be written, by request: nothing waits here."""
        return {}

    @property
    def waiting(self) -> int:
        """Nothing waits here."""
        return 0

    def close(self) -> None:
        """There is nothing to let go of."""

    def _write_new(self, ready: dict[str, _Ready]) -> None:
        for _ in range(_TURNS):
            if not ready:
                return
            try:
                with self._database.writing() as connection:
                    _insert(connection, list(ready.values()))
                return
            except _SomeAreThere:
                ready = self._without_those_there(ready)
        raise DatabaseError(f"{self._database.name}: somebody else writes the very same requests all the time.")

    def _without_those_there(self, ready: dict[str, _Ready]) -> dict[str, _Ready]:
        ids = list(ready)
        there: set[str] = set()
        with self._database.reading() as connection:
            for begin in range(0, len(ids), _AT_ONCE):
                some = ids[begin : begin + _AT_ONCE]
                # Only question marks are put into SQL.
                sql = f"SELECT request_id FROM requests WHERE request_id IN ({', '.join('?' * len(some))})"  # noqa: S608
                there.update(found for (found,) in connection.execute(sql, some))
        for request_id in there:
            _warn_of_second(request_id)
        return {request_id: one for request_id, one in ready.items() if request_id not in there}

    def _write_one_by_one(
        self, batch: Sequence[Entry], ready: dict[str, _Ready], failures: list[LedgerError | None]
    ) -> None:
        for index, entry in enumerate(batch):
            one = ready.pop(entry.row.request_id, None)
            if one is None or failures[index] is not None:
                continue
            try:
                self._write_new({entry.row.request_id: one})
            except FAULTS_OF_A_ROW as error:
                failures[index] = self._fault(entry, error)

    def _fault(self, entry: Entry, error: Exception) -> LedgerError:
        return LedgerError(
            f"ledger {self._database.name}: the row of request {entry.row.request_id!r} cannot be stored: {error}."
        )


def sealed(entry: Entry, prompts: PromptKeeper) -> Entry:
    """``entry`` as it may be stored. What cannot be sealed is left out: the row is worth more."""
    if entry.exchange is None:
        return entry
    try:
        return Entry(entry.row, prompt=prompts.seal(entry.row.request_id, entry.exchange))
    except Exception as error:  # noqa: BLE001 - whatever was said, the row must be written
        _log.error("the prompt of request %s cannot be kept (%s)", entry.row.request_id, type(error).__name__)
        return Entry(entry.row)


def _insert(connection: Connection, ready: Sequence[_Ready]) -> None:
    inserted = connection.executemany(rows.INSERT, [one.values for one in ready]).rowcount
    if inserted != len(ready):
        raise _SomeAreThere
    rollup.count_in(connection, [(one.entry.row, one.values[rows.AT]) for one in ready])
    if kept := [(one.entry.row.request_id, *one.entry.prompt) for one in ready if one.entry.prompt is not None]:
        connection.executemany(prompts.INSERT, kept)


def _warn_of_second(request_id: str) -> None:
    _log.warning("request %s is already in the ledger; its first row stays", request_id)
