"""What a caller's protocol must be able to say, so that one exchange serves them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from router.errors import ApiError, UpstreamBroken
from router.types import ChatRequest, Endpoint, Native


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it was understood.

    Args:
        request: what routing and caching read of it, in the form of chat completions.
        body: what an upstream is sent, in the form that the dialect's ``endpoint`` takes; ``model`` and ``stream`` are
            set by who sends it.
        native: the request as it came, where that is another protocol than chat completions.
    """

    request: ChatRequest
    body: Mapping[str, Any]
    native: Native | None = None


class EventStream(Protocol):
    """One streamed answer on its way to the caller: takes what the gateway gives, makes the bytes for the wire.

    What the methods give is complete server-sent events, or nothing where nothing is to be said yet.
    """

    def feed(self, payload: bytes) -> bytes:
        """The events for the next payload of the answer (the text after ``data:`` of a chunk).

        Raises:
            UpstreamBroken: the payload cannot be told in this protocol.
        """
        ...

    def end(self) -> bytes:
        """The events that close an answer that is whole. May raise as ``feed`` does where it is not."""
        ...

    def error(self, error: ApiError, request_id: str) -> bytes:
        """The event that ends an answer that broke off; it must not look whole."""
        ...


class Dialect(Protocol):
    """A protocol that callers speak. Has no state of its own.

    ``endpoint`` is where requests in this protocol go at an upstream; answers come in the form of that endpoint's.
    """

    endpoint: Endpoint

    def parse(self, body: bytes, *, headers: Mapping[str, str], max_messages: int) -> Asked:
        """Understand a request.

        Args:
            body: as it came.
            headers: the request's, names in lower case; only those that belong to the protocol may be kept.
            max_messages: most messages that a conversation may have.

        Raises:
            InvalidRequest: ``param`` names the field at fault, in the caller's protocol.
        """
        ...

    def whole(self, answer: bytes, asked: Asked) -> bytes:
        """A complete answer in the caller's protocol.

        Args:
            answer: the JSON body that the endpoint answered with.
            asked: the request.

        Raises:
            UpstreamBroken: the answer cannot be told in this protocol.
        """
        ...

    def stream(self, asked: Asked) -> EventStream:
        """What turns a streamed answer to ``asked`` into events."""
        ...

    def error(self, error: ApiError, request_id: str) -> bytes:
        """The JSON body of an error; its status and headers are the error's own."""
        ...

    def headers(self, request_id: str) -> dict[str, str]:
        """Headers that the protocol's clients look for in every answer, beside our own."""
        ...


def untellable(what: str) -> UpstreamBroken:
    """The error for an answer that the caller's protocol has no words for, since it is not what it should be."""
    return UpstreamBroken(f"The model's answer cannot be passed on: {what}.", upstream="model")
