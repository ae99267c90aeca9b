"""PostgreSQL's complaints as sentences that name a remedy, and never a password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from router.configured.secret import Secret
from router.errors import DatabaseError, ValueRefused

SETTING = "UNDERDOG_DATABASE_URL"

_REMEDIES = {
    "28": f"it does not let this user in; check user and password in {SETTING}, and pg_hba.conf",
    "3D": f"there is no such database; create it, or name another in {SETTING}",
    "53300": "it has no connection left; raise its max_connections, or put a pooler before it",
    "53100": "its disk is full; free some space, rows are written again as soon as there is room",
    "57P": "it stops or starts just now; it is asked again",
    "57014": "it takes too long to answer; see what keeps it busy (pg_stat_activity)",
    "55P03": "another transaction keeps a lock; see which (pg_stat_activity), and end it",
    "42501": "this user may not; let it create and use the schema `underdog` (GRANT CREATE ON DATABASE)",
    "25006": f"it takes no writes; name the primary in {SETTING} (or add target_session_attrs=read-write)",
    "40": "another server wrote at the same moment; try again",
    "08": "the connection was cut; check that PostgreSQL runs and can be reached from here",
}
# While a connection is made, libpq gives no code but the server's words.
_SPOKEN = (
    ("password", "28"),
    ("no pg_hba.conf entry", "28"),
    ("role ", "28"),
    ("database ", "3D"),
    ("too many", "53300"),
    ("connection slots", "53300"),
    ("starting up", "57P"),
    ("shutting down", "57P"),
    ("read-only", "25006"),
)
_SILENT = "no connection, or it was cut; check that PostgreSQL runs and can be reached from here"
_UNEXPECTED = "this is not expected; please report it with the text in brackets"


def refuse_unclear(url: Secret) -> None:
    """Raise ``DatabaseError`` where the URL is none, or part of its password could be taken for something else."""
    text = url.reveal()
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in {"postgresql", "postgres"}:
        raise DatabaseError(f"{SETTING}: must look like postgresql://user:password@host:5432/database.")
    # libpq would read a host out of the middle of such a password, and tell it to everybody.
    authority = rest.split("/", 1)[0].split("?", 1)[0]
    if rest.count("@") > 1 or ("@" in rest and "@" not in authority) or "#" in rest:
        raise DatabaseError(
            f"{SETTING}: write special characters in user and password as %XX (@ as %40, / as %2F, ? as %3F, # as %23)."
        )
    try:
        conninfo_to_dict(text)
    except psycopg.Error:
        # Without libpq's own text: it may quote any part of the URL.
        raise DatabaseError(
            f"{SETTING}: cannot be understood; it must look like postgresql://user:password@host:5432/database."
        ) from None


def address(parts: Mapping[str, Any]) -> str:
    """How messages call the database."""
    host = parts.get("host") or parts.get("hostaddr") or "localhost"
    port = f":{parts['port']}" if parts.get("port") else ""
    return f"postgresql://{host}{port}/{parts.get('dbname') or parts.get('user') or ''}"


def explain(error: psycopg.Error, name: str, password: Secret) -> DatabaseError:
    """The sentence for whoever must act: which database, what is wrong with it, and what to do."""
    if isinstance(error, psycopg.DataError | psycopg.IntegrityError):
        # By its kind alone: PostgreSQL quotes the value.
        return ValueRefused(f"{name}: a value cannot be stored ({type(error).__name__}).")
    state = error.sqlstate or _spoken(str(error))
    for length in (5, 3, 2):
        if remedy := _REMEDIES.get(state[:length]):
            return DatabaseError(f"{name}: {remedy} ({type(error).__name__}).")
    if not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return DatabaseError(f"{name}: {_SILENT} ({_first_line(error, password)}).")
    return DatabaseError(f"{name}: {_UNEXPECTED} ({type(error).__name__}: {_first_line(error, password)}).")


def _spoken(text: str) -> str:
    _, fatal, words = text.partition("FATAL: ")
    return next((code for phrase, code in _SPOKEN if phrase in words), "") if fatal else ""


def _first_line(error: psycopg.Error, password: Secret) -> str:
    text = (error.diag.message_primary or str(error)).strip().partition("\n")[0]
    return text.replace(password.reveal(), "***") if password.reveal() else text
