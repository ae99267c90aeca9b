"""The win rates of requests that a threshold decided about: what a share of strong calls is told of."""

from __future__ import annotations

from router.database import Connection
from router.types import NOT_BY_THRESHOLD

# Only constants of our own are put into SQL; values are always bound.
_SELECT = (
    "SELECT win_rate, unfamiliarity FROM requests "  # noqa: S608
    "WHERE artifact = ? AND win_rate IS NOT NULL AND (cache IS NULL OR cache NOT IN ('exact', 'semantic')) "
    f"AND reason NOT IN ({', '.join(repr(reason) for reason in NOT_BY_THRESHOLD)}) "
    "AND (CAST(? AS TEXT) IS NULL OR tenant = ?) ORDER BY seq DESC LIMIT ?"
)


def read_routed(
    connection: Connection, artifact: str, *, last: int, tenant: str | None = None
) -> list[tuple[float, float | None]]:
    """Win rate and unfamiliarity of the newest requests, of one tenant or (None) of all.

    Args:
        connection: to the ledger.
        artifact: the one that scored them, such as ``default/1``.
        last: how many at most.
        tenant: whose.
    """
    return connection.execute(_SELECT, (artifact, tenant, tenant, last)).fetchall()
