"""A request as the gateway takes it, and an answer as it gives it: what HTTP and the gateway hand each other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

from router.principals import Principal
from router.types import ChatRequest, Endpoint, Native, Tuning
from router.upstream.base import StreamReply


@dataclass(frozen=True, slots=True)
class Call:
    """One understood request: the typed view, the whole body, and how the caller wants it routed.

    ``request`` has the form of OpenAI's chat completions, ``body`` that of ``endpoint``; ``native`` is what came, where
    that was another protocol. ``path`` is where it came to, ``headers`` are the caller's, found in lower case.
    ``local_only``: whether the request itself asks to stay on this machine and its network.
    """

    principal: Principal
    request: ChatRequest
    body: Mapping[str, Any]
    tuning: Tuning
    cache_control: str | None = None
    native: Native | None = None
    endpoint: Endpoint = "chat/completions"
    path: str = "/v1/chat/completions"
    headers: Mapping[str, str] = field(default_factory=dict)
    local_only: bool = False

    @property
    def is_local_only(self) -> bool:
        """Whether it may reach nothing but this machine and its network: its key's wish, or its own."""
        return self.local_only or self.principal.local_only

    @property
    def streams(self) -> bool:
        """Whether the caller wants server-sent events."""
        return bool(self.request.stream)

    @property
    def wants_usage_chunk(self) -> bool:
        """Whether the caller asked for the chunk with the token counts."""
        options = self.request.stream_options
        return bool(options and options.include_usage)


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """A complete JSON answer, the upstream's bytes untouched."""

    body: bytes


Batches = AsyncGenerator[list[bytes], None]
"""Payloads of a streamed answer: those that came together in one list, which may be empty."""


class StreamedAnswer:
    """An answer in events. Iterate for the payloads of ``chat.completion.chunk`` events, then ``aclose``."""

    def __init__(self, batches: Batches, reply: StreamReply | None = None) -> None:
        self._batches = batches
        self._reply = reply

    def __aiter__(self) -> Batches:
        return self._batches

    async def aclose(self) -> None:
        """Let go of the upstream, however far the stream has come."""
        await self._batches.aclose()
        if self._reply is not None:
            await self._reply.aclose()


Answer = WholeAnswer | StreamedAnswer
