"""The protocols that callers speak, each mapped to the one that the gateway speaks: OpenAI's chat completions."""

from router.dialects.base import Asked, Dialect, EventStream, untellable
from router.dialects.chat import CHAT
from router.dialects.completions import COMPLETIONS
from router.dialects.embeddings import EMBEDDINGS
from router.dialects.responses import RESPONSES

__all__ = ["CHAT", "COMPLETIONS", "EMBEDDINGS", "RESPONSES", "Asked", "Dialect", "EventStream", "untellable"]
