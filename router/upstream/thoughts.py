"""What a model thought in earlier turns, in requests that were translated into chat: not every provider takes it back.

DeepSeek, Moonshot and servers of open models read ``reasoning_content``, some insist on it; strict providers refuse a
message with a field that they do not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.types import Native

STRICT = frozenset({"openai", "azure", "groq", "mistral", "cerebras"})
"""Providers that refuse unknown fields of messages, by id."""


def fit_thoughts(body: Mapping[str, Any], native: Native | None, provider: str | None) -> Mapping[str, Any]:
    """The chat request, without the thoughts that its receiver would refuse.

    A caller who speaks chat means what they send: that passes as it is. Signed blocks are Anthropic's alone.
    """
    if native is None:
        return body
    refused = {"thinking_blocks"} | ({"reasoning_content"} if provider in STRICT else set())
    messages = body.get("messages") or ()
    if not any(field in message for message in messages for field in refused):
        return body
    kept = [{name: value for name, value in message.items() if name not in refused} for message in messages]
    return {**body, "messages": kept}
