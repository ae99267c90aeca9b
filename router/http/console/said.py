"""What was asked and answered, where the ledger keeps it and this server has the keys."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from router.errors import LedgerError, SettingsError
from router.http.services import Services
from router.ledger.opening import prompt_keys
from router.ledger.prompts import Sealed, opened
from router.scoring.prompt import text_of

MOST_CHARS = 300
"""Of a neighbour's prompt."""

_OFF = "Nothing is kept of what is said; `ledger_prompts` keeps it (docs/ledger.md)."
_NOTHING = "Nothing was kept of what was said in this request."


class Said(Struct, frozen=True, kw_only=True):
    """The messages and the answer; or why they cannot be shown."""

    messages: list[dict[str, Any]] | None = None
    answer: str | None = None
    why_no_messages: str | None = None


async def read_said(services: Services, request_id: str, others: Sequence[str]) -> tuple[Said, dict[str, str]]:
    """What was said in a request, and the beginnings of some others' prompts, by their ids.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    ledger = services.gateway.ledger
    found = await ledger.said([request_id, *others])
    if not found:
        return Said(why_no_messages=_NOTHING if ledger.keeps_prompts else _OFF), {}
    return await asyncio.to_thread(_opened, services, request_id, found)


def _opened(services: Services, request_id: str, found: Mapping[str, Sealed]) -> tuple[Said, dict[str, str]]:
    try:
        keys = prompt_keys(services.settings)
    except SettingsError as error:
        return Said(why_no_messages=str(error)), {}
    said, prompts = Said(why_no_messages=_NOTHING), {}
    for name, sealed in found.items():
        try:
            texts = opened(name, sealed, keys)
        except LedgerError as error:
            if name == request_id:
                said = Said(why_no_messages=str(error))
            continue
        if name == request_id:
            said = Said(messages=texts["messages"], answer=texts["answer"])
        else:
            prompts[name] = _beginning(texts["messages"])
    return said, prompts


def _beginning(messages: list[dict[str, Any]]) -> str:
    """Of what the user said last."""
    text = next((text_of(each.get("content")) for each in reversed(messages) if each["role"] == "user"), "")
    return text if len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]}…"
