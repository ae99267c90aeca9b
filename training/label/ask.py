"""One model behind an OpenAI-compatible URL: a prompt in, an answer out, with patience for busy servers."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec
from msgspec import Struct

from router.errors import DataError
from training.label.costs import is_local

MAX_ANSWER_BYTES = 16 * 1024 * 1024
BASE_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
LONGEST_RETRY_AFTER_S = 600.0
"""A server that asks for more patience than this is not waited for."""

PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
"""Statuses that may be different next time."""

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Endpoint(Struct, frozen=True, kw_only=True):
    """A model to ask. ``role`` is weak, strong or judge; ``url`` is the base URL with its ``/v1``."""

    role: str
    url: str
    model: str | None = None

    @property
    def key_variable(self) -> str:
        """The environment variable that may hold the key."""
        return f"UNDERDOG_{self.role.upper()}_API_KEY"

    @property
    def shown_url(self) -> str:
        """The URL without query, fit for a file or a message."""
        return str(httpx.URL(self.url).copy_with(query=None)).rstrip("/")


class Patience(Struct, frozen=True, kw_only=True):
    """How long an answer may take, in seconds, and how often a question is put again."""

    timeout_s: float = 180.0
    retries: int = 6


class Reply(Struct, frozen=True, kw_only=True):
    """What a model said; tokens are None where the server did not count them."""

    text: str
    prompt_tokens: int | None
    completion_tokens: int | None
    cut_off: bool


class NoAnswer(Exception):
    """The model gave no answer to this prompt; ``str(error)`` is the reason under which it is counted."""


class _Passing(Exception):
    """It may be different next time: the reason, and how long the server asked to wait, in seconds."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class _Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Message(Struct):
    content: str | None = None


class _Choice(Struct):
    message: _Message
    finish_reason: str | None = None


class _Completion(Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


_COMPLETION = msgspec.json.Decoder(_Completion)


def endpoint(role: str, url: str, model: str | None) -> Endpoint:
    """An endpoint whose URL has been looked at.

    Raises:
        DataError: it is no HTTP URL, or holds credentials.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise DataError(
            f"--{role}: not an http(s) URL; give the base URL with its /v1, such as http://localhost:11434/v1"
        )
    found = Endpoint(role=role, url=url, model=model)
    if parsed.userinfo:
        raise DataError(f"--{role}: the URL holds credentials; move the key to the variable {found.key_variable}")
    return found


def wait_s(attempt: int, asked: float | None) -> float:
    """Seconds to wait before the next try: full jitter, on top of what the server asked for.

    Args:
        attempt: tries that failed before this one; the bound of the jitter doubles with each, up to a minute.
        asked: the server's ``Retry-After`` in seconds, if it sent one.
    """
    bound = min(LONGEST_WAIT_S, BASE_WAIT_S * 2**attempt)
    return (asked or 0.0) + random.uniform(0.0, bound)  # noqa: S311 - spreads retries, guards nothing


class Model:
    """A connection to one model; an asynchronous context manager.

    Args:
        at: who is asked.
        max_tokens: the longest answer.
        concurrency: connections that may be open at a time.
        patience: see `Patience`.
        environ: where the key is looked for; None is the process's environment.

    Attributes:
        retried: how often a question had to be put again.
    """

    def __init__(
        self,
        at: Endpoint,
        *,
        max_tokens: int,
        concurrency: int,
        patience: Patience,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.at = at
        self.model = at.model or ""
        self.retried = 0
        self._max_tokens = max_tokens
        self._limit_field = "max_tokens"
        self._patience = patience
        self._client = httpx.AsyncClient(
            headers=_authorization(at, os.environ if environ is None else environ),
            limits=httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
            timeout=None,  # noqa: S113 - every exchange has a limit as a whole
            trust_env=not is_local(at.url),  # a proxy of the environment knows no way to this machine
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def learn_model(self) -> str:
        """The id to ask for: the one given, else the first that the server lists.

        Raises:
            DataError: the server lists none.
        """
        if not self.model:
            try:
                body = await self._patiently("GET", "models", None)
                self.model = str(msgspec.json.decode(body)["data"][0]["id"])
            except (NoAnswer, KeyError, IndexError, TypeError, *_UNREADABLE) as error:
                why = f" ({error})" if isinstance(error, NoAnswer) else ""
                role = self.at.role
                raise DataError(
                    f"{self.at.shown_url}: lists no models{why}; check --{role}, or name the model with --{role}-model"
                ) from error
        return self.model

    async def ask(self, prompt: str) -> Reply:
        """Put one prompt as the user's only turn.

        Raises:
            NoAnswer: after all retries there is none.
            DataError: the server will answer no question at all (key, path or model refused).
        """
        body = {"model": self.model, "messages": [{"role": "user", "content": prompt}]}
        return _reply(await self._patiently("POST", "chat/completions", body))

    async def _patiently(self, method: str, path: str, body: Mapping[str, Any] | None) -> bytes:
        attempt = 0
        while True:
            try:
                return await self._exchange(method, path, body)
            except _Passing as passing:
                if attempt >= self._patience.retries or (passing.wait_s or 0.0) > LONGEST_RETRY_AFTER_S:
                    raise NoAnswer(str(passing)) from passing
                await asyncio.sleep(wait_s(attempt, passing.wait_s))
                attempt += 1
                self.retried += 1

    async def _exchange(self, method: str, path: str, body: Mapping[str, Any] | None) -> bytes:
        url = httpx.URL(self.at.url)
        url = url.copy_with(path=f"{url.path.rstrip('/')}/{path}")
        limit_field = self._limit_field
        payload = None if body is None else msgspec.json.encode({**body, limit_field: self._max_tokens})
        try:
            async with (
                asyncio.timeout(self._patience.timeout_s),
                self._client.stream(
                    method, url, content=payload, headers={"content-type": "application/json"}
                ) as answer,
            ):
                content = await _bounded(answer)
        except TimeoutError as error:
            raise _Passing(f"{self.at.role}: no answer in {self._patience.timeout_s:g} s") from error
        except httpx.ConnectError as error:
            raise _Passing(f"{self.at.role}: no connection") from error
        except httpx.HTTPError as error:
            raise _Passing(f"{self.at.role}: connection lost") from error
        if answer.status_code == 200:
            return content
        if answer.status_code == 400 and limit_field == "max_tokens" and b"max_completion_tokens" in content:
            self._limit_field = "max_completion_tokens"  # the newer name of the same limit; some models insist on it
            return await self._exchange(method, path, body)
        raise self._refusal(answer)

    def _refusal(self, answer: httpx.Response) -> Exception:
        status, role = answer.status_code, self.at.role
        if status in (401, 403):
            return DataError(
                f"the {role} server refused access (status {status}); set its key in {self.at.key_variable}"
            )
        if status == 404:
            return DataError(
                f"{self.at.shown_url}: the {role} server knows no such path or model (status 404); "
                f"check --{role} (it ends in /v1 as a rule) and --{role}-model"
            )
        if status in PASSING:
            return _Passing(f"{role}: status {status}", _retry_after(answer.headers.get("retry-after")))
        return NoAnswer(f"{role}: status {status}")


async def _bounded(answer: httpx.Response) -> bytes:
    content = bytearray()
    async for piece in answer.aiter_bytes():
        content += piece
        if len(content) > MAX_ANSWER_BYTES:
            raise NoAnswer("answer too large")
    return bytes(content)


def _reply(body: bytes) -> Reply:
    try:
        completion = _COMPLETION.decode(body)
    except _UNREADABLE as error:
        raise NoAnswer("not a chat answer") from error
    if not completion.choices:
        raise NoAnswer("not a chat answer")
    choice = completion.choices[0]
    cut_off = choice.finish_reason == "length"
    text = (choice.message.content or "").strip()
    if not text:
        raise NoAnswer("empty answer, cut off by --max-tokens" if cut_off else "empty answer")
    usage = completion.usage or _Usage()
    return Reply(
        text=text,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cut_off=cut_off,
    )


def _authorization(at: Endpoint, environ: Mapping[str, str]) -> dict[str, str]:
    key = environ.get(at.key_variable, "").strip()
    if key and not (key.isascii() and key.isprintable()):
        raise DataError(f"{at.key_variable}: holds characters that no key has; copy the key again")
    return {"authorization": f"Bearer {key}"} if key else {}


def _retry_after(value: str | None) -> float | None:
    """Seconds to wait by a ``Retry-After`` header, which holds seconds or a date; None where it holds neither."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
