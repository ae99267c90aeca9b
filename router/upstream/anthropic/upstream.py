"""An upstream that speaks Anthropic's ``/v1/messages`` over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Literal

import httpx
import msgspec

from router.configured.secret import Secret
from router.errors import UNREADABLE_JSON, UpstreamBroken
from router.types import NATIVE, Endpoint, Native
from router.upstream.anthropic.fit import fit
from router.upstream.anthropic.models import claude
from router.upstream.anthropic.reply import completion
from router.upstream.anthropic.request import messages_request
from router.upstream.anthropic.stream import ChunkStream, MessageEvents, refused_midway
from router.upstream.anthropic.wire import Message, read_message
from router.upstream.base import WholeReply
from router.upstream.events import MAX_EVENT_BYTES
from router.upstream.http_upstream import (
    MAX_ANSWER_BYTES,
    HttpUpstream,
    Timeouts,
    close,
    content_type,
    join,
    request_headers,
    sendable,
)
from router.upstream.refusals import require_chat

VERSION = "2023-06-01"
"""The ``anthropic-version`` that is spoken where the caller's own request names none."""


BETA = "anthropic-beta"
"""The header that lists what is tried beyond the protocol."""


class AnthropicUpstream(HttpUpstream):
    """Implements `router.upstream.base.Upstream` for an endpoint that speaks Anthropic's protocol.

    Args:
        name: how people and errors call it.
        base_url: with its ``/v1``; a query string is kept.
        model: the id to ask for.
        api_key: sent as ``key_header`` has it.
        provider: the price list's provider id, ``local``, or None.
        headers: sent with every request.
        timeouts: see `Timeouts`.
        key_setting: the setting that holds the key, named when the upstream rejects it.
        key_header: ``x-api-key``, or ``authorization`` for a bearer token.
        max_answer_bytes: limit on a whole answer.
        max_event_bytes: limit on one event of a stream.
        transport: connections to use, which stay their owner's to close; None opens own ones.

    Raises:
        SettingsError: the key cannot be sent in a header.
    """

    dialect: Literal["messages"] | None = "messages"

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        model: str,
        api_key: Secret | None = None,
        provider: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        key_setting: str = "its API key setting",
        key_header: str = "x-api-key",
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        max_event_bytes: int = MAX_EVENT_BYTES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        key = sendable(api_key, key_setting)
        super().__init__(
            name=name,
            base_url=base_url,
            model=model,
            provider=provider,
            key=key,
            headers=request_headers(key, key_header, {"anthropic-version": VERSION, **(headers or {})}),
            own_headers=headers or {},
            timeouts=timeouts,
            key_setting=key_setting,
            max_answer_bytes=max_answer_bytes,
            max_event_bytes=max_event_bytes,
            transport=transport,
        )
        self._operators = {name.lower() for name in headers or {}}
        self._url = join(base_url, "messages")
        self.address = str(self._url)

    async def complete(
        self, body: Mapping[str, Any], *, endpoint: Endpoint = "chat/completions", native: Native | None = None
    ) -> WholeReply:
        """See `router.upstream.base.Upstream.complete`.

        Raises:
            UpstreamError: as the protocol says.
            InvalidRequest: the request asks for something that Anthropic's protocol has not.
        """
        payload = self._payload(body, endpoint, native, stream=False)
        headers = self._headers_for(native)
        async with (
            self._patience(self._timeouts.total_s),
            self._exchange("POST", self._url, payload, headers) as response,
        ):
            await self._require_ok(response)
            answer = await self._read(response, self._max_answer_bytes)
        made = completion(self._message(answer), created=int(time.time()))
        if _is_shared(native):
            made[NATIVE] = msgspec.Raw(answer)
        return WholeReply(body=msgspec.json.encode(made), served=self.served, headers=_reply_headers(response))

    async def stream(
        self, body: Mapping[str, Any], *, endpoint: Endpoint = "chat/completions", native: Native | None = None
    ) -> ChunkStream:
        """See `router.upstream.base.Upstream.stream`; raises as `complete` does."""
        payload = self._payload(body, endpoint, native, stream=True)
        headers = self._headers_for(native)
        now = asyncio.get_running_loop().time()
        async with self._patience(min(self._timeouts.first_token_s, self._timeouts.total_s)):
            response = await self._send("POST", self._url, payload, headers)
            try:
                await self._require_ok(response)
                await self._require_events(response)
            except BaseException:
                await close(response)
                raise
        events = MessageEvents(
            response,
            served=self.served,
            upstream=self.name,
            first_event_by=now + self._timeouts.first_token_s,
            silence_s=self._timeouts.first_token_s,
            end_by=now + self._timeouts.total_s,
            max_event_bytes=self._max_event_bytes,
            secrets=self._secrets,
        )
        return ChunkStream(events, carries_events=_is_shared(native))

    def _payload(self, body: Mapping[str, Any], endpoint: Endpoint, native: Native | None, *, stream: bool) -> bytes:
        require_chat(endpoint, upstream=self.name, model=self.model)
        model = claude(self.model)
        asked = native.body if native is not None and _is_shared(native) else messages_request(body, model)
        return msgspec.json.encode(fit(asked, model) | {"model": self.model, "stream": stream})

    def _headers_for(self, native: Native | None) -> httpx.Headers:
        """Ours, and what the caller said of the protocol: its version, and what is tried beyond it.

        What the operator set stands: the version instead of the caller's, what is tried beside it.
        """
        if native is None:
            return self._headers
        theirs = {name: text for name, text in native.headers.items() if name.startswith("anthropic-")}
        for name in theirs.keys() & self._operators:
            theirs[name] = f"{self._headers[name]}, {theirs[name]}" if name == BETA else self._headers[name]
        return httpx.Headers({**self._headers, **theirs})

    async def _require_events(self, response: httpx.Response) -> None:
        kind = content_type(response)
        if kind in {"text/event-stream", ""}:
            return
        if kind == "application/json":
            self._message(await self._read(response, self._max_answer_bytes))
        message = f"The {self.name} upstream was asked to stream and answered with {kind}."
        raise UpstreamBroken(message, upstream=self.name)

    def _message(self, answer: bytes) -> Message:
        """The message in an answer. What is none is refused, an error with status 200 above all."""
        try:
            message = read_message(answer)
        except UNREADABLE_JSON as error:
            sentence = f"The {self.name} upstream answered with something that is no message; check its URL."
            raise UpstreamBroken(sentence, upstream=self.name) from error
        if message.error is not None:
            raise refused_midway(message.error, self.name, self._secrets)
        if message.content is None:
            sentence = f"The {self.name} upstream answered without `content`; check that its URL ends in /v1."
            raise UpstreamBroken(sentence, upstream=self.name)
        return message


def _is_shared(native: Native | None) -> bool:
    """Whether the caller speaks the same protocol, and may be told everything as it was said."""
    return native is not None and native.dialect == "messages"


def _reply_headers(response: httpx.Response) -> dict[str, str]:
    """The upstream's own request id, which its support will ask for."""
    request_id = response.headers.get("request-id")
    return {"x-upstream-request-id": request_id} if request_id else {}
