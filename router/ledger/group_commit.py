"""Group commit: callers on event loops hand in rows; one thread writes all that are waiting in one transaction.

There is no timer. While one batch is being committed the next one gathers, and rows handed in within one turn of the
event loop wake the thread once, at its end: a lone row is written at once and a crowd shares the cost of a commit, and
of the thread and the loop having to wait for each other.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from router.errors import LedgerError
from router.ledger.store import Entry

Commit = Callable[[list[Entry]], Sequence[LedgerError | None]]
"""Writes rows durably and says for each whether it failed. Raises ``LedgerError`` when none could be written."""


class _Waiting(NamedTuple):
    entry: Entry
    done: asyncio.Future[None]


class GroupCommit:
    """A writer thread and the rows that wait for it.

    Args:
        commit: called on the writer thread only, one batch at a time.
    """

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._waiting: list[_Waiting] = []
        self._closing = False
        self._waker: asyncio.AbstractEventLoop | None = None  # wakes the thread at the end of its turn
        self._wake = threading.Condition()
        # A daemon: a server that dies without closing must not hang in its exit. Rows not yet written were not
        # acknowledged either.
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def submit(self, entry: Entry) -> asyncio.Future[None]:
        """Queue a row.

        Returns:
            A future of the running loop that is done once the row is committed, or holds the ``LedgerError``.
            Cancelling it does not call the row back.

        Raises:
            LedgerError: after ``close``.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        with self._wake:
            if self._closing:
                raise LedgerError("the ledger is closed; this request came after the server began to stop.")
            self._waiting.append(_Waiting(entry, done))
            if self._waker is not loop:
                self._waker = loop
                loop.call_soon(self._wake_up)
        return done

    def close(self) -> None:
        """Refuse new rows, write those that wait, and end the thread. Blocks until then; may be called twice."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _wake_up(self) -> None:
        with self._wake:
            self._waker = None
            self._wake.notify()

    def _run(self) -> None:
        while batch := self._next_batch():
            _announce(batch, self._write([waiting.entry for waiting in batch]))

    def _next_batch(self) -> list[_Waiting]:
        """All rows that wait, after waiting for at least one; empty when closed and drained."""
        with self._wake:
            self._wake.wait_for(lambda: self._waiting or self._closing)
            batch, self._waiting = self._waiting, []
        return batch

    def _write(self, entries: list[Entry]) -> Sequence[LedgerError | None]:
        try:
            return self._commit(entries)
        except LedgerError as error:
            # One error object each: a traceback grows wherever an error is raised, and these are raised in many tasks.
            return [LedgerError(str(error)) for _ in entries]
        except Exception as error:  # noqa: BLE001 - without this thread every later request would wait for ever
            # By its kind alone: a foreign error may quote what was said.
            return [LedgerError(f"ledger: a row cannot be written ({type(error).__name__}).") for _ in entries]


def _announce(batch: list[_Waiting], results: Sequence[LedgerError | None]) -> None:
    """Wake the callers, with one call into each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[None], LedgerError | None]]] = {}
    for waiting, result in zip(batch, results, strict=True):
        by_loop.setdefault(waiting.done.get_loop(), []).append((waiting.done, result))
    for loop, outcomes in by_loop.items():
        with contextlib.suppress(RuntimeError):  # that loop has been closed: nobody is left to tell
            loop.call_soon_threadsafe(_settle, outcomes)


def _settle(outcomes: list[tuple[asyncio.Future[None], LedgerError | None]]) -> None:
    for done, failure in outcomes:
        if done.done():  # cancelled by its caller
            continue
        if failure is None:
            done.set_result(None)
        else:
            done.set_exception(failure)
