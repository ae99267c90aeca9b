"""An upstream that speaks OpenAI's chat completions over HTTP: OpenAI itself, Ollama, vLLM, llama.cpp, OpenRouter."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from router.errors import (
    UNREADABLE_JSON,
    SettingsError,
    UpstreamBroken,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from router.settings import Secret
from router.upstream.base import State, WholeReply
from router.upstream.events import MAX_EVENT_BYTES
from router.upstream.refusals import MAX_ERROR_BYTES, error_in_answer, refusal
from router.upstream.streaming import EventStream
from router.upstream.transport import FOREIGN_ERRORS, lost_before_an_answer, open_transport, pieces, translate

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Largest answer accepted from an upstream that does not stream."""

UNNAMED_MODEL = "default"
"""The model id to ask for where neither the settings nor the upstream name one; single-model servers ignore it."""

MODEL_LIST_TIMEOUT_S = 10.0

BOUNDED_CODINGS = frozenset({"", "identity", "gzip", "deflate"})
"""Content codings that are read. We ask for none; these two at least cannot grow beyond a thousandfold, so that a piece
of the wire stays a few megabytes. Brotli, zstd and codings within codings have no such bound."""

_MODEL_ID = re.compile(r"[!-~]{1,256}")
"""Ids that may be taken from an upstream's list: they end up in our headers."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds of patience with an upstream.

    ``connect_s`` covers name look-up, TCP and TLS. ``first_token_s`` runs from the request to the first event of a
    stream and bounds each silence after it; a request that does not stream has only ``total_s``, since its first byte
    comes when the whole answer is there.
    """

    connect_s: float = 5.0
    first_token_s: float = 120.0
    total_s: float = 600.0


class _Answer(Struct):
    """The little that must be known of a whole answer before it is passed on."""

    choices: list[msgspec.Raw] | None = None
    error: Any = None


class _Model(Struct):
    id: str


class _ModelList(Struct):
    data: list[_Model] = []


_ANSWER = msgspec.json.Decoder(_Answer)
_MODEL_LIST = msgspec.json.Decoder(_ModelList)


class OpenAICompatibleUpstream:
    """Implements `router.upstream.base.Upstream` for an HTTP endpoint.

    Args:
        name: how people and errors call it: ``weak`` or ``strong``.
        base_url: with its ``/v1``; a query string is kept.
        model: the id to ask for; None takes the first that the upstream lists, when it is first needed.
        api_key: sent as a bearer token.
        provider: the price list's provider id, ``local``, or None.
        headers: sent with every request, such as an organisation id.
        timeouts: see `Timeouts`.
        key_setting: the setting that holds the key, named when the upstream rejects it.
        max_answer_bytes: limit on a whole answer.
        max_event_bytes: limit on one event of a stream.

    Raises:
        SettingsError: the key cannot be sent in a header.
    """

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        model: str | None = None,
        api_key: Secret | None = None,
        provider: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        key_setting: str = "its API key setting",
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        max_event_bytes: int = MAX_EVENT_BYTES,
    ) -> None:
        self.name = name
        self.model = model or UNNAMED_MODEL
        self.provider = provider
        self._chat_url = _join(base_url, "chat/completions")
        self.address = str(self._chat_url)
        self._models_url = _join(base_url, "models")
        self._key = _sendable(api_key, key_setting) if api_key else ""
        self._headers = httpx.Headers(_request_headers(self._key, headers or {}))
        self._timeouts = timeouts or Timeouts()
        self._extensions = {"timeout": {"connect": self._timeouts.connect_s, "pool": self._timeouts.connect_s}}
        self._key_setting = key_setting
        self._max_answer_bytes = max_answer_bytes
        self._max_event_bytes = max_event_bytes
        self._transport = open_transport(base_url)
        self._state: State = "unknown"
        self._model_known = model is not None
        self._model_lock = asyncio.Lock()
        self._asking_model: asyncio.Task[None] | None = None

    @property
    def state(self) -> State:
        """``ready`` once it has answered anything at all, ``failed`` where the last attempt found nobody."""
        return self._state

    async def start(self) -> None:
        """Ask for the model id in the background where it is not known; a failure shows with the first request."""
        if not self._model_known:
            self._asking_model = asyncio.create_task(self._ask_model_early())

    async def aclose(self) -> None:
        """Close every connection."""
        if self._asking_model is not None:
            self._asking_model.cancel()
        await self._transport.aclose()

    async def complete(self, body: Mapping[str, Any]) -> WholeReply:
        """See `router.upstream.base.Upstream.complete`."""
        await self._learn_model()
        plain = {field: value for field, value in body.items() if field not in {"stream", "stream_options"}}
        payload = msgspec.json.encode(plain | {"model": self.model})
        async with self._patience(self._timeouts.total_s), self._exchange("POST", self._chat_url, payload) as response:
            await self._require_ok(response)
            answer = await self._read(response, self._max_answer_bytes)
        self._check(answer)
        return WholeReply(body=answer, headers=_reply_headers(response))

    async def stream(self, body: Mapping[str, Any]) -> EventStream:
        """See `router.upstream.base.Upstream.stream`."""
        await self._learn_model()
        now = asyncio.get_running_loop().time()
        options = dict(body.get("stream_options") or {}) | {"include_usage": True}
        payload = msgspec.json.encode({**body, "model": self.model, "stream": True, "stream_options": options})
        async with self._patience(min(self._timeouts.first_token_s, self._timeouts.total_s)):
            response = await self._send("POST", self._chat_url, payload)
            try:
                await self._require_ok(response)
                await self._require_events(response)
            except BaseException:
                await _close(response)
                raise
        return EventStream(
            response,
            upstream=self.name,
            first_event_by=now + self._timeouts.first_token_s,
            silence_s=self._timeouts.first_token_s,
            end_by=now + self._timeouts.total_s,
            max_event_bytes=self._max_event_bytes,
            key=self._key,
        )

    async def _send(self, method: str, url: httpx.URL, payload: bytes | None) -> httpx.Response:
        # A stream and not content, for which httpx would look through the headers again: a tenth of the exchange.
        body = httpx.ByteStream(payload or b"")
        request = httpx.Request(method, url, headers=self._headers, stream=body, extensions=self._extensions)
        try:
            response = await self._send_past_stale_connections(request)
        except FOREIGN_ERRORS as error:
            ours = translate(error, self.name)
            if isinstance(ours, UpstreamUnreachable):
                self._state = "failed"
            raise ours from error
        response.request = request
        self._state = "ready"
        await self._require_bounded(response)
        return response

    async def _send_past_stale_connections(self, request: httpx.Request) -> httpx.Response:
        """Send, and once more where the connection was lost before an answer.

        An upstream that restarts or tires of waiting closes connections that we keep, and we may learn of it only by
        using one. Asking twice is safe here: a chat request changes nothing at the upstream.
        """
        try:
            return await self._transport.handle_async_request(request)
        except FOREIGN_ERRORS as error:
            if not lost_before_an_answer(error):
                raise
        return await self._transport.handle_async_request(request)

    @contextlib.asynccontextmanager
    async def _exchange(
        self, method: str, url: httpx.URL, payload: bytes | None = None
    ) -> AsyncIterator[httpx.Response]:
        response = await self._send(method, url, payload)
        try:
            yield response
        finally:
            await _close(response)

    @contextlib.asynccontextmanager
    async def _patience(self, seconds: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            message = f"The {self.name} upstream gave no answer within {seconds:g} seconds."
            raise UpstreamTimeout(message, upstream=self.name) from error

    async def _read(self, response: httpx.Response, limit: int) -> bytes:
        """The body of a response, refusing to hold more than ``limit`` bytes."""
        body = await self._read_at_most(response, limit + 1)
        if len(body) > limit:
            message = f"The {self.name} upstream sent an answer of more than {limit} bytes."
            raise UpstreamBroken(message, upstream=self.name)
        return body

    async def _read_at_most(self, response: httpx.Response, count: int) -> bytes:
        """The first bytes of a body; what follows is left unread."""
        read, held = [], 0
        try:
            async for piece in pieces(response):
                read.append(piece)
                held += len(piece)
                if held >= count:
                    break
        except FOREIGN_ERRORS as error:
            raise translate(error, self.name) from error
        return b"".join(read)[:count]

    async def _require_ok(self, response: httpx.Response) -> None:
        if response.status_code == 200:
            return
        body = await self._read_at_most(response, MAX_ERROR_BYTES)
        raise refusal(response, body, upstream=self.name, key=self._key, key_setting=self._key_setting)

    async def _require_bounded(self, response: httpx.Response) -> None:
        coding = response.headers.get("content-encoding", "").strip().lower()
        if coding not in BOUNDED_CODINGS:
            await _close(response)
            message = f"The {self.name} upstream compressed its answer although it was asked not to."
            raise UpstreamBroken(message, upstream=self.name)

    async def _require_events(self, response: httpx.Response) -> None:
        kind = _content_type(response)
        if kind in {"text/event-stream", ""}:
            return
        if kind == "application/json":
            self._check(await self._read(response, self._max_answer_bytes))
        message = f"The {self.name} upstream was asked to stream and answered with {kind}."
        raise UpstreamBroken(message, upstream=self.name)

    def _check(self, answer: bytes) -> None:
        """Refuse what is no chat answer, an error object with status 200 above all."""
        try:
            decoded = _ANSWER.decode(answer)
        except UNREADABLE_JSON as error:
            message = f"The {self.name} upstream answered with something that is no chat completion; check its URL."
            raise UpstreamBroken(message, upstream=self.name) from error
        if decoded.error is not None:
            raise error_in_answer(decoded.error, self.name, self._key)
        if decoded.choices is None:
            message = f"The {self.name} upstream answered without `choices`; check that its URL ends in /v1."
            raise UpstreamBroken(message, upstream=self.name)

    async def _ask_model_early(self) -> None:
        with contextlib.suppress(UpstreamError):
            await self._learn_model()

    async def _learn_model(self) -> None:
        """Settle ``model`` where the settings left it open. Asks once, whoever comes first."""
        if self._model_known:
            return
        async with self._model_lock:
            if not self._model_known:
                self.model = await self._first_listed_model()
                self._model_known = True

    async def _first_listed_model(self) -> str:
        async with self._patience(MODEL_LIST_TIMEOUT_S), self._exchange("GET", self._models_url) as response:
            if response.status_code == 404:  # a single-model server without a list
                return UNNAMED_MODEL
            await self._require_ok(response)
            body = await self._read(response, self._max_answer_bytes)
        try:
            models = _MODEL_LIST.decode(body).data
        except UNREADABLE_JSON:
            models = []
        return next((model.id for model in models[:1] if _MODEL_ID.fullmatch(model.id)), UNNAMED_MODEL)


def _join(base_url: str, path: str) -> httpx.URL:
    base = httpx.URL(base_url)
    return base.copy_with(path=f"{base.path.rstrip('/')}/{path}")


def _sendable(api_key: Secret, setting: str) -> str:
    """The key itself, without the line end that a file or a paste may have left on it."""
    key = api_key.reveal().strip()
    if not (key.isascii() and key.isprintable()):
        raise SettingsError(f"{setting}: holds characters that no HTTP header can carry; copy the key again.")
    return key


def _request_headers(key: str, extra: Mapping[str, str]) -> dict[str, str]:
    headers = {
        "accept": "application/json, text/event-stream",
        "accept-encoding": "identity",  # compressed pieces of a stream would wait for one another
        "content-type": "application/json",
        "user-agent": "underdog",
    }
    if key:
        headers["authorization"] = f"Bearer {key}"
    return headers | {name.lower(): value for name, value in extra.items()}


def _reply_headers(response: httpx.Response) -> dict[str, str]:
    """The upstream's own request id, which its support will ask for."""
    request_id = response.headers.get("x-request-id")
    return {"x-upstream-request-id": request_id} if request_id else {}


def _content_type(response: httpx.Response) -> str:
    content_type: str = response.headers.get("content-type", "")
    return content_type.partition(";")[0].strip().lower()


async def _close(response: httpx.Response) -> None:
    with contextlib.suppress(*FOREIGN_ERRORS):
        await response.aclose()
