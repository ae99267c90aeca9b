"""One PostgreSQL database for several servers.

By psycopg 3: the PostgreSQL project's own Python driver for years, with types, wheels that bring libpq, pipelines for
batches, and plain blocking calls, which is what threads of our own want. asyncpg would be quicker per query, and would
put every write on the event loop.

Our tables live in a schema of their own, ``underdog``, so that a database may be shared with others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg.adapt import Dumper
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from router.configured.secret import Secret
from router.database import postgres_words as words
from router.database.idle import Idle
from router.database.postgres_errors import address, explain, refuse_unclear
from router.database.postgres_listener import Listener
from router.database.watchdog import Watchdog
from router.errors import DatabaseError

SCHEMA = "underdog"

_T = TypeVar("_T")
_Rows = psycopg.Cursor[tuple[Any, ...]]
_GRACE_S = 1.0
# A transaction begins at once or not at all: what lets it wait is no lock.
_BEGIN_S = 2.0
_BATCH = 1000
# Of libpq: a peer that is gone is noticed within half a minute, instead of hours. A URL may say otherwise.
_DEFAULTS = {
    "connect_timeout": "3",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
    "application_name": "underdog",
}
_WRITE = "BEGIN; SET LOCAL statement_timeout = {timeout_ms}"
# A reader may be slow, such as an export into a pipe: nothing waits for it.
_READ = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
    "SET LOCAL statement_timeout = {timeout_ms}; SET LOCAL idle_in_transaction_session_timeout = 0"
)
_MIGRATE = "BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0"
_OF_VALUES = (psycopg.DataError, psycopg.IntegrityError)
_CUT = (psycopg.OperationalError, psycopg.InterfaceError)


class _Text(Dumper):
    # PostgreSQL's text has no NUL, which a caller's may have. What was asked goes into the ledger all the same.
    # Without a type of its own, as psycopg's: what it is compared with or written to says what it is.
    def dump(self, obj: str) -> bytes:
        return (obj.replace("\0", "\ufffd") if "\0" in obj else obj).encode()


class PostgresDatabase:
    """A database by its URL. Nothing is connected to before it is used.

    Args:
        url: ``postgresql://user:password@host:port/database``, with libpq's options as its query.
        announce: the component whose changes others follow: each ``writing`` tells them, and ``changed`` hears of it.
        lock_timeout_s: seconds to wait for what another transaction holds.
        write_timeout_s: seconds for one statement that writes.
        read_timeout_s: the same of one that reads.

    Raises:
        DatabaseError: the URL cannot be understood.
    """

    shared = True

    def __init__(
        self,
        url: Secret,
        *,
        announce: str | None = None,
        lock_timeout_s: float = 5.0,
        write_timeout_s: float = 5.0,
        read_timeout_s: float = 60.0,
    ) -> None:
        refuse_unclear(url)
        given = conninfo_to_dict(url.reveal())
        self._conninfo = Secret(make_conninfo("", **(_DEFAULTS | {"client_encoding": "UTF8"} | given)))
        self._password = Secret(given.get("password") or "")
        self._name = address(given)
        self._lock_timeout_s = lock_timeout_s
        self._write_timeout_s = write_timeout_s
        self._read_timeout_s = read_timeout_s
        self._idle = Idle(self._connect)
        self._watchdog = Watchdog()
        self._channel = f"underdog_{announce}" if announce else None
        self._listener: Listener | None = None
        self._listener_lock = threading.Lock()

    @property
    def name(self) -> str:
        """The address, without user and password."""
        return self._name

    @contextmanager
    def writing(self) -> Iterator[PostgresConnection]:
        """See ``Database.writing``."""
        with self._transaction(_WRITE, self._write_timeout_s) as connection:
            yield connection
            if self._channel is not None:
                connection.execute(f"NOTIFY {self._channel}")

    @contextmanager
    def reading(self) -> Iterator[PostgresConnection]:
        """See ``Database.reading``."""
        with self._transaction(_READ, self._read_timeout_s) as connection:
            yield connection

    @contextmanager
    def schema(self, component: str) -> Iterator[_PostgresSchema]:
        """See ``Database.schema``."""
        with self.reading() as connection:
            yield _PostgresSchema(connection, component)

    @contextmanager
    def migrating(self, component: str) -> Iterator[_PostgresSchema]:
        """See ``Database.migrating``. However long it takes: other servers wait for the one that does it."""
        with self._transaction(_MIGRATE, None) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('underdog migrations', 0))")
            for statement in words.FOUNDATION:
                connection.execute(statement)
            yield _PostgresSchema(connection, component)

    def changed(self) -> object:
        """How often a change was heard of, and a connection made to hear of more: see ``Listener``."""
        if self._channel is None:
            raise ValueError("nobody announces changes of this component")
        with self._listener_lock:
            if self._listener is None:
                self._listener = Listener(self._connect, self._channel)
        return self._listener.heard

    def close(self) -> None:
        """See ``Database.close``."""
        with self._listener_lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        self._idle.close()
        self._watchdog.close()

    @contextmanager
    def _transaction(self, begin: str, timeout_s: float | None) -> Iterator[PostgresConnection]:
        with self._explained():
            connection = self._begun(begin.format(timeout_ms=int((timeout_s or 0) * 1000)))
            connection.limit_s = None if timeout_s is None else timeout_s + _GRACE_S
            try:
                yield connection
                connection.commit()
            except BaseException as error:
                self._let_go(connection, error)
                raise
            self._idle.give_back(connection.raw)

    def _begun(self, begin: str) -> PostgresConnection:
        raw, new = self._idle.take()
        connection = PostgresConnection(raw, self._watchdog)
        try:
            connection.simple(begin)
        except _CUT:
            raw.close()
            if new:
                raise
            # It was cut while nobody used it: nothing was begun, so that a fresh one may do it all.
            connection = PostgresConnection(self._idle.take_new(), self._watchdog)
            connection.simple(begin)
        return connection

    def _let_go(self, connection: PostgresConnection, error: BaseException) -> None:
        """Undo what was begun. A connection that failed is closed: the server may have become a standby meanwhile."""
        if not isinstance(error, psycopg.Error) or isinstance(error, _OF_VALUES):
            with suppress(psycopg.Error):  # the failure that led here is the one to report
                connection.simple("ROLLBACK")
                self._idle.give_back(connection.raw)
                return
        connection.raw.close()

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        connection = psycopg.connect(self._conninfo.reveal(), autocommit=True)
        try:
            connection.adapters.register_dumper(str, _Text)
            # A pooler lets in at once, whatever becomes of the server behind it.
            with self._watchdog.limit(connection, _BEGIN_S):
                connection.execute(
                    f"SET search_path = {SCHEMA}; SET lock_timeout = {int(self._lock_timeout_s * 1000)}; "
                    # A server that froze must not hold its locks for ever.
                    "SET idle_in_transaction_session_timeout = 60000; SET timezone = 'UTC'"
                )
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise explain(error, self._name, self._password) from None


class PostgresConnection:
    """As ``router.database.Connection`` has it.

    Args:
        raw: within a transaction.
        watchdog: cuts the connection where the server has fallen silent.

    Attributes:
        limit_s: seconds of silence; None for any.
    """

    def __init__(self, raw: psycopg.Connection[tuple[Any, ...]], watchdog: Watchdog) -> None:
        self.raw = raw
        self.limit_s: float | None = _BEGIN_S
        self._watchdog = watchdog

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> _Rows:
        """See ``Connection.execute``."""
        return self._watched(lambda: self.raw.execute(words.placeholders(sql), values))

    def executemany(self, sql: str, values: Iterable[Sequence[Any]], /) -> _Rows:
        """See ``Connection.executemany``: in one round trip or few, whatever their number."""
        rows = list(values)
        if len(rows) == 1:  # without the ado of a pipeline
            return self.execute(sql, rows[0])
        cursor = self.raw.cursor()
        self._watched(lambda: cursor.executemany(words.placeholders(sql), rows))
        return cursor

    def stream(self, sql: str, values: Sequence[Any] = (), /) -> Iterator[tuple[Any, ...]]:
        """See ``Connection.stream``: some hundred rows for each round trip."""
        with self.raw.cursor(name="stream") as cursor:
            self._watched(lambda: cursor.execute(words.placeholders(sql), values))
            while rows := self._watched(lambda: cursor.fetchmany(_BATCH)):
                yield from rows

    def simple(self, sql: str) -> _Rows:
        """Run several statements without values in one round trip."""
        return self._watched(lambda: self.raw.execute(sql))

    def commit(self) -> None:
        """End the transaction.

        Raises:
            DatabaseError: a statement of it had failed, and was not heeded.
        """
        if self.simple("COMMIT").statusmessage != "COMMIT":
            raise DatabaseError("a transaction was undone, since one of its statements had failed and was not heeded.")

    def _watched(self, do: Callable[[], _T]) -> _T:
        with self._watchdog.limit(self.raw, self.limit_s):
            return do()


class _PostgresSchema:
    """The number of steps is kept in a table, one row for each component."""

    foreign = False  # the schema is our own by its name

    def __init__(self, connection: PostgresConnection, component: str) -> None:
        self._connection = connection
        self._component = component
        there = connection.execute("SELECT to_regclass('versions')").fetchone()
        found = None
        if there is not None and there[0] is not None:
            found = connection.execute("SELECT version FROM versions WHERE component = ?", (component,)).fetchone()
        self.version = int(found[0]) if found else 0

    def apply(self, statement: str) -> None:
        """In PostgreSQL's words."""
        self._connection.simple(words.translate(statement))

    def reached(self, version: int) -> None:
        """See ``Schema.reached``."""
        self._connection.execute(
            "INSERT INTO versions (component, version) VALUES (?, ?) "
            "ON CONFLICT (component) DO UPDATE SET version = excluded.version",
            (self._component, version),
        )
        self.version = version
