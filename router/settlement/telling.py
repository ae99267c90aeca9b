"""Who is told of a request that has ended: the log, its trace, and whoever counts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

from router.settlement.attempt import attempt
from router.settlement.log import log_line
from router.tracing import Trace
from router.types import LedgerRow


def tell(row: LedgerRow, *, trace: Trace, witnesses: Iterable[Callable[[LedgerRow], None]]) -> None:
    """Tell them all. Whoever fails keeps it from none of the others; never raises.

    Args:
        row: the request, as the ledger keeps it.
        trace: what it has told of its way; ends here.
        witnesses: whoever else wants to know.
    """
    attempt(row.request_id, "logging it", lambda: log_line(row, trace.id))
    attempt(row.request_id, "tracing it", lambda: trace.settled(row))
    for witness in witnesses:
        attempt(row.request_id, "telling of it", functools.partial(witness, row))
