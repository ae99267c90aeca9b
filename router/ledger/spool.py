"""A file in which rows wait while the database is away.

SQLite as the ledger's own file, and as durable: ``kill -9`` takes nothing back. Only servers whose ledger lies
elsewhere have one, and only those whose database was away have anything in it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import msgspec

from router.database import Steps, migrate
from router.database.sqlite import SqliteDatabase
from router.errors import DatabaseError, LedgerError
from router.ledger import rows
from router.ledger.prompts import Sealed
from router.ledger.reading import as_ledger_errors
from router.ledger.rollup import ScopeKind, counts_for
from router.ledger.store import FAULTS_OF_A_ROW, Entry, Store
from router.types import LedgerRow

SPOOL_FILE = "ledger-spool.sqlite3"
"""Name of the file in the home folder."""

RETRY_S = 1.0
"""How long to wait before a database that is away is asked again."""

REMIND_S = 60.0
"""How often the log tells that rows still wait."""

_AT_ONCE = 500
_CLOSE_S = 10.0
_COMPONENT = "spool"
_STEPS: Steps = (
    (
        """
        CREATE TABLE waiting (
            seq INTEGER PRIMARY KEY,    -- order of keeping
            entry BLOB NOT NULL,        -- msgpack: the row, and its prompt as it may be stored
            refused INTEGER NOT NULL    -- 1: the database is well and does not take it
        ) STRICT
        """,
    ),
)
_KEEP = "INSERT INTO waiting (entry, refused) VALUES (?, 0)"
_OLDEST = "SELECT seq, entry FROM waiting WHERE refused = 0 ORDER BY seq LIMIT ?"
_ALL = "SELECT entry FROM waiting WHERE refused = 0"
_COUNT = "SELECT count(*) FROM waiting WHERE refused = 0"
_FORGET = "DELETE FROM waiting WHERE seq = ?"
_REFUSE = "UPDATE waiting SET refused = 1 WHERE seq = ?"

_DAMAGED = ("SQLITE_NOTADB", "SQLITE_CORRUPT")

_T = TypeVar("_T")

_log = logging.getLogger(__name__)
_decoder = msgspec.msgpack.Decoder(tuple[LedgerRow, Sealed | None])


class Spool:
    """Entries in a file. Servers with the same home may share it: an entry that two of them write counts once.

    A file that is damaged is moved aside: rows that come from then on must not be lost for those that were.

    Args:
        path: the file; made when the first entry is kept.
    """

    def __init__(self, path: Path) -> None:
        self._database = SqliteDatabase(path)
        self._path = path
        self._ready: SqliteDatabase | None = None
        self._moving = threading.Lock()

    @property
    def name(self) -> str:
        """How messages call it."""
        return self._database.name

    def keep(self, entries: Sequence[Entry]) -> None:
        """Have ``entries`` in the file. Raises ``DatabaseError``."""
        kept = [(msgspec.msgpack.encode((entry.row, entry.prompt)),) for entry in entries]

        def insert(database: SqliteDatabase) -> None:
            with database.writing() as connection:
                connection.executemany(_KEEP, kept)

        self._in_file(insert)

    def oldest(self) -> list[tuple[int, Entry]]:
        """Some of those that wait, by their numbers. Raises ``DatabaseError``."""
        if not self._path.exists():
            return []
        while found := self._in_file(_read_oldest):
            entries = [(seq, _read(kept)) for seq, kept in found]
            # One that cannot be read must not keep those behind it waiting.
            if unreadable := [seq for seq, entry in entries if entry is None]:
                _log.error("%d rows that waited in %s cannot be read and stay there", len(unreadable), self.name)
                self.written([], unreadable)
            if len(unreadable) < len(entries):
                return [(seq, entry) for seq, entry in entries if entry is not None]
        return []

    def costs(self, counts: Callable[[LedgerRow], bool]) -> dict[str, Decimal]:
        """What those of the rows that wait have cost which count, by request. Raises ``DatabaseError``."""

        def read(database: SqliteDatabase) -> dict[str, Decimal]:
            with database.reading() as connection:
                entries = (_read(kept) for (kept,) in connection.stream(_ALL))
                waiting = (entry.row for entry in entries if entry is not None)
                return {row.request_id: row.cost_usd for row in waiting if row.cost_usd is not None and counts(row)}

        return self._in_file(read) if self._path.exists() else {}

    def written(self, seqs: Sequence[int], refused: Sequence[int]) -> None:
        """Let go of entries that the database has, and never again offer it those that it refused."""

        def forget(database: SqliteDatabase) -> None:
            with database.writing() as connection:
                connection.executemany(_FORGET, [(seq,) for seq in seqs])
                connection.executemany(_REFUSE, [(seq,) for seq in refused])

        self._in_file(forget)

    def __len__(self) -> int:
        """How many entries wait. Raises ``DatabaseError``."""
        return self._in_file(_count) if self._path.exists() else 0

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _in_file(self, do: Callable[[SqliteDatabase], _T]) -> _T:
        database = self._database
        try:
            self._prepare(database)
            return do(database)
        except DatabaseError as error:
            if not _is_damage(error):
                raise
            self._set_aside(database)
        self._prepare(self._database)
        return do(self._database)

    def _prepare(self, database: SqliteDatabase) -> None:
        if self._ready is not database:
            migrate(database, _COMPONENT, _STEPS)
            self._ready = database

    def _set_aside(self, damaged: SqliteDatabase) -> None:
        with self._moving:
            if damaged is not self._database:  # another thread has done it
                return
            damaged.close()
            aside = self._path.with_name(f"{self._path.name}.damaged-{time.time_ns()}")
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    self._path.with_name(self._path.name + suffix).rename(aside.with_name(aside.name + suffix))
            self._database = SqliteDatabase(self._path)
        _log.error("%s is damaged and was moved to %s; rows in it are not in the ledger", self.name, aside)


class SpoolingStore:
    """Writes entries to the database, and while that is away to a file, from which they are written once it is back.

    An entry may be written twice, where a connection was cut in the middle: the ledger counts it once.

    Args:
        store: the database's.
        path: of the file.
        retry_s: seconds before a database that is away is asked again.
    """

    def __init__(self, store: Store, path: Path, *, retry_s: float = RETRY_S) -> None:
        self._store = store
        self._spool = Spool(path)
        self._retry_s = retry_s
        self._away = False
        self._counted = threading.Lock()
        self._waiting = 0
        self._reminded = float("-inf")
        self._closing = threading.Event()
        self._work = threading.Event()
        if path.exists():
            # What a server left that ended while the database was away. A damaged file is found out when it is read.
            with contextlib.suppress(DatabaseError):
                self._waiting = len(self._spool)
            self._work.set()
        self._thread = threading.Thread(target=self._run, name="ledger-spool", daemon=True)
        self._thread.start()

    def write(self, batch: Sequence[Entry]) -> list[LedgerError | None]:
        """See ``Store.write``. Raises only where the file cannot be written either."""
        if self._away:  # nobody waits for it
            return self._keep(batch)
        try:
            return self._store.write(batch)
        except LedgerError as error:
            self._away = True
            self._reminded = time.monotonic()
            _log.warning("rows wait in %s until the ledger's database is back: %s", self._spool.name, error)
            return self._keep(batch)

    def waiting_costs(self, kind: ScopeKind, id: str, since: datetime) -> dict[str, Decimal]:
        """See ``Store.waiting_costs``."""
        with as_ledger_errors():
            return self._spool.costs(lambda row: counts_for(row, kind, id, since))

    @property
    def waiting(self) -> int:
        """How many rows of this server the database does not have yet."""
        return max(0, self._waiting)

    def close(self) -> None:
        """Write what waits if the database is there; otherwise the next server does."""
        self._closing.set()
        self._work.set()
        self._thread.join(timeout=_CLOSE_S)
        self._spool.close()

    def _keep(self, batch: Sequence[Entry]) -> list[LedgerError | None]:
        failures = [_fault(entry) for entry in batch]
        fit = [entry for entry, failure in zip(batch, failures, strict=True) if failure is None]
        # Counted before they can be written: never fewer than there are.
        self._count(len(fit))
        try:
            self._spool.keep(fit)
        except DatabaseError as error:
            self._count(-len(fit))
            raise LedgerError(f"the ledger's database is away, and rows cannot wait either: {error}") from error
        finally:
            self._work.set()  # where nothing waits, it still has to be found out when the database is back
        return failures

    def _run(self) -> None:
        while self._work.wait() and not self._closing.is_set():
            self._work.clear()
            while not self._emptied() and not self._closing.wait(self._retry_s):
                pass
        self._emptied()

    def _emptied(self) -> bool:
        """Write what waits; False where that has to be tried again."""
        try:
            while waiting := self._spool.oldest():
                failures = self._store.write([entry for _, entry in waiting])
                self._heard_of()
                self._spool.written(*_parted(waiting, failures))
                self._count(-len(waiting))
        except (LedgerError, DatabaseError) as error:
            self._remind(error)
            return False
        except Exception as error:  # noqa: BLE001 - without this thread what waits would wait for ever
            _log.error("rows still wait in %s: %s", self._spool.name, type(error).__name__)
            return False
        self._away = False
        return True

    def _count(self, more: int) -> None:
        with self._counted:
            self._waiting += more

    def _remind(self, error: Exception) -> None:
        now = time.monotonic()
        if now - self._reminded >= REMIND_S:
            self._reminded = now
            _log.warning("%d rows still wait in %s: %s", self.waiting, self._spool.name, error)

    def _heard_of(self) -> None:
        if self._away:
            self._away = False
            _log.warning("the ledger's database is back; rows that waited in %s are written", self._spool.name)


def _read_oldest(database: SqliteDatabase) -> list[tuple[int, bytes]]:
    with database.reading() as connection:
        found: list[tuple[int, bytes]] = connection.execute(_OLDEST, (_AT_ONCE,)).fetchall()
    return found


def _count(database: SqliteDatabase) -> int:
    with database.reading() as connection:
        return int(connection.execute(_COUNT).fetchone()[0])


def _is_damage(error: DatabaseError) -> bool:
    return getattr(error.__cause__, "sqlite_errorname", None) in _DAMAGED


def _read(kept: bytes) -> Entry | None:
    try:
        row, prompt = _decoder.decode(kept)
    except (msgspec.MsgspecError, ValueError):
        return None
    return Entry(row, prompt=prompt)


def _parted(
    waiting: Sequence[tuple[int, Entry]], failures: Sequence[LedgerError | None]
) -> tuple[list[int], list[int]]:
    refused = []
    for (seq, _), failure in zip(waiting, failures, strict=True):
        if failure is not None:
            _log.error("a row that waited is refused and stays where it is: %s", failure)
            refused.append(seq)
    return [seq for seq, _ in waiting if seq not in refused], refused


def _fault(entry: Entry) -> LedgerError | None:
    # Nobody may be told that a row is safe which no database will take.
    try:
        rows.encode(entry.row)
        msgspec.msgpack.encode(entry.row)
    except FAULTS_OF_A_ROW as error:
        return LedgerError(f"ledger: the row of request {entry.row.request_id!r} cannot be stored: {error}.")
    return None
