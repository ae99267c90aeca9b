"""One id for every request, said in ``x-request-id`` of every answer and in the log."""

from __future__ import annotations

import functools
import itertools
import secrets

from litestar.types import Message, Scope

HEADER = "x-request-id"
_KEY = "underdog_request_id"
_NAME = HEADER.encode()


_count = itertools.count()


def new_request_id() -> str:
    """An id that no other request has, of this process or of another that writes to the same ledger."""
    return f"req_{_process()}{next(_count):012x}"


@functools.cache
def _process() -> str:
    # Drawn once: asking the kernel for every request costs more than the rest of the id.
    return secrets.token_hex(10)


def request_id(scope: Scope) -> str:
    """The id of the request behind a connection scope; made when it is first asked for."""
    state = scope["state"]
    if _KEY not in state:
        state[_KEY] = new_request_id()
    made: str = state[_KEY]
    return made


async def say_request_id(message: Message, scope: Scope) -> None:
    """Litestar's hook before anything is sent: adds the header where the answer does not have it yet."""
    if message["type"] != "http.response.start":
        return
    headers = list(message.get("headers", ()))
    if all(name != _NAME for name, _ in headers):
        message["headers"] = [*headers, (_NAME, request_id(scope).encode())]
