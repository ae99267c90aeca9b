"""A process of its own that records rows: ``recording_child.py LEDGER MODE``.

``forever``: 16 tasks record until the process is killed; each id is printed once its ``record`` has returned.
``spooled``: the same on the PostgreSQL of ``UNDERDOG_DATABASE_URL``; LEDGER is where rows wait while it is away.
``hundred``: opens, records 100 rows, closes.
``small-disk``: records under a file-size limit until the ledger refuses, then lifts the limit and records once more.
``stranger``: gives up root, then tries to open the ledger.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import resource
import signal
import sys
from pathlib import Path

from router.errors import LedgerError
from router.ledger import Ledger
from tests.ledger.support import a_row

NOBODY = 65534


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def spooled(path: Path) -> None:
    from router.configured.secret import Secret
    from router.database.postgres import PostgresDatabase

    database = PostgresDatabase(Secret(os.environ["UNDERDOG_DATABASE_URL"]))
    await record_forever(Ledger.on(database, spool=path))


async def forever(path: Path) -> None:
    await record_forever(Ledger.open(path))


async def record_forever(ledger: Ledger) -> None:
    numbers = itertools.count()

    async def record_on() -> None:
        for number in numbers:
            request_id = f"{os.getpid()}-{number}"
            await ledger.record(a_row(request_id))
            say(request_id)

    await asyncio.gather(*(record_on() for _ in range(16)))


async def hundred(path: Path) -> None:
    ledger = Ledger.open(path)
    await asyncio.gather(*(ledger.record(a_row(f"{os.getpid()}-{number}")) for number in range(100)))
    await ledger.aclose()


async def small_disk(path: Path) -> None:
    ledger = Ledger.open(path)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, unlimited[1]))
    for number in itertools.count():
        try:
            await ledger.record(a_row(f"req-{number}"))
        except LedgerError as error:
            say(f"refused: {error}")
            break
        say(f"req-{number}")
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    await ledger.record(a_row("req-after"))
    say("req-after")
    await ledger.aclose()


async def stranger(path: Path) -> None:
    if os.geteuid() == 0:
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
    try:
        Ledger.open(path)
    except LedgerError as error:
        say(f"refused: {error}")


if __name__ == "__main__":
    modes = {"forever": forever, "spooled": spooled, "hundred": hundred, "small-disk": small_disk, "stranger": stranger}
    asyncio.run(modes[sys.argv[2]](Path(sys.argv[1])))
