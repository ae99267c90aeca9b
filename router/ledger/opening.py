"""The ledger that the settings ask for."""

from __future__ import annotations

from datetime import timedelta

from router.configured.secret import Secret
from router.database import open_database
from router.ledger.ledger import Ledger
from router.ledger.prompts import prompt_keeper, read_key
from router.ledger.reading import as_ledger_errors
from router.ledger.spool import SPOOL_FILE
from router.settings import Settings


def open_ledger(settings: Settings) -> Ledger:
    """Open or create it; see ``Ledger.on``.

    Raises:
        SettingsError: the key for prompts is none.
        LedgerError: the database cannot be used.
    """
    prompts = prompt_keeper(keep=settings.ledger_prompts, key=settings.ledger_prompts_key)
    with as_ledger_errors():
        database = open_database(settings, "ledger")
    return Ledger.on(
        database,
        prompts=prompts,
        spool=settings.home_path / SPOOL_FILE if database.shared else None,
        keep=None if settings.ledger_keep_days is None else timedelta(days=settings.ledger_keep_days),
    )


def prompt_keys(settings: Settings) -> list[bytes]:
    """The keys that prompts may have been sealed by: the one in use, and those before it.

    Raises:
        SettingsError: one of them is none.
    """
    keys = [] if settings.ledger_prompts_key is None else [read_key(settings.ledger_prompts_key)]
    old = settings.ledger_prompts_old_keys
    olds = old.reveal().split(",") if old is not None else []
    return keys + [read_key(Secret(text), setting="ledger_prompts_old_keys") for text in olds]
