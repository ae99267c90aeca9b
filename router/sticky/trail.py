"""What tells a conversation from all others: a digest that rolls over tenant and messages."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from router.types import Message

WHOLE_CHARS = 8_192
"""A longer text goes into the digest by its length, head and tail: a document is not read through for this."""

_EDGE = WHOLE_CHARS // 2
_DIGEST_BYTES = 16

_encode = msgspec.json.Encoder(order="deterministic").encode


class Trail(NamedTuple):
    """The digests of one request.

    ``own``: of all its messages; a later request that goes on with the conversation has it among its ``known``.
    ``known``: of what was asked before each of the model's turns, newest first, with the number of messages it covers.
    """

    own: bytes
    known: tuple[tuple[bytes, int], ...]


def trail(tenant: str, messages: Sequence[Message]) -> Trail:
    """The digests of a request's messages; tenants never share one."""
    digest = hashlib.blake2b(tenant.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES)
    known = []
    before: str = ""
    for number, message in enumerate(messages):
        # Of several turns of the model's in a row, only before the first one had a request ended.
        if message.role == "assistant" and before != "assistant" and number:
            known.append((digest.copy().digest(), number))
        before = message.role
        part = _bytes_of(message)
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return Trail(digest.digest(), tuple(reversed(known)))


def _bytes_of(message: Message) -> bytes:
    content = message.content
    if isinstance(content, str) and len(content) > WHOLE_CHARS:
        content = f"{len(content)} {content[:_EDGE]}{content[-_EDGE:]}"
        message = msgspec.structs.replace(message, content=content)
    encoded = _encode(message)
    if len(encoded) > 4 * WHOLE_CHARS:
        return b"%d " % len(encoded) + encoded[:_EDGE] + encoded[-_EDGE:]
    return encoded
