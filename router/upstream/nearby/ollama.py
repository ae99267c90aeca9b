"""Ollama's own API: what it has, and getting more.

The protocol is that of Ollama's docs/api.md: a pull is a stream of JSON lines, one for each step; what fails after the
first of them is a line with an ``error``. A pull that was broken off goes on where it stopped.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import msgspec
from msgspec import Struct

from router.errors import UNREADABLE_JSON, OllamaError

DEFAULT_PORT = 11434

QUIET_S = 300.0
"""Ollama reports several times a second while it downloads; hashing many gigabytes at the end is quiet."""

_NO_SUCH_MODEL = re.compile(r"file does not exist|manifest unknown|not found|invalid model name", re.IGNORECASE)
_NO_SPACE = re.compile(r"no space left on device|not enough space|disk (is )?full|disk quota", re.IGNORECASE)
_NO_NETWORK = re.compile(r"no such host|dial tcp|connection refused|i/o timeout|network is unreachable", re.IGNORECASE)


class OllamaModel(Struct, frozen=True):
    """A model that Ollama has. ``size``: of its files, in bytes. ``remote_host``: it runs there, and not here."""

    name: str
    size: int = 0
    details: dict[str, Any] = {}
    remote_host: str = ""

    @property
    def parameters(self) -> str:
        """Such as ``8.0B``; empty where it does not tell."""
        return _text(self.details.get("parameter_size"))

    @property
    def quantization(self) -> str:
        """Such as ``Q4_K_M``; empty where it does not tell."""
        return _text(self.details.get("quantization_level"))


class _Tags(Struct):
    models: list[OllamaModel] = []


class Progress(Struct, frozen=True):
    """One line of a pull. ``total`` and ``completed`` are bytes of the file ``digest``, while that is downloaded."""

    status: str = ""
    digest: str | None = None
    total: int | None = None
    completed: int | None = None
    error: str | None = None


def ollama_url(environ: Mapping[str, str]) -> str:
    """Where Ollama listens on this machine, heeding ``OLLAMA_HOST`` as Ollama does: a host, a port, a URL.

    Only its port is heeded where it names every address (``0.0.0.0``) or another machine: nothing else is asked than
    this one.
    """
    said = environ.get("OLLAMA_HOST", "").strip()
    try:
        parts = urlsplit(said if "://" in said else f"http://{said}")
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        port, host = None, ""
    if said and not _is_here(host):
        port = None
    host = "[::1]" if host == "::1" else "127.0.0.1"
    return f"http://{host}:{port or DEFAULT_PORT}"


class Ollama:
    """An Ollama; made by `at`."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self.url = url
        self._client = client

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str) -> AsyncIterator[Self]:
        """The Ollama of a URL, which is asked without a proxy."""
        timeout = httpx.Timeout(QUIET_S, connect=2.0)
        async with httpx.AsyncClient(base_url=url, timeout=timeout, trust_env=False) as client:
            yield cls(client, url)

    async def models(self) -> list[OllamaModel]:
        """What it has, newest first.

        Raises:
            OllamaError: it does not answer, or not as Ollama does.
        """
        answer = await self._ask("GET", "/api/tags")
        try:
            return msgspec.json.decode(answer, type=_Tags).models
        except msgspec.DecodeError as error:
            raise OllamaError(f"{self.url} does not answer as Ollama does: is something else on its port?") from error

    async def show(self, name: str) -> dict[str, Any]:
        """What it tells of a model: ``details``, ``model_info``, ``license``, ...

        Raises:
            OllamaError: it has no such model, or does not answer.
        """
        answer = await self._ask("POST", "/api/show", {"model": name}, name=name)
        try:
            return msgspec.json.decode(answer, type=dict[str, Any])
        except (*UNREADABLE_JSON, msgspec.ValidationError) as error:
            raise OllamaError(f"{self.url} does not answer as Ollama does: is something else on its port?") from error

    async def pull(self, name: str) -> AsyncIterator[Progress]:
        """Let it download a model; gives each step, and ends when the model is there.

        Raises:
            OllamaError: saying what to do: no such model, no space, no network, broken off.
        """
        last = Progress()
        try:
            async with self._client.stream("POST", "/api/pull", json={"model": name, "stream": True}) as response:
                if response.status_code != 200:
                    raise self._complaint(_error_in(await response.aread()) or f"status {response.status_code}", name)
                async for line in response.aiter_lines():
                    last = self._step(line, name)
                    yield last
        except httpx.HTTPError as error:
            raise self._silence(error, name) from error
        if last.status != "success":
            raise OllamaError(self._broken_off(name))

    def _step(self, line: str, name: str) -> Progress:
        try:
            step = msgspec.json.decode(line, type=Progress)
        except msgspec.DecodeError as error:
            raise OllamaError(f"{self.url} does not answer as Ollama does: is something else on its port?") from error
        if step.error is not None:
            raise self._complaint(step.error, name)
        return step

    async def _ask(self, method: str, path: str, body: Any = None, *, name: str = "") -> bytes:
        try:
            response = await self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise self._silence(error, name) from error
        if response.status_code != 200:
            raise self._complaint(_error_in(response.content) or f"status {response.status_code}", name)
        return response.content

    def _silence(self, error: httpx.HTTPError, name: str) -> OllamaError:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return OllamaError(
                f"No Ollama answers on {self.url}. Start it (`ollama serve`), or install it from ollama.com; "
                "`underdog fetch` gets the small embedded LLM without it."
            )
        return OllamaError(self._broken_off(name))

    def _broken_off(self, name: str) -> str:
        again = f" `underdog models pull {name}` goes on where it stopped." if name else ""
        return f"Ollama on {self.url} broke off.{again}"

    def _complaint(self, said: str, name: str) -> OllamaError:
        """Ollama's own words, and what to do."""
        if _NO_SPACE.search(said):
            remedy = (
                "Make space on the disk of its models (OLLAMA_MODELS), and pull again: it goes on where it stopped."
            )
        elif _NO_NETWORK.search(said):
            remedy = (
                "Ollama does not reach its library: is there a network, or a proxy that it must know (HTTPS_PROXY)?"
            )
        elif _NO_SUCH_MODEL.search(said):
            remedy = (
                f"Ollama knows no model '{name}'. `underdog models list` says what it has; ollama.com/library more."
            )
        else:
            remedy = "Its log says more."
        return OllamaError(f"{remedy} (Ollama says: {said[:300]})")


def _error_in(body: bytes) -> str | None:
    try:
        return msgspec.json.decode(body, type=Progress).error
    except msgspec.DecodeError:
        return None


def _is_here(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host in ("localhost", "")
    return address.is_loopback or address.is_unspecified


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
