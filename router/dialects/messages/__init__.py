"""Anthropic's Messages: ``POST /v1/messages`` and ``/v1/messages/count_tokens``, answered by whichever model suffices.

What a request says in Anthropic's terms and chat completions cannot say stays in the native body, for an upstream that
speaks the protocol itself. Field names and events as in Anthropic's API reference, version 2023-06-01.
"""

from router.dialects.messages.dialect import MESSAGES
from router.dialects.messages.request import parse_messages

__all__ = ["MESSAGES", "parse_messages"]
