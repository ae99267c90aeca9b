"""The protocols that callers speak, each mapped to the one that the gateway speaks: OpenAI's chat completions."""

from router.dialects.base import Asked, Dialect, EventStream, untellable
from router.dialects.chat import CHAT
from router.dialects.messages import MESSAGES

_BY_PATH: dict[str, Dialect] = {"/v1/messages": MESSAGES}


def dialect_of(path: str) -> Dialect:
    """The protocol that a caller of ``path`` speaks, for errors of requests that were not understood."""
    return next((dialect for top, dialect in _BY_PATH.items() if f"{path}/".startswith(f"{top}/")), CHAT)


__all__ = ["CHAT", "MESSAGES", "Asked", "Dialect", "EventStream", "dialect_of", "untellable"]
