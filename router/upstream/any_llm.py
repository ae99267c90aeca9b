"""Everything else: the providers that the library any-llm speaks to (Mozilla, Apache-2.0), an extra of its own.

It is loaded when a deployment names it, in a thread, and never else. It was chosen over LiteLLM's SDK by what both cost
(any-llm-sdk 1.40.2 and litellm 1.110.2, two cores, Python 3.11): 26 packages and 45 MB installed against 60 and 230 MB,
1.8 s of CPU and 80 MB of memory to import against 5.5 s and 207 MB; its releases ask for no price list over the network
when they are imported, and carry no proxy server. LiteLLM 1.107.0 was a compromised release.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal, Self

import msgspec

from router.configured.secret import Secret
from router.errors import (
    KEY_REJECTED,
    InvalidRequest,
    SettingsError,
    UpstreamBroken,
    UpstreamError,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from router.types import Endpoint, Native, Served
from router.upstream.base import State, WholeReply
from router.upstream.http_upstream import Timeouts, sendable
from router.upstream.providers import provider_called
from router.upstream.refusals import MAX_DETAIL_CHARS, blotted, require_chat, secrets_of
from router.upstream.translated import fit_translated

PREFIX = "any-llm:"
"""What stands before the library's name of a provider in the settings."""

EXTRA = "pip install 'underdog-router[all-providers]'"

_STATUS = {
    "RateLimitError": 429,
    "InvalidRequestError": 400,
    "UnsupportedParameterError": 400,
    "ContextLengthExceededError": 400,
    "ContentFilterError": 400,
    "ModelNotFoundError": 404,
    "InsufficientFundsError": 402,
    "UpstreamProviderError": 502,
    "GatewayTimeoutError": 504,
}
"""The statuses of the library's errors that bring none."""

_OURS = frozenset({"model", "messages", "stream", "stream_options"})
"""Fields of a request that are given to the library by name."""

_PASSED = frozenset(
    (
        "audio cache_control frequency_penalty function_call functions logit_bias logprobs max_completion_tokens "
        "max_tokens metadata min_p modalities n parallel_tool_calls prediction presence_penalty prompt_cache_key "
        "prompt_cache_retention reasoning reasoning_effort repetition_penalty response_format safety_identifier seed "
        "service_tier stop store temperature thinking tool_choice tools top_k top_logprobs top_p user verbosity "
        "web_search_options"
    ).split()
)
"""Fields that say what to answer: OpenAI's, and what others have beside them. No more are passed, since the library
hands what it does not know to the providers' clients, where it could replace headers and model (``extra_headers``,
``extra_body``) or the address that our key is sent to (``server_url``)."""


class AnyLLMUpstream:
    """Implements `router.upstream.base.Upstream` for a provider of the library's.

    Args:
        name: how people and errors call it.
        provider: the library's name of the provider.
        model: the id to ask for.
        api_key: None lets the library look where it does, in the provider's own variable.
        base_url: where the provider is, if not where the library knows it.
        headers: sent with every request, where the provider's client can.
        timeouts: see `Timeouts`; how long a connection may take is the library's own affair.
        key_setting: the setting that holds the key, named when the provider rejects it.

    Raises:
        SettingsError: the library is not installed, or the key cannot be sent.
    """

    dialect: Literal["messages"] | None = None

    def __init__(
        self,
        *,
        name: str,
        provider: str,
        model: str,
        api_key: Secret | None = None,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        key_setting: str = "its API key setting",
    ) -> None:
        if importlib.util.find_spec("any_llm") is None:
            raise SettingsError(f"deployments: '{name}': the provider '{PREFIX}{provider}' needs an extra: {EXTRA}.")
        self.name = name
        self.model = model
        self._library_name = provider
        known = provider_called(provider)
        self.provider = known.price_id if known else provider
        self.address = f"{PREFIX}{provider}@{base_url or ''}"
        self._key = sendable(api_key, key_setting)
        self._base_url = base_url
        self._headers = dict(headers or {})
        self._timeouts = timeouts or Timeouts()
        self._key_setting = key_setting
        self._state: State = "unknown"
        self._loading: asyncio.Task[Any] | None = None

    @property
    def state(self) -> State:
        """``ready`` once it has answered anything at all, ``failed`` where the last attempt found nobody."""
        return self._state

    @property
    def served(self) -> Served:
        """Who answers, as replies say it."""
        return Served(provider=self.provider, model=self.model, deployment=self.name)

    async def start(self) -> None:
        """Load the library in the background; a failure shows with the first request."""
        self._client()

    async def aclose(self) -> None:
        """Stop loading. The library's clients close their connections when they are let go of."""
        if self._loading is not None:
            self._loading.cancel()

    async def complete(
        self, body: Mapping[str, Any], *, endpoint: Endpoint = "chat/completions", native: Native | None = None
    ) -> WholeReply:
        """See `router.upstream.base.Upstream.complete`."""
        require_chat(endpoint, upstream=self.name, model=self.model)
        body = fit_translated(body, native, self.provider)
        others = _others(body, native)
        try:
            async with asyncio.timeout(self._timeouts.total_s):
                client = await self._client()
                answer = await client.acompletion(self.model, list(body["messages"]), **others)
        except TimeoutError as error:
            message = f"The {self.name} upstream gave no answer within {self._timeouts.total_s:g} seconds."
            raise UpstreamTimeout(message, upstream=self.name) from error
        except Exception as error:
            raise self._translated(error) from error
        self._state = "ready"
        return WholeReply(body=msgspec.json.encode(_plain(answer)), served=self.served)

    async def stream(
        self, body: Mapping[str, Any], *, endpoint: Endpoint = "chat/completions", native: Native | None = None
    ) -> LibraryStream:
        """See `router.upstream.base.Upstream.stream`."""
        require_chat(endpoint, upstream=self.name, model=self.model)
        body = fit_translated(body, native, self.provider)
        others = _others(body, native)
        options = dict(body.get("stream_options") or {}) | {"include_usage": True}
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(self._timeouts.first_token_s, self._timeouts.total_s)):
                client = await self._client()
                chunks = await client.acompletion(
                    self.model, list(body["messages"]), stream=True, stream_options=options, **others
                )
        except TimeoutError as error:
            message = f"The {self.name} upstream gave no answer within {self._timeouts.first_token_s:g} seconds."
            raise UpstreamTimeout(message, upstream=self.name) from error
        except Exception as error:
            raise self._translated(error) from error
        self._state = "ready"
        return LibraryStream(
            aiter(chunks),
            served=self.served,
            translate=self._translated,
            silence_s=self._timeouts.first_token_s,
            end_by=now + self._timeouts.total_s,
        )

    def _client(self) -> asyncio.Task[Any]:
        """The library's client for the provider, as it comes; made once, off the event loop."""
        if self._loading is None or (self._loading.done() and self._loading.exception() is not None):
            self._loading = asyncio.create_task(asyncio.to_thread(self._load))
            # Whoever asks sees the failure; until then nobody needs to be told that it was not fetched.
            self._loading.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._loading

    def _load(self) -> Any:
        library = importlib.import_module("any_llm")
        settings: dict[str, Any] = {"api_key": self._key or None, "api_base": self._base_url}
        if self._headers:
            settings["default_headers"] = self._headers
        create = library.AnyLLM.create
        try:
            client = create(self._library_name, unified_exceptions=True, max_retries=0, **settings)
        except library.UnsupportedParameterError:  # a client that cannot be told not to retry
            client = create(self._library_name, unified_exceptions=True, **settings)
        _stay_where_sent(client)
        return client

    def _translated(self, error: Exception) -> UpstreamError:
        """Our error for one of the library's, or of a provider's client beneath it."""
        if isinstance(error, UpstreamError):
            return error
        kind, status = type(error).__name__, getattr(error, "status_code", None)
        if kind in {"AuthenticationError", "MissingApiKeyError"} or status in {401, 403}:
            message = f"The {self.name} upstream refused access; check the key in {self._key_setting}."
            return UpstreamError(message, upstream=self.name, code=KEY_REJECTED)
        if isinstance(error, ImportError) or kind == "UnsupportedProviderError":
            name = self._library_name
            why = f"any-llm does not know '{name}', or lacks its client (pip install 'any-llm-sdk[{name}]')"
            return UpstreamError(f"The {self.name} upstream cannot be asked: {why}.", upstream=self.name)
        status = status if isinstance(status, int) and 400 <= status <= 599 else _STATUS.get(kind)
        if status is not None:
            return self._refused(error, status)
        if _was_no_connection(error):
            self._state = "failed"
            return UpstreamUnreachable(f"The {self.name} upstream accepts no connections.", upstream=self.name)
        return UpstreamBroken(f"The {self.name} upstream gave no answer: {kind}.", upstream=self.name)

    def _refused(self, error: Exception, status: int) -> UpstreamRefused:
        said = str(getattr(error, "message", "") or f"The {self.name} upstream answered with status {status}.")
        said = blotted(said, secrets_of(self._key, self._headers, self._base_url or ""))[:MAX_DETAIL_CHARS]
        body = {
            "message": said,
            "type": getattr(error, "error_type", None) or "upstream_error",
            "param": getattr(error, "param", None),
            "code": getattr(error, "code", None),
        }
        retry_after = getattr(error, "retry_after", None)
        return UpstreamRefused(
            said,
            upstream=self.name,
            status=status,
            body=body,
            retry_after=str(retry_after) if retry_after else None,
        )


def _stay_where_sent(client: Any) -> None:
    """Keep a library's client from following redirects, which would take prompts and keys along to any host.

    The provider's own client is an attribute of it, and has httpx's, which follows them by its makers' choice.
    """
    for held in list(getattr(client, "__dict__", {}).values()):
        inner: Any
        for inner in (held, getattr(held, "_client", None)):
            if isinstance(getattr(inner, "follow_redirects", None), bool):
                inner.follow_redirects = False


class LibraryStream:
    """Implements `router.upstream.base.StreamReply` over the library's chunks.

    Args:
        chunks: the library's.
        served: who answers.
        translate: makes our errors of theirs.
        silence_s: seconds without a chunk that count as silence.
        end_by: event loop time by which the whole answer must be complete.
    """

    def __init__(
        self, chunks: AsyncIterator[Any], *, served: Served, translate: Any, silence_s: float, end_by: float
    ) -> None:
        self.served = served
        self._chunks = chunks
        self._translate = translate
        self._silence_s = silence_s
        self._end_by = end_by
        self._finished = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._next()
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Let go of the connection. May be called twice."""
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            # What fails here failed for the caller already, or does not matter any more.
            with contextlib.suppress(Exception):
                await close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _next(self) -> bytes:
        name = self.served.deployment
        until = min(asyncio.get_running_loop().time() + self._silence_s, self._end_by)
        try:
            async with asyncio.timeout_at(until):
                chunk = await anext(self._chunks)
        except StopAsyncIteration:
            if not self._finished:
                message = f"The {name} upstream stopped in the middle of its answer."
                raise UpstreamBroken(message, upstream=name) from None
            raise
        except TimeoutError as error:
            message = f"The {name} upstream fell silent before its answer was complete."
            raise UpstreamTimeout(message, upstream=name) from error
        except Exception as error:
            raise self._translate(error) from error
        plain = _plain(chunk)
        self._finished |= any(choice.get("finish_reason") for choice in plain.get("choices", ()))
        return msgspec.json.encode(plain)


def _others(body: Mapping[str, Any], native: Native | None) -> dict[str, Any]:
    """The fields of a request that are passed on. What another protocol's form left behind is let go of.

    Raises:
        InvalidRequest: there are others.
    """
    given = {name: value for name, value in body.items() if name not in _OURS and value is not None}
    unknown = next((name for name in given if name not in _PASSED), None)
    if unknown is not None and native is None:
        sentence = f"'{unknown[:60]}': the model that is to answer is asked by a library that takes no such field."
        raise InvalidRequest(f"{sentence} Leave it out, or name another model.", param=unknown[:60])
    return {name: value for name, value in given.items() if name in _PASSED}


def _plain(answer: Any) -> dict[str, Any]:
    """An answer or chunk as JSON has it; what the model thought goes by the name that it has elsewhere."""
    plain: dict[str, Any] = answer.model_dump(mode="json", exclude_none=True)
    for choice in plain.get("choices", ()):
        for said in (choice.get("message"), choice.get("delta")):
            if isinstance(said, dict) and isinstance(thought := said.pop("reasoning", None), dict):
                said["reasoning_content"] = thought.get("content")
    return plain


def _was_no_connection(error: BaseException | None) -> bool:
    """Whether a failure comes down to nobody being there, whatever client the library used."""
    while error is not None:
        if isinstance(error, ConnectionError) or type(error).__name__ in {"ConnectError", "APIConnectionError"}:
            return True
        error = getattr(error, "original_exception", None) or error.__cause__
    return False
