"""Which request it is that something is logged of, however deep below it."""

from __future__ import annotations

from contextvars import ContextVar

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being answered; tasks that it starts have it too."""
