"""Asking an upstream at the endpoint that a call is for, or by chat where it lacks that one."""

from __future__ import annotations

from collections.abc import AsyncIterator

from router.calls import Call
from router.dialects import completions
from router.errors import UpstreamRefused
from router.types import Native, Served
from router.upstream.base import StreamReply, Upstream, WholeReply

NO_SUCH_ENDPOINT = frozenset({404, 405, 501})
"""What a server answers at a path that it does not have; OpenAI says 404 as well of a model that only chats."""

WITHOUT_COMPLETIONS = frozenset({"anthropic"})
"""Providers that are known to have no completions."""


class Endpoints:
    """Asks upstreams, and remembers which of them have no completions: those are asked by chat."""

    def __init__(self) -> None:
        self._only_chat: set[tuple[str, str]] = set()

    async def complete(self, upstream: Upstream, call: Call) -> WholeReply:
        """See `router.upstream.base.Upstream.complete`.

        Raises:
            UpstreamError: it failed.
            InvalidRequest: it only chats, and chat cannot express the request.
        """
        if not self._by_chat(upstream, call):
            try:
                return await upstream.complete(call.body, endpoint=call.endpoint, native=call.native)
            except UpstreamRefused as error:
                _require_missing(error, call)
        reply = await upstream.complete(completions.to_chat(call.body), native=_native(call))
        self._only_chat.add(_who(upstream))
        return WholeReply(completions.of_chat(reply.body), reply.served, reply.headers)

    async def stream(self, upstream: Upstream, call: Call) -> StreamReply:
        """See `router.upstream.base.Upstream.stream`; raises as ``complete`` does."""
        if not self._by_chat(upstream, call):
            try:
                return await upstream.stream(call.body, endpoint=call.endpoint, native=call.native)
            except UpstreamRefused as error:
                _require_missing(error, call)
        reply = await upstream.stream(completions.to_chat(call.body), native=_native(call))
        self._only_chat.add(_who(upstream))
        return _Completing(reply)

    def _by_chat(self, upstream: Upstream, call: Call) -> bool:
        if call.endpoint != "completions":
            return False
        return upstream.provider in WITHOUT_COMPLETIONS or _who(upstream) in self._only_chat


class _Completing:
    """Implements `router.upstream.base.StreamReply`: a chat stream, told as a completion."""

    def __init__(self, reply: StreamReply) -> None:
        self._reply = reply
        self._payloads = aiter(reply)

    @property
    def served(self) -> Served:
        """Who answers."""
        return self._reply.served

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return completions.of_chat(await anext(self._payloads))

    async def aclose(self) -> None:
        """Let go of the chat stream."""
        await self._reply.aclose()


def _native(call: Call) -> Native:
    return Native(dialect="completions", body=dict(call.body))


def _who(upstream: Upstream) -> tuple[str, str]:
    return upstream.address, upstream.model


def _require_missing(error: UpstreamRefused, call: Call) -> None:
    """Let only that pass which may mean that the upstream has no completions."""
    if call.endpoint != "completions" or error.upstream_status not in NO_SUCH_ENDPOINT:
        raise error
