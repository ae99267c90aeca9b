"""The line that the log has of each request."""

from __future__ import annotations

import logging

from router.types import LedgerRow

logger = logging.getLogger("underdog.requests")

LOGGED = (
    "request_id endpoint outcome status error_code route reason rule cache model deployment attempts stream latency_ms "
    "first_token_ms prompt_tokens completion_tokens cost_usd baseline_cost_usd tenant key_id team"
).split()
"""What of a row the log's line of each request has for fields; those without a value are left out."""


def log_line(row: LedgerRow, trace_id: str | None) -> None:
    """The one line that the log has of each request, where it is to have one."""
    if not logger.isEnabledFor(logging.INFO):
        return
    fields = {name: getattr(row, name) for name in LOGGED} | {"trace_id": trace_id}
    logger.info(
        "request %s %s %s route=%s reason=%s cache=%s latency_ms=%.1f",
        row.request_id,
        row.outcome,
        row.status,
        row.route,
        row.reason,
        row.cache,
        row.latency_ms,
        extra={"fields": {name: value for name, value in fields.items() if value is not None}},
    )
