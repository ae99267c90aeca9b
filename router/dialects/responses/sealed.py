"""Reasoning that its model wants back word for word, with its signature: carried in ``encrypted_content``.

Only its maker can read a signature, so nothing is encrypted here; callers hand the field back as they got it. What
OpenAI sealed itself cannot be told to another model, and is left out.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from router.errors import UNREADABLE_JSON

PREFIX = "underdog.thinking:"

_blocks = msgspec.json.Decoder(list[dict[str, Any]])


def seal(blocks: list[dict[str, Any]]) -> str:
    """Thinking blocks as one opaque text."""
    return PREFIX + base64.b64encode(msgspec.json.encode(blocks)).decode()


def unseal(sealed: Any) -> list[dict[str, Any]]:
    """The blocks again; none where they are not ours or damaged."""
    if not isinstance(sealed, str) or not sealed.startswith(PREFIX):
        return []
    try:
        return _blocks.decode(base64.b64decode(sealed.removeprefix(PREFIX), validate=True))
    except (binascii.Error, ValueError, *UNREADABLE_JSON):
        return []
