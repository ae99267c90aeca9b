"""The protocols that callers speak, each mapped to the one that the gateway speaks: OpenAI's chat completions."""

from collections.abc import Mapping

from router.dialects.base import Asked, Dialect, EventStream, untellable
from router.dialects.chat import CHAT
from router.dialects.completions import COMPLETIONS
from router.dialects.embeddings import EMBEDDINGS
from router.dialects.messages import MESSAGES
from router.dialects.responses import RESPONSES

_BY_PATH: dict[str, Dialect] = {"/v1/messages": MESSAGES}


def dialect_of(path: str, headers: Mapping[str, str]) -> Dialect:
    """The protocol of a caller whose request was not understood: known by its path, or by a header of its clients."""
    if "anthropic-version" in headers:
        return MESSAGES
    return next((dialect for top, dialect in _BY_PATH.items() if f"{path}/".startswith(f"{top}/")), CHAT)


__all__ = [
    "CHAT",
    "COMPLETIONS",
    "EMBEDDINGS",
    "MESSAGES",
    "RESPONSES",
    "Asked",
    "Dialect",
    "EventStream",
    "dialect_of",
    "untellable",
]
