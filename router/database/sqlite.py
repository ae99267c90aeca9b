"""A SQLite file as a database, and SQLite's complaints as sentences that name a remedy.

Why ``journal_mode=WAL`` with ``synchronous=NORMAL``: a commit writes its pages to the log file and returns without
``fsync``. What a process has written belongs to the kernel, so ``kill -9`` cannot take a committed row back. Only a
power cut or a kernel crash can lose the commits since the last checkpoint, and even then the file stays consistent.
``FULL`` would pay one ``fsync`` per commit to guard against that rarer loss, and readers would gain nothing. In WAL
mode readers do not block the writer, nor the writer readers.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from router.database.idle import Idle
from router.database.money import ExactSum, exact_add
from router.database.wal import enter_wal_mode
from router.errors import DatabaseError, ValueRefused

BUSY_TIMEOUT_S = 5.0

APPLICATION_IDS = {"ledger": 0x55444C47, "accounts": 0x55444143, "spool": 0x55445350}
"""Marks a file as one of Underdog ("UDLG", "UDAC", "UDSP") in SQLite's header, so that no other is taken for one."""

_REMEDIES = {
    "SQLITE_BUSY": "another process keeps it locked; stop that process (a backup, an SQL shell, a second server)",
    "SQLITE_READONLY": "it is read-only; give this user write access to the file and its folder",
    "SQLITE_CANTOPEN": "it cannot be opened; check that the folder exists and that this user may write to it",
    "SQLITE_PERM": "access is denied; give this user write access to the file and its folder",
    "SQLITE_FULL": "the disk is full; free some space, rows are written again as soon as there is room",
    "SQLITE_IOERR": "the disk refuses reads or writes; check free space, quotas and the disk's health",
    "SQLITE_CORRUPT": "the file is damaged; move it aside (with its -wal and -shm files) and restart, or use a backup",
    "SQLITE_NOTADB": "the file is no SQLite database; move it aside or choose another `home`, then restart",
}
_LOG_PAGES = 4000
_REFUSED = (sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError, sqlite3.DataError)


class SqliteConnection(sqlite3.Connection):
    """As ``router.database.Connection`` has it."""

    def stream(self, sql: str, values: Sequence[Any] = (), /) -> Iterator[Any]:
        """The rows one after the other, which is how SQLite gives them anyway."""
        return self.execute(sql, values)


class SqliteDatabase:
    """One file, made and opened when it is first written to, readable by this user only.

    Args:
        path: the file; missing folders are made.
        busy_timeout_s: seconds to wait for another process's lock before giving up.
    """

    shared = False

    def __init__(self, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.path = path
        self._writers = Idle(lambda: connect_writer(path, busy_timeout_s=busy_timeout_s))
        self._readers = Idle(lambda: connect_reader(path, busy_timeout_s=busy_timeout_s))
        self._write_lock = threading.Lock()
        self._watch: sqlite3.Connection | None = None
        self._watch_lock = threading.Lock()

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    @contextmanager
    def writing(self) -> Iterator[SqliteConnection]:
        """See ``Database.writing``. One thread after the other: SQLite would make them wait with less patience."""
        with self._write_lock:
            connection = None
            try:
                connection, _ = self._writers.take()
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                if connection is not None:
                    _roll_back(connection)
                if isinstance(error, sqlite3.Error | OSError):
                    raise explain(error, self.name) from error
                raise
            finally:
                if connection is not None:
                    self._writers.give_back(connection)

    @contextmanager
    def reading(self) -> Iterator[SqliteConnection]:
        """See ``Database.reading``. Statements that write are refused."""
        with self._explained():
            if not self.path.is_file():
                raise DatabaseError(
                    f"{self.name}: there is none; name its folder with --home, or let the server answer first."
                )
            connection, _ = self._readers.take()
            try:
                connection.execute("BEGIN")  # one snapshot for all that is read
                yield connection
            except BaseException:
                connection.close()
                raise
            _roll_back(connection)
            self._readers.give_back(connection)

    @contextmanager
    def schema(self, component: str) -> Iterator[_SqliteSchema]:
        """See ``Database.schema``."""
        with self.reading() as connection:
            yield _SqliteSchema(connection, component)

    @contextmanager
    def migrating(self, component: str) -> Iterator[_SqliteSchema]:
        """See ``Database.migrating``."""
        with self.writing() as connection:
            yield _SqliteSchema(connection, component)

    def changed(self) -> object:
        """SQLite's ``data_version``, as a connection sees it that never writes; None while there is no file."""
        with self._watch_lock:
            try:
                if self._watch is None:
                    self._watch = connect_reader(self.path, busy_timeout_s=0)
                return self._watch.execute("PRAGMA data_version").fetchone()[0]
            except sqlite3.Error:  # not there yet, or being recovered
                return None

    def close(self) -> None:
        """See ``Database.close``."""
        self._writers.close()
        self._readers.close()
        with self._watch_lock:
            watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise explain(error, self.name) from error


class _SqliteSchema:
    """The number of steps is kept in the file's header, and whose file it is."""

    def __init__(self, connection: sqlite3.Connection, component: str) -> None:
        self._connection = connection
        self._application_id = APPLICATION_IDS[component]
        tables = self._number("SELECT count(*) FROM sqlite_schema")
        self.version = self._number("PRAGMA user_version")
        self.foreign = bool(tables) and self._number("PRAGMA application_id") != self._application_id

    def apply(self, statement: str) -> None:
        """The words are SQLite's own."""
        self._connection.execute(statement)

    def reached(self, version: int) -> None:
        """See ``Schema.reached``."""
        self._connection.execute(f"PRAGMA application_id = {self._application_id}")
        self._connection.execute(f"PRAGMA user_version = {version}")
        self.version = version

    def _number(self, sql: str) -> int:
        return int(self._connection.execute(sql).fetchone()[0])


def connect_writer(path: Path, *, busy_timeout_s: float) -> SqliteConnection:
    """Open ``path`` for writing, creating it and its folder, readable by this user only.

    Returns:
        A connection in autocommit mode (transactions are written out) that may be handed to another thread.

    Raises:
        sqlite3.Error, OSError: see ``explain``.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    connection = _connect(str(path), busy_timeout_s=busy_timeout_s)
    try:
        enter_wal_mode(connection, deadline=time.monotonic() + busy_timeout_s)
        connection.execute("PRAGMA synchronous = NORMAL")
        # What is deleted, such as a prompt, is overwritten with zeros rather than left in free pages.
        connection.execute("PRAGMA secure_delete = ON")
        # Pages that change all the time, such as totals, are copied from the log into the file less often.
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path, *, busy_timeout_s: float) -> SqliteConnection:
    """Open ``path`` for reading. The file must exist; statements that write are refused.

    Raises:
        sqlite3.Error: see ``explain``.
    """
    # Not mode=ro: even a reader of a WAL file may have to create the shared-memory file beside it.
    connection = _connect(f"{path.absolute().as_uri()}?mode=rw", busy_timeout_s=busy_timeout_s)
    connection.execute("PRAGMA query_only = ON")
    return connection


def explain(error: Exception, name: str) -> DatabaseError:
    """The sentence for whoever must act: which file, what is wrong with it, and what to do."""
    if isinstance(error, _REFUSED):
        return ValueRefused(f"{name}: a value cannot be stored ({error}).")
    if isinstance(error, OSError):
        return DatabaseError(
            f"{name}: cannot be opened ({error.strerror}); choose a `home` that this user can write to."
        )
    code = getattr(error, "sqlite_errorname", None) or ""
    primary = "_".join(code.split("_")[:2])  # SQLITE_IOERR_WRITE is a kind of SQLITE_IOERR
    remedy = _REMEDIES.get(primary, "this is not expected; please report it with the text in brackets")
    return DatabaseError(f"{name}: {remedy} ({error}).")


def _connect(where: str, *, busy_timeout_s: float) -> SqliteConnection:
    connection = sqlite3.connect(
        where,
        uri=where.startswith("file:"),
        timeout=busy_timeout_s,
        isolation_level=None,
        check_same_thread=False,
        factory=SqliteConnection,
    )
    connection.create_function("exact_add", 2, exact_add, deterministic=True)
    connection.create_aggregate("exact_sum", 1, ExactSum)  # type: ignore[arg-type]
    return connection


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        with suppress(sqlite3.Error):  # the failure that led here is the one to report
            connection.execute("ROLLBACK")
