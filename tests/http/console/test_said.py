"""What was said is shown where it was kept and this server has the key; else it is said why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from router.app import create_app
from router.configured.secret import Secret
from router.http.console.said import MOST_CHARS, Said, read_said
from router.ledger.opening import open_ledger
from router.ledger.prompts import Exchange, new_key
from router.settings import Settings
from router.types import ChatRequest, Message
from tests.ledger.support import a_row

KEY, OTHER = new_key(), new_key()
PARTS = [{"type": "text", "text": "Where is it?"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
MESSAGES = [
    Message(role="system", content="Be brief."),
    Message(role="user", content="x" * 1_000),
    Message(role="assistant", content=None),
    Message(role="user", content=PARTS),
]


async def look(home: Path, **now: Any) -> tuple[Said, dict[str, str]]:
    """Look at what a server kept under ``KEY`` from one with the settings of ``now``."""
    ledger = open_ledger(Settings(home=str(home), ledger_prompts=True, ledger_prompts_key=Secret(KEY)))
    await ledger.submit(a_row("req-1"), Exchange(ChatRequest(messages=MESSAGES), "<b>There.</b>"))
    await ledger.submit(a_row("req-2"), Exchange(ChatRequest(messages=MESSAGES[:2]), ""))
    await ledger.submit(a_row("req-3"))
    await ledger.aclose()
    app = create_app(Settings(home=str(home), weak_url="http://127.0.0.1:9/v1", weak_model="m", cache=False, **now))
    try:
        return await read_said(app.state.services, "req-1", ["req-1", "req-2", "req-3", "req-4"])
    finally:
        await app.state.gateway.ledger.aclose()


async def test_messages_of_every_shape_are_shown_and_neighbours_by_what_the_user_said_last(tmp_path: Path) -> None:
    said, prompts = await look(tmp_path, ledger_prompts_key=Secret(KEY))
    assert said.messages is not None
    assert [each["role"] for each in said.messages] == ["system", "user", "assistant", "user"]
    assert said.messages[-1]["content"] == PARTS
    assert said.answer == "<b>There.</b>"
    assert prompts == {"req-2": "x" * MOST_CHARS + "…"}


async def test_an_earlier_key_reads_as_well(tmp_path: Path) -> None:
    said, _ = await look(tmp_path, ledger_prompts_key=Secret(OTHER), ledger_prompts_old_keys=Secret(KEY))
    assert said.answer == "<b>There.</b>"


@pytest.mark.parametrize("now", [{}, {"ledger_prompts_key": Secret(OTHER)}])
async def test_without_the_key_it_is_said_which_is_missing_and_nothing_is_shown(
    tmp_path: Path, now: dict[str, Any]
) -> None:
    said, prompts = await look(tmp_path, **now)
    assert (said.messages, said.answer, prompts) == (None, None, {})
    assert said.why_no_messages is not None
    assert "ledger_prompts_old_keys" in said.why_no_messages
    assert KEY not in said.why_no_messages
