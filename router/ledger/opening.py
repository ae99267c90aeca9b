"""The ledger that the settings ask for."""

from __future__ import annotations

from router.database import open_database
from router.ledger.ledger import Ledger
from router.ledger.reading import as_ledger_errors
from router.settings import Settings


def open_ledger(settings: Settings) -> Ledger:
    """Open or create it; see ``Ledger.on``.

    Raises:
        LedgerError: the database cannot be used.
    """
    with as_ledger_errors():
        database = open_database(settings, "ledger")
    return Ledger.on(database)
