"""Thoughts of earlier turns go back to providers that take them, where the request was translated."""

from __future__ import annotations

from typing import Any

import pytest

from router.types import Native
from router.upstream.thoughts import fit_thoughts

TRANSLATED = Native(dialect="responses", body={})
ANSWER: dict[str, Any] = {"role": "assistant", "content": "Hi."}
BODY = {"messages": [{"role": "user", "content": "Hi?"}, {**ANSWER, "reasoning_content": "Hm.", "thinking_blocks": []}]}


def test_what_a_caller_said_in_chat_passes_as_it_is() -> None:
    assert fit_thoughts(BODY, None, "openai") is BODY


@pytest.mark.parametrize(("provider", "left"), [("openai", {}), (None, {"reasoning_content": "Hm."})])
def test_a_translated_request_keeps_what_its_provider_takes(provider: str | None, left: dict[str, str]) -> None:
    assert fit_thoughts(BODY, TRANSLATED, provider)["messages"][1] == {**ANSWER, **left}


def test_a_request_without_thoughts_is_not_copied() -> None:
    plain = {"messages": [ANSWER]}
    assert fit_thoughts(plain, TRANSLATED, "openai") is plain
