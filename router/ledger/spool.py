"""A file in which rows wait while the database is away.

SQLite as the ledger's own file, and as durable: ``kill -9`` takes nothing back. Only servers whose ledger lies
elsewhere have one, and only those whose database was away have anything in it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

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

_log = logging.getLogger(__name__)
_decoder = msgspec.msgpack.Decoder(tuple[LedgerRow, Sealed | None])


class Spool:
    """Entries in a file. Servers with the same home may share it: an entry that two of them write counts once.

    Args:
        path: the file; made when the first entry is kept.
    """

    def __init__(self, path: Path) -> None:
        self._database = SqliteDatabase(path)
        self._path = path
        self._ready = False

    @property
    def name(self) -> str:
        """How messages call it."""
        return self._database.name

    def keep(self, entries: Sequence[Entry]) -> None:
        """Have ``entries`` in the file. Raises ``DatabaseError``."""
        kept = [(msgspec.msgpack.encode((entry.row, entry.prompt)),) for entry in entries]
        self._prepare()
        with self._database.writing() as connection:
            connection.executemany(_KEEP, kept)

    def oldest(self) -> list[tuple[int, Entry]]:
        """Some of those that wait, by their numbers. Raises ``DatabaseError``."""
        if not self._path.exists():
            return []
        self._prepare()
        while found := self._oldest():
            entries = [(seq, _read(kept)) for seq, kept in found]
            # One that cannot be read must not keep those behind it waiting.
            if unreadable := [seq for seq, entry in entries if entry is None]:
                _log.error("%d rows that waited in %s cannot be read and stay there", len(unreadable), self.name)
                self.written([], unreadable)
            if len(unreadable) < len(entries):
                return [(seq, entry) for seq, entry in entries if entry is not None]
        return []

    def waiting(self) -> Iterator[LedgerRow]:
        """The rows of all that wait and can be read. Raises ``DatabaseError``."""
        if not self._path.exists():
            return
        self._prepare()
        with self._database.reading() as connection:
            for (kept,) in connection.stream(_ALL):
                if (entry := _read(kept)) is not None:
                    yield entry.row

    def written(self, seqs: Sequence[int], refused: Sequence[int]) -> None:
        """Let go of entries that the database has, and never again offer it those that it refused."""
        with self._database.writing() as connection:
            connection.executemany(_FORGET, [(seq,) for seq in seqs])
            connection.executemany(_REFUSE, [(seq,) for seq in refused])

    def __len__(self) -> int:
        """How many entries wait. Raises ``DatabaseError``."""
        if not self._path.exists():
            return 0
        self._prepare()
        with self._database.reading() as connection:
            return int(connection.execute(_COUNT).fetchone()[0])

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _oldest(self) -> list[tuple[int, bytes]]:
        with self._database.reading() as connection:
            found: list[tuple[int, bytes]] = connection.execute(_OLDEST, (_AT_ONCE,)).fetchall()
        return found

    def _prepare(self) -> None:
        if not self._ready:
            migrate(self._database, _COMPONENT, _STEPS)
            self._ready = True


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
        self._closing = threading.Event()
        self._work = threading.Event()
        if path.exists():
            self._work.set()  # what a server left that ended while the database was away
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
            _log.warning("rows wait in %s until the ledger's database is back: %s", self._spool.name, error)
            return self._keep(batch)

    def waiting_usd(self, kind: ScopeKind, id: str, since: datetime) -> Decimal:
        """See ``Store.waiting_usd``."""
        with as_ledger_errors():
            return sum(
                (row.cost_usd or Decimal(0) for row in self._spool.waiting() if counts_for(row, kind, id, since)),
                Decimal(0),
            )

    def close(self) -> None:
        """Write what waits if the database is there; otherwise the next server does."""
        self._closing.set()
        self._work.set()
        self._thread.join(timeout=_CLOSE_S)
        self._spool.close()

    def _keep(self, batch: Sequence[Entry]) -> list[LedgerError | None]:
        failures = [_fault(entry) for entry in batch]
        try:
            self._spool.keep([entry for entry, failure in zip(batch, failures, strict=True) if failure is None])
        except DatabaseError as error:
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
        except (LedgerError, DatabaseError) as error:
            _log.info("rows still wait in %s: %s", self._spool.name, error)
            return False
        except Exception as error:  # noqa: BLE001 - without this thread what waits would wait for ever
            _log.error("rows still wait in %s: %s", self._spool.name, type(error).__name__)
            return False
        self._away = False
        return True

    def _heard_of(self) -> None:
        if self._away:
            self._away = False
            _log.warning("the ledger's database is back; rows that waited in %s are written", self._spool.name)


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
