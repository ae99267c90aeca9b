"""An upstream that speaks OpenAI's chat completions over HTTP: OpenAI itself, Ollama, vLLM, llama.cpp, OpenRouter."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping
from typing import Any, get_args

import httpx
import msgspec
from msgspec import Struct

from router.configured.secret import Secret
from router.errors import UNREADABLE_JSON, UpstreamBroken, UpstreamError, UpstreamRefused
from router.types import Endpoint, Native, Served
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
from router.upstream.manners import TELLS_USAGE, Manners
from router.upstream.refusals import error_in_answer
from router.upstream.streaming import EventStream
from router.upstream.translated import fit_translated

UNNAMED_MODEL = "default"
"""The model id to ask for where neither the settings nor the upstream name one; single-model servers ignore it."""

MODEL_LIST_TIMEOUT_S = 10.0

_MODEL_ID = re.compile(r"[!-~]{1,256}")
"""Ids that may be taken from an upstream's list: they end up in our headers."""


class _Answer(Struct):
    """The little that must be known of a whole answer before it is passed on."""

    choices: list[msgspec.Raw] | None = None
    data: list[msgspec.Raw] | None = None
    error: Any = None


class _Model(Struct):
    id: str


class _ModelList(Struct):
    data: list[_Model] = []


_ANSWER = msgspec.json.Decoder(_Answer)
_MODEL_LIST = msgspec.json.Decoder(_ModelList)


class OpenAICompatibleUpstream(HttpUpstream):
    """Implements `router.upstream.base.Upstream` for an HTTP endpoint.

    Args:
        name: how people and errors call it: ``weak`` or ``strong``.
        base_url: with its ``/v1``; a query string is kept.
        model: the id to ask for; None takes the first that the upstream lists, when it is first needed.
        api_key: sent as a bearer token, or bare in ``key_header`` where that is another header.
        provider: the price list's provider id, ``local``, or None.
        headers: sent with every request, such as an organisation id.
        timeouts: see `Timeouts`.
        key_setting: the setting that holds the key, named when the upstream rejects it.
        max_answer_bytes: limit on a whole answer.
        max_event_bytes: limit on one event of a stream.
        transport: connections to use, which stay their owner's to close; None opens own ones.

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
        key_header: str = "authorization",
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        max_event_bytes: int = MAX_EVENT_BYTES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        key = sendable(api_key, key_setting)
        super().__init__(
            name=name,
            base_url=base_url,
            model=model or UNNAMED_MODEL,
            provider=provider,
            key=key,
            headers=request_headers(key, key_header, headers or {}),
            own_headers=headers or {},
            timeouts=timeouts,
            key_setting=key_setting,
            max_answer_bytes=max_answer_bytes,
            max_event_bytes=max_event_bytes,
            transport=transport,
        )
        self._urls: dict[Endpoint, httpx.URL] = {endpoint: join(base_url, endpoint) for endpoint in get_args(Endpoint)}
        self.address = str(self._urls["chat/completions"])
        self._models_url = join(base_url, "models")
        self._model_known = model is not None
        self._model_lock = asyncio.Lock()
        self._asking_model: asyncio.Task[None] | None = None
        self._manners = Manners(asks_usage=provider not in TELLS_USAGE)

    async def start(self) -> None:
        """Ask for the model id in the background where it is not known; a failure shows with the first request."""
        if not self._model_known:
            self._asking_model = asyncio.create_task(self._ask_model_early())

    async def aclose(self) -> None:
        """Close every connection."""
        if self._asking_model is not None:
            self._asking_model.cancel()
        await super().aclose()

    async def complete(
        self, body: Mapping[str, Any], *, endpoint: Endpoint = "chat/completions", native: Native | None = None
    ) -> WholeReply:
        """See `router.upstream.base.Upstream.complete`; of another protocol's form only that there is one."""
        served = await self._served_at(endpoint, body)
        body = fit_translated(body, native, self.provider)
        manners = self._manners
        try:
            return await self._complete(manners.fit(body, native), endpoint, served)
        except UpstreamRefused as error:
            learned = manners.after(error, body, native)
            if learned is None:
                raise
        reply = await self._complete(learned.fit(body, native), endpoint, served)
        self._manners = learned
        return reply

    async def _complete(self, body: Mapping[str, Any], endpoint: Endpoint, served: Served) -> WholeReply:
        plain = {field: value for field, value in body.items() if field not in {"stream", "stream_options"}}
        payload = msgspec.json.encode(plain | {"model": served.model})
        url = self._urls[endpoint]
        async with self._patience(self._timeouts.total_s), self._exchange("POST", url, payload) as response:
            await self._require_ok(response)
            answer = await self._read(response, self._max_answer_bytes)
        self._check(answer, endpoint)
        return WholeReply(body=answer, served=served, headers=_reply_headers(response))

    async def stream(
        self, body: Mapping[str, Any], *, endpoint: Endpoint = "chat/completions", native: Native | None = None
    ) -> EventStream:
        """See `router.upstream.base.Upstream.stream`."""
        await self._learn_model()
        body = fit_translated(body, native, self.provider)
        manners = self._manners
        try:
            return await self._stream(manners.fit(body, native), endpoint, manners.stream_options(body))
        except UpstreamRefused as error:
            learned = manners.after(error, body, native)
            if learned is None:
                raise
        reply = await self._stream(learned.fit(body, native), endpoint, learned.stream_options(body))
        self._manners = learned
        return reply

    async def _stream(self, body: Mapping[str, Any], endpoint: Endpoint, options: dict[str, Any]) -> EventStream:
        now = asyncio.get_running_loop().time()
        asked = {field: value for field, value in body.items() if field != "stream_options"}
        payload = msgspec.json.encode({**asked, "model": self.model, "stream": True, **options})
        async with self._patience(min(self._timeouts.first_token_s, self._timeouts.total_s)):
            response = await self._send("POST", self._urls[endpoint], payload)
            try:
                await self._require_ok(response)
                await self._require_events(response)
            except BaseException:
                await close(response)
                raise
        return EventStream(
            response,
            served=self.served,
            upstream=self.name,
            first_event_by=now + self._timeouts.first_token_s,
            silence_s=self._timeouts.first_token_s,
            end_by=now + self._timeouts.total_s,
            max_event_bytes=self._max_event_bytes,
            secrets=self._secrets,
        )

    async def _served_at(self, endpoint: Endpoint, body: Mapping[str, Any]) -> Served:
        """Who answers: our own model, but for embeddings the one that is asked for."""
        if endpoint == "embeddings" and isinstance(body.get("model"), str):
            return msgspec.structs.replace(self.served, model=body["model"])
        await self._learn_model()
        return self.served

    async def _require_events(self, response: httpx.Response) -> None:
        kind = content_type(response)
        if kind in {"text/event-stream", ""}:
            return
        if kind == "application/json":
            self._check(await self._read(response, self._max_answer_bytes))
        message = f"The {self.name} upstream was asked to stream and answered with {kind}."
        raise UpstreamBroken(message, upstream=self.name)

    def _check(self, answer: bytes, endpoint: Endpoint = "chat/completions") -> None:
        """Refuse what is no answer, an error object with status 200 above all."""
        try:
            decoded = _ANSWER.decode(answer)
        except UNREADABLE_JSON as error:
            message = f"The {self.name} upstream answered with something that is no chat completion; check its URL."
            raise UpstreamBroken(message, upstream=self.name) from error
        if decoded.error is not None:
            raise error_in_answer(decoded.error, self.name, self._secrets)
        field = "data" if endpoint == "embeddings" else "choices"
        if getattr(decoded, field) is None:
            message = f"The {self.name} upstream answered without `{field}`; check that its URL ends in /v1."
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


def _reply_headers(response: httpx.Response) -> dict[str, str]:
    """The upstream's own request id, which its support will ask for."""
    request_id = response.headers.get("x-request-id")
    return {"x-upstream-request-id": request_id} if request_id else {}
