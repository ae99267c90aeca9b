"""The seam between the gateway and whatever answers: one protocol, two kinds of reply."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from router.types import Endpoint, Native, Served

State = Literal["ready", "starting", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class WholeReply:
    """A complete answer: the upstream's JSON body, byte for byte where it speaks OpenAI's protocol."""

    body: bytes
    served: Served
    headers: Mapping[str, str] = field(default_factory=dict)


class StreamReply(Protocol):
    """A streamed answer.

    Iterating gives the payload of each server-sent event (the text after ``data:``, joined over lines, as bytes),
    without the final ``[DONE]``. Iteration ends when ``[DONE]`` came. It raises ``UpstreamBroken`` where the upstream
    stopped without ``[DONE]`` and without a finish reason, ``UpstreamTimeout`` where it fell silent.
    """

    @property
    def served(self) -> Served:
        """Who answers."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None:
        """Let go of the connection, at once and however far the stream has come. May be called twice."""
        ...


def at_hand(reply: StreamReply) -> list[bytes]:
    """The next payloads of a reply, as far as they have come already; of one that cannot tell, none."""
    taken: list[bytes] = reply.at_hand() if hasattr(reply, "at_hand") else []
    return taken


class Upstream(Protocol):
    """What answers requests for one model: an endpoint, or several that stand for one another.

    ``name`` is shown to people and in errors (``weak``, ``strong``); ``model`` is the id that the endpoint knows.
    ``provider`` is the price list's provider id (``openai``, ``anthropic``, ...), ``local`` for models that cost
    nothing per token, or None. ``address`` tells apart endpoints that have a model of one name; it is not for people,
    since a URL may hold a secret.
    """

    @property
    def name(self) -> str:
        """For people and errors: ``weak``, ``strong``, or a deployment's."""
        ...

    @property
    def model(self) -> str:
        """The id that the endpoint knows."""
        ...

    @property
    def provider(self) -> str | None:
        """The price list's id, ``local``, or None."""
        ...

    @property
    def address(self) -> str:
        """What tells it from others of the same name."""
        ...

    @property
    def dialect(self) -> Literal["messages"] | None:
        """The protocol whose requests it takes as they came, where that is not chat completions alone."""
        ...

    @property
    def state(self) -> State:
        """Whether it can be asked now."""
        ...

    async def complete(
        self, body: Mapping[str, Any], *, endpoint: Endpoint = "chat/completions", native: Native | None = None
    ) -> WholeReply:
        """Ask without streaming.

        Args:
            body: the caller's decoded request body, as ``endpoint`` takes it; ``model`` is replaced by our own.
            endpoint: what is asked for. The answer has the form of this endpoint's answers.
            native: the same request in the protocol in which it came, where that is another one.

        Raises:
            UpstreamError: one of its subclasses; see ``router.errors``.
        """
        ...

    async def stream(
        self, body: Mapping[str, Any], *, endpoint: Endpoint = "chat/completions", native: Native | None = None
    ) -> StreamReply:
        """Ask with ``stream: true`` and ``stream_options.include_usage: true``; arguments as for ``complete``.

        Returns when the upstream's status is known; raises as ``complete`` does.
        """
        ...

    async def start(self) -> None:
        """Begin whatever the upstream needs (returns at once; readiness shows in ``state``)."""
        ...

    async def aclose(self) -> None:
        """Let go of connections and child processes."""
        ...
