"""The embedded LLM as an upstream: fetched, started and kept running in the background."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from router.errors import NOT_READY, EmbeddedModelError, UpstreamUnreachable
from router.types import Endpoint, Native
from router.upstream.base import State, StreamReply, WholeReply
from router.upstream.embedded.fetch import fetch_weights
from router.upstream.embedded.process import LlamaProcess
from router.upstream.http_upstream import Timeouts
from router.upstream.openai_compatible import OpenAICompatibleUpstream
from router.upstream.providers import LOCAL

MODEL = "smollm2-135m-instruct"

ADDRESS = "embedded"
"""Stands where other upstreams have a URL."""

SLOTS = 2
"""Requests computed at once, in one shared context. More would only slow one another down on a few cores."""

READY_TIMEOUT_S = 60.0
"""How long a request waits for a model that is still starting."""

FIRST_RETRY_S = 0.5
LAST_RETRY_S = 60.0
"""Pauses before it is started again: the first one, doubled up to the last."""

STEADY_S = 60.0
"""A run of this length counts as a good one, after which the pauses begin anew."""

_log = logging.getLogger(__name__)


class EmbeddedUpstream:
    """Implements `router.upstream.base.Upstream` for the embedded LLM.

    Requests that come while it starts wait for it, ``ready_timeout_s`` at most. A child that ends is started again,
    after ever longer pauses if it keeps ending.

    Args:
        name: how people and errors call it.
        home: the server's home folder; the weights lie in its ``models``.
        threads: CPU threads to compute with.
        context: tokens of context, shared by the requests that are computed at once.
        timeouts: patience with its answers.
        ready_timeout_s: how long a request waits for it to start.
    """

    def __init__(
        self,
        *,
        name: str,
        home: Path,
        threads: int = 1,
        context: int = 4096,
        timeouts: Timeouts | None = None,
        ready_timeout_s: float = READY_TIMEOUT_S,
    ) -> None:
        self.name = name
        self.model = MODEL
        self.provider: str | None = LOCAL
        self.address = ADDRESS
        self.dialect: Literal["messages"] | None = None
        self._home = home
        self._threads = threads
        self._context = context
        self._timeouts = timeouts
        self._ready_timeout_s = ready_timeout_s
        self._state: State = "unknown"
        self._detail = "It was not started."
        self._settled = asyncio.Event()  # set while it is ready or failed
        self._closing = threading.Event()
        self._process: LlamaProcess | None = None
        self._endpoint: OpenAICompatibleUpstream | None = None
        self._supervisor: asyncio.Task[None] | None = None

    def is_like(self, other: EmbeddedUpstream) -> bool:
        """Whether the other would be started in the same way."""
        mine, theirs = ((each._home, each._threads, each._context, each._timeouts) for each in (self, other))
        return mine == theirs and self.name == other.name

    @property
    def state(self) -> State:
        """``starting`` while weights are fetched or loaded, ``failed`` while it waits to try that again."""
        return self._state

    @property
    def detail(self) -> str:
        """A sentence on the state, for people."""
        return self._detail

    @property
    def pid(self) -> int | None:
        """Process id of the child, if it runs."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Begin to fetch and load in the background; does nothing when called again, or after ``aclose``."""
        if self._supervisor is None and not self._closing.is_set():
            self._enter("starting", "It is starting.")
            self._supervisor = asyncio.create_task(self._supervise())

    async def aclose(self) -> None:
        """Stop the child, or the download."""
        self._closing.set()
        if self._supervisor is not None:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor
        self._enter("failed", "It was stopped.")

    async def complete(
        self, body: Mapping[str, Any], *, endpoint: Endpoint = "chat/completions", native: Native | None = None
    ) -> WholeReply:
        """See `router.upstream.base.Upstream.complete`."""
        child = await self._ready_child()
        return await child.complete(body, endpoint=endpoint, native=native)

    async def stream(
        self, body: Mapping[str, Any], *, endpoint: Endpoint = "chat/completions", native: Native | None = None
    ) -> StreamReply:
        """See `router.upstream.base.Upstream.stream`."""
        child = await self._ready_child()
        return await child.stream(body, endpoint=endpoint, native=native)

    async def _ready_child(self) -> OpenAICompatibleUpstream:
        await self.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._ready_timeout_s):
                await self._settled.wait()
        if self._endpoint is None:
            message = f"The {self.name} upstream, the embedded LLM, is not ready. {self._detail}"
            raise UpstreamUnreachable(message, upstream=self.name, code=NOT_READY)
        return self._endpoint

    async def _supervise(self) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            began = time.monotonic()
            try:
                problem = await self._serve()
                self._enter("starting", problem)
            except EmbeddedModelError as error:
                problem = str(error)
                self._enter("failed", problem)
            except Exception as error:  # noqa: BLE001 - the supervisor must outlive whatever a start can raise
                # Whatever it is, those who wait must hear of it, and the next attempt may go better.
                _log.exception("the embedded LLM could not be started")
                problem = f"It could not be started ({type(error).__name__})."
                self._enter("failed", problem)
            retry_s = FIRST_RETRY_S if time.monotonic() - began > STEADY_S else retry_s
            _log.warning("%s Starting it again in %g s.", problem, retry_s)
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, LAST_RETRY_S)
            self._enter("starting", problem)

    async def _serve(self) -> str:
        """Bring the child up and stay with it to its end; returns how it ended."""
        weights = await asyncio.to_thread(fetch_weights, self._home, self._closing.is_set)
        self._process = await LlamaProcess.start(
            weights=weights,
            model=self.model,
            threads=self._threads,
            context=self._context,
            answer_limit=self._context // 4,
            slots=SLOTS,
        )
        try:
            self._endpoint = self._connect(self._process)
            self._enter("ready", "It is ready.")
            return await self._process.wait()
        finally:
            await self._disconnect()

    def _connect(self, process: LlamaProcess) -> OpenAICompatibleUpstream:
        return OpenAICompatibleUpstream(
            name=self.name,
            base_url=process.url,
            model=self.model,
            api_key=process.key,
            provider=self.provider,
            timeouts=self._timeouts,
        )

    async def _disconnect(self) -> None:
        endpoint, self._endpoint = self._endpoint, None
        process, self._process = self._process, None
        try:
            if endpoint is not None:
                await endpoint.aclose()
        finally:
            if process is not None:
                await process.stop()

    def _enter(self, state: State, detail: str) -> None:
        self._state, self._detail = state, detail
        if state == "starting":
            self._settled.clear()
        else:
            self._settled.set()
