"""The ledger: one row for every request, written down before it is acknowledged, exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from router.database import Connection, Database, migrate
from router.database.sqlite import BUSY_TIMEOUT_S, SqliteDatabase
from router.errors import LedgerError
from router.ledger import reports, rollup, rows
from router.ledger.baseline import LENGTHS, Lengths
from router.ledger.browse import Conditions, Kept, Page, read_page, read_requests
from router.ledger.decided import PastRequest, read_decided
from router.ledger.feedback import Rated, Reworded, rate, read_reworded
from router.ledger.group_commit import GroupCommit
from router.ledger.lately import Answered, read_lately
from router.ledger.migrations import COMPONENT, MIGRATIONS
from router.ledger.prompts import Exchange, NoPrompts, PromptKeeper, Sealed, read_sealed
from router.ledger.reading import as_ledger_errors
from router.ledger.reports import Stats
from router.ledger.retention import Pruner
from router.ledger.rollup import ScopeKind
from router.ledger.spool import SpoolingStore
from router.ledger.store import Entry, Store, sealed
from router.ledger.usage import Terms, UsageQuery, UsageReport, read_usage
from router.types import LedgerRow, Rating

T = TypeVar("T")

REPORTS_AT_ONCE = 2
"""Reports that are read at the same time: any key may ask for them, and what budgets and ratings need must not wait."""

LEDGER_FILE = "ledger.sqlite3"
"""Name of the ledger in the home folder."""


class Ledger:
    """Keeps what every request cost. Several processes may share one database.

    Make one with ``Ledger.open`` or ``Ledger.on``; end it with ``aclose``.
    """

    def __init__(
        self, database: Database, *, prompts: PromptKeeper, spool: Path | None, keep: timedelta | None
    ) -> None:
        self.database = database
        self._prompts = prompts
        self._store = Store(database) if spool is None else SpoolingStore(Store(database), spool)
        self._pruner = None if keep is None else Pruner(database, keep)
        self._commits = GroupCommit(self._write)
        self._reports = asyncio.Semaphore(REPORTS_AT_ONCE)

    @classmethod
    def open(cls, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Ledger:
        """Open or create a ledger in a SQLite file; see ``on``.

        Args:
            path: the file; missing folders are made.
            busy_timeout_s: seconds that a write waits for another process before it fails.
        """
        return cls.on(SqliteDatabase(path, busy_timeout_s=busy_timeout_s))

    @classmethod
    def on(
        cls,
        database: Database,
        *,
        prompts: PromptKeeper | None = None,
        spool: Path | None = None,
        keep: timedelta | None = None,
    ) -> Ledger:
        """Open or create the ledger and bring its schema up to date.

        Blocks for some milliseconds, or as long as another process migrates it.

        Args:
            database: where it is; closed with the ledger.
            prompts: what becomes of prompts; they are not kept where None.
            spool: a file in which rows wait while the database is away; where None, they fail.
            keep: how long requests are kept; for ever where None.

        Raises:
            LedgerError: the database cannot be used; the message says why and what to do.
        """
        with as_ledger_errors():
            try:
                migrate(database, COMPONENT, MIGRATIONS)
            except BaseException:
                database.close()
                raise
        return cls(database, prompts=prompts or NoPrompts(), spool=spool, keep=keep)

    @property
    def keeps_prompts(self) -> bool:
        """Whether ``submit`` wants to know what was said."""
        return self._prompts.keeps

    @property
    def waiting(self) -> int:
        """Rows of this server that were acknowledged and wait for the database to be back."""
        return self._store.waiting

    async def record(self, row: LedgerRow) -> None:
        """Write ``row`` and return once it is committed, here or to the spool: ``kill -9`` cannot lose it any more.

        A second row of the same ``request_id`` is ignored, with a warning in the log: the first one stays.

        Raises:
            LedgerError: the row is not in the ledger; the message says why. The ledger stays usable.
        """
        await self.submit(row)

    def submit(self, row: LedgerRow, exchange: Exchange | None = None) -> asyncio.Future[None]:
        """Hand ``row`` over for writing, without waiting; nothing calls it back from here on.

        Args:
            row: of one request.
            exchange: what was said; dropped unless prompts are kept.

        Returns:
            A future of the running loop: done once the row is committed, or holding the ``LedgerError``.

        Raises:
            LedgerError: the ledger is closed.
        """
        return self._commits.submit(Entry(row, exchange))

    async def stats(self, tenant: str | None = None, lengths: Lengths = LENGTHS) -> Stats:
        """Totals and latencies of one tenant or (None) of all. Takes milliseconds, however large the ledger is.

        Raises:
            LedgerError: the database cannot be read.
        """
        async with self._reports:
            return await self._read(lambda connection: reports.read_stats(connection, tenant, lengths))

    async def usage(self, query: UsageQuery, terms: Terms) -> UsageReport:
        """Sums over a period; see ``router.ledger.usage.read_usage``.

        Raises:
            ValueError: there are more periods than anybody reads.
            LedgerError: the database cannot be read.
        """
        async with self._reports:
            return await self._read(lambda connection: read_usage(connection, query, terms))

    async def recent(self, limit: int = 50, tenant: str | None = None) -> list[LedgerRow]:
        """The last ``limit`` rows, newest first, of one tenant or (None) of all.

        Raises:
            LedgerError: the database cannot be read.
        """
        return await self._read(lambda connection: rows.newest(connection, limit=limit, tenant=tenant))

    async def page(self, conditions: Conditions, *, limit: int, before: int | None = None) -> Page:
        """The newest requests for which the conditions hold; see ``router.ledger.browse.read_page``.

        Raises:
            LedgerError: the database cannot be read.
        """
        async with self._reports:
            return await self._read(lambda connection: read_page(connection, conditions, limit=limit, before=before))

    async def decided(self, limit: int) -> list[PastRequest]:
        """The last ``limit`` requests of everybody, newest first, with what it takes to decide them once more.

        Raises:
            LedgerError: the database cannot be read.
        """
        async with self._reports:
            return await self._read(lambda connection: list(read_decided(connection, limit=limit)))

    async def find(self, request_ids: Sequence[str]) -> dict[str, Kept]:
        """Those of a few requests that are there, by their ids.

        Raises:
            LedgerError: the database cannot be read.
        """
        return await self._read(lambda connection: read_requests(connection, request_ids))

    async def said(self, request_ids: Sequence[str]) -> dict[str, Sealed]:
        """What was kept of what was said in a few requests, by their ids; see ``router.ledger.prompts.opened``.

        Raises:
            LedgerError: the database cannot be read.
        """
        return await self._read(lambda connection: read_sealed(connection, request_ids))

    async def spent(self, kind: ScopeKind, id: str, since: datetime) -> Decimal:
        """What the requests of the server, a team or a key have cost, in US dollars, as far as it is known.

        Takes milliseconds, however large the ledger is; longer where rows wait for the database.

        Args:
            kind: of what.
            id: of which team or key, as the rows name it.
            since: aware; counted from the beginning of its quarter of an hour.

        Raises:
            LedgerError: the database cannot be read.
        """
        return await asyncio.to_thread(self._spent_now, kind, id, since)

    async def lately(self, kind: ScopeKind, id: str, since: datetime) -> list[Answered]:
        """What models answered lately of the server's, a team's or a key's requests; see ``router.ledger.lately``.

        Raises:
            LedgerError: the database cannot be read.
        """
        return await self._read(lambda connection: read_lately(connection, kind, id, since))

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
        return read_reworded(self.database, now=datetime.now(UTC))

    async def aclose(self) -> None:
        """Write what waits, then let go of the database. Rows recorded later are refused. May be called twice."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._commits.close()
        self._store.close()
        if self._pruner is not None:
            self._pruner.close()
        self.database.close()

    def _write(self, batch: list[Entry]) -> list[LedgerError | None]:
        """Commit a batch on the writer's thread; see ``group_commit.Commit``."""
        if self._prompts.keeps:
            batch = [sealed(entry, self._prompts) for entry in batch]
        return self._store.write(batch)

    def _rate_now(self, request_id: str, rating: Rating, tenant: str, pair: tuple[str, str] | None) -> Rated | None:
        at = rows.micros(datetime.now(UTC))
        with as_ledger_errors(), self.database.writing() as connection:
            return rate(connection, request_id=request_id, tenant=tenant, rating=rating, at=at, pair=pair)

    def _spent_now(self, kind: ScopeKind, id: str, since: datetime) -> Decimal:
        # Looked for in the same snapshot: what waited a moment ago may have been written since.
        waiting = self._store.waiting_costs(kind, id, since)

        def read(connection: Connection) -> Decimal:
            written = rows.known(connection, list(waiting))
            late = (usd for request_id, usd in waiting.items() if request_id not in written)
            return sum(late, rollup.spent(connection, kind, id, since))

        return self._read_now(read)

    async def _read(self, query: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._read_now, query)

    def _read_now(self, query: Callable[[Connection], T]) -> T:
        with as_ledger_errors(), self.database.reading() as connection:
            return query(connection)
