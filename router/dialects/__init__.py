"""The protocols that callers speak, each mapped to the one that the gateway speaks: OpenAI's chat completions."""

from router.dialects.base import Asked, Dialect, EventStream, untellable
from router.dialects.chat import CHAT

__all__ = ["CHAT", "Asked", "Dialect", "EventStream", "untellable"]
