"""The ledger: one row for every request, on disk before it is acknowledged, exactly once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from router.errors import LedgerError
from router.ledger import reports, rollup, rows
from router.ledger.database import connect_reader, connect_writer, explain
from router.ledger.feedback import Rated, Reworded, rate, read_reworded
from router.ledger.group_commit import GroupCommit
from router.ledger.migrations import migrate
from router.ledger.reports import Stats
from router.types import LedgerRow, Rating

T = TypeVar("T")

LEDGER_FILE = "ledger.sqlite3"
"""Name of the ledger in the home folder."""

BUSY_TIMEOUT_S = 5.0

_log = logging.getLogger(__name__)

# What can be wrong with one row while the database is well. The row fails; the rest of its batch is written.
_FAULTS_OF_A_ROW = (
    ValueError,
    TypeError,
    OverflowError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)


class Ledger:
    """The SQLite file that keeps what every request cost. Several processes may share one file.

    Make one with ``Ledger.open``; end it with ``aclose``.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, *, busy_timeout_s: float) -> None:
        self.path = path
        self._connection = connection
        self._busy_timeout_s = busy_timeout_s
        self._commits = GroupCommit(self._write)

    @classmethod
    def open(cls, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Ledger:
        """Open or create the ledger and bring its schema up to date.

        Blocks for some milliseconds, or for up to ``busy_timeout_s`` seconds while another process migrates the file.

        Args:
            path: the database file; missing folders are made.
            busy_timeout_s: seconds that a write waits for another process before it fails.

        Raises:
            LedgerError: the file cannot be used; the message says why and what to do.
        """
        try:
            connection = connect_writer(path, busy_timeout_s=busy_timeout_s)
        except (sqlite3.Error, OSError) as error:
            raise explain(error, path) from error
        try:
            migrate(connection, path)
        except (sqlite3.Error, LedgerError) as error:
            connection.close()
            raise explain(error, path) from error
        return cls(path, connection, busy_timeout_s=busy_timeout_s)

    async def record(self, row: LedgerRow) -> None:
        """Write ``row`` and return once it is committed: from then on ``kill -9`` cannot lose it.

        A second row of the same ``request_id`` is ignored, with a warning in the log: the first one stays.

        Raises:
            LedgerError: the row is not in the ledger; the message says why. The ledger stays usable.
        """
        await self.submit(row)

    def submit(self, row: LedgerRow) -> asyncio.Future[None]:
        """Hand ``row`` over for writing, without waiting; nothing calls it back from here on.

        Returns:
            A future of the running loop: done once the row is committed, or holding the ``LedgerError``.

        Raises:
            LedgerError: the ledger is closed.
        """
        return self._commits.submit(row)

    async def stats(self, tenant: str | None = None) -> Stats:
        """Totals and latencies of one tenant or (None) of all. Takes milliseconds, however large the ledger is.

        Raises:
            LedgerError: the file cannot be read.
        """
        return await self._read(lambda connection: reports.read_stats(connection, tenant))

    async def recent(self, limit: int = 50, tenant: str | None = None) -> list[LedgerRow]:
        """The last ``limit`` rows, newest first, of one tenant or (None) of all.

        Raises:
            LedgerError: the file cannot be read.
        """
        return await self._read(lambda connection: rows.newest(connection, limit=limit, tenant=tenant))

    async def rate(
        self, request_id: str, rating: Rating, *, tenant: str, pair: tuple[str, str] | None = None
    ) -> Rated | None:
        """Keep what ``tenant`` thought of an answer, in place of what it thought before; see ``feedback.rate``.

        Returns:
            What is known of the request; None where the tenant has no such request.

        Raises:
            LedgerError: it is not kept; the message says why.
        """
        return await asyncio.to_thread(self._rate_now, request_id, rating, tenant, pair)

    def reworded(self) -> list[Reworded]:
        """Reworded questions that the cache answered lately, oldest first; see ``feedback.read_reworded``.

        Raises:
            LedgerError: they cannot be read.
        """
        return read_reworded(self.path, now=datetime.now(UTC))

    async def aclose(self) -> None:
        """Write what waits, then close the file. Rows recorded later are refused. May be called twice."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._commits.close()
        self._connection.close()

    def _rate_now(self, request_id: str, rating: Rating, tenant: str, pair: tuple[str, str] | None) -> Rated | None:
        # A connection of its own: that of the ledger belongs to the writer's thread.
        try:
            with contextlib.closing(connect_writer(self.path, busy_timeout_s=self._busy_timeout_s)) as connection:
                at = rows.micros(datetime.now(UTC))
                return rate(connection, request_id=request_id, tenant=tenant, rating=rating, at=at, pair=pair)
        except (sqlite3.Error, OSError, ValueError) as error:
            raise explain(error, self.path) from error

    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.to_thread(self._read_now, query)

    def _read_now(self, query: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with contextlib.closing(connect_reader(self.path, busy_timeout_s=self._busy_timeout_s)) as connection:
                connection.execute("BEGIN")  # one snapshot for all that the query reads
                return query(connection)
        except sqlite3.Error as error:
            raise explain(error, self.path) from error

    def _write(self, batch: list[LedgerRow]) -> list[LedgerError | None]:
        """Commit a batch on the writer thread; see ``group_commit.Commit``."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            failures = self._insert(batch)
            self._connection.execute("COMMIT")
        except Exception as error:  # whatever it is, the callers must hear of it
            self._roll_back()
            raise explain(error, self.path) from error
        return failures

    def _insert(self, batch: list[LedgerRow]) -> list[LedgerError | None]:
        failures: list[LedgerError | None] = []
        inserted: list[LedgerRow] = []
        for row in batch:
            failure = None
            try:
                if rows.insert(self._connection, row):
                    inserted.append(row)
                else:
                    _log.warning("request %s is already in the ledger; its first row stays", row.request_id)
            except _FAULTS_OF_A_ROW as error:
                failure = LedgerError(
                    f"ledger {self.path}: the row of request {row.request_id!r} cannot be stored: {error}."
                )
            failures.append(failure)
        rollup.count_in(self._connection, inserted)
        return failures

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):  # the failure that led here is the one to report
                self._connection.execute("ROLLBACK")
