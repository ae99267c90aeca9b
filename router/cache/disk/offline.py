"""The cache's file where no server runs: the same records, read and let go of straight in SQLite."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from router.cache.clock import anchored_now, carried_on
from router.cache.disk import rows
from router.cache.disk.database import FileTrouble, forget_everything, open_database, read_anchor, trouble_with
from router.cache.inventory import EntryDetail, EntryList, Held, Order, Selection, asks, detail, found_by_id, listed
from router.cache.store import Entry
from router.cache.worth import worth_usd
from router.errors import CacheError

BUSY_TIMEOUT_S = 5.0
_ALL = f"SELECT {rows.COLUMNS} FROM entries"  # noqa: S608 - constants
_ONE = f"{_ALL} WHERE exact = ?"
_NO_BODY = msgspec.Raw(b"")


class OfflineCache:
    """The entries in a cache's file.

    Args:
        path: the file.

    Raises:
        CacheError: from every call, where there is no such file or it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(
        self, selection: Selection, *, order: Order, limit: int, with_questions: bool, asking: str | None = None
    ) -> EntryList:
        """The first ``limit`` of the entries meant, and how many there are. ``asking``: a text in their questions."""
        with self._open() as connection:
            held = _meant(connection, selection)
        found = held if asking is None else [each for each in held if asks(each, asking)]
        return listed(found, order=order, limit=limit, with_questions=with_questions)

    def entry(self, wanted: str) -> EntryDetail:
        """One entry, by its id or the beginning of it."""
        with self._open() as connection:
            return detail(self._one(connection, wanted, _ONE))

    def evict(self, wanted: str) -> str:
        """Let go of one entry; gives its whole id."""
        with self._open() as connection:
            exact = self._one(connection, wanted, _ONE).entry.exact
            rows.delete(connection, [exact])
            return exact.hex()

    def evict_all(self, selection: Selection) -> int:
        """Let go of every entry that is meant; gives how many that were."""
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            evicted = rows.delete(connection, [held.entry.exact for held in _meant(connection, selection)])
            connection.execute("COMMIT")
            if not connection.execute("SELECT count(*) FROM entries").fetchone()[0]:
                forget_everything(connection)
            return evicted

    def _one(self, connection: sqlite3.Connection, wanted: str, whole: str) -> Held:
        found = found_by_id(_meant(connection, Selection()), wanted)
        if len(found) == 1:
            return next(_held(connection, whole, found[0].entry.exact))
        if found:
            raise CacheError(f"Several entries' ids begin with '{wanted[:64]}': give more of it.")
        raise CacheError(f"There is no entry '{wanted[:64]}' in {self.path}; `underdog cache list` lists them.")

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        if not self.path.is_file():
            raise CacheError(f"cache {self.path}: there is no such file; no server has kept answers there yet.")
        try:
            with contextlib.closing(open_database(self.path, busy_timeout_s=BUSY_TIMEOUT_S)) as connection:
                yield connection
        except (sqlite3.Error, OSError, FileTrouble) as error:
            raise CacheError(
                f"cache {self.path}: cannot be used ({trouble_with(error)}); a server sets a damaged file aside when "
                "it starts, and one that is locked or read-only needs whoever holds it."
            ) from error


def _meant(connection: sqlite3.Connection, selection: Selection) -> list[Held]:
    """The living entries that are meant, without their answers' bodies: together these may be large."""
    return [held._replace(entry=_without_body(held.entry)) for held in _held(connection, _ALL) if selection.means(held)]


def _held(connection: sqlite3.Connection, query: str, *parameters: object) -> Iterator[Held]:
    now = carried_on(read_anchor(connection), anchored_now())
    if now is None:
        return
    for row in connection.execute(query, parameters):
        kept = rows.from_row(row, file_time_s=0.0)
        if kept is None or kept.entry.expires_at <= now.file_s:
            continue
        entry = kept.entry
        rank = (1 + kept.hits) * worth_usd(entry.answer) / max(1, entry.size)
        yield Held(entry, kept.hits, max(0.0, now.file_s - entry.stored_at), entry.expires_at - now.file_s, rank)


def _without_body(entry: Entry) -> Entry:
    return msgspec.structs.replace(entry, answer=msgspec.structs.replace(entry.answer, body=_NO_BODY))
