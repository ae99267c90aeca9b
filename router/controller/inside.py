"""The server without its socket: on an event loop of its own in a thread of its own, asked from any other thread.

It is the very application that ``underdog serve`` runs, called in its own protocol (ASGI): what decides, asks, caches
and prices a request, and writes it down, exists once.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from router.errors import RoutingError

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.types import ASGIApp, Message

    from router.gateway import Gateway
    from router.settings import Settings

T = TypeVar("T")

logger = logging.getLogger("underdog.controller")

PIECES_AHEAD = 16
"""Pieces of an answer that wait for who reads it; then the upstream waits, too."""

CLOSING_S = 30.0
"""Seconds that letting go of everything may take."""


class Reply:
    """One answer as it comes: ``status`` and ``headers``, then the pieces of its body. Belongs to the server's loop.

    Args:
        done: told once the server has no more to do with it.
    """

    def __init__(self, done: Callable[[Reply], None]) -> None:
        self._done = done
        self.status = 0
        self.headers: dict[str, str] = {}
        self._begun = asyncio.Event()
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(PIECES_AHEAD)
        self._left = False
        self._leaving: set[Callable[[], None]] = set()
        self._exchange: asyncio.Task[None] | None = None

    async def begin(self, app: ASGIApp, scope: dict[str, Any], body: bytes) -> None:
        """Ask, and wait until the answer has begun."""
        from router.http.exchange import ABORT
        from router.http.presence import LEAVING

        scope["state"] = {LEAVING: self._leaving, ABORT: self._drop}
        self._exchange = asyncio.create_task(self._exchanged(app, scope, body))
        self._exchange.add_done_callback(lambda _: self._done(self))
        try:
            await self._begun.wait()
        except asyncio.CancelledError:
            await self.aclose()
            raise
        if not self.status:
            await self._exchange  # raises what happened, if anything did
            raise RoutingError("The Controller was closed before the answer came.")

    async def next(self) -> bytes | None:
        """The next piece of the body; None at its end."""
        return await self._pieces.get()

    async def read(self) -> bytes:
        """All of the body that is still to come."""
        pieces = []
        try:
            while (piece := await self.next()) is not None:
                pieces.append(piece)
        except asyncio.CancelledError:
            await self.aclose()
            raise
        return b"".join(pieces)

    async def aclose(self) -> None:
        """Leave: what is still being done for this answer is cancelled."""
        self._drop()
        if self._exchange is not None:
            with suppress(Exception):
                await asyncio.shield(self._exchange)

    def _drop(self) -> None:
        self._left = True
        while not self._pieces.empty():
            self._pieces.get_nowait()
        with suppress(asyncio.QueueFull):
            self._pieces.put_nowait(None)
        for leave in tuple(self._leaving):
            leave()

    async def _exchanged(self, app: ASGIApp, scope: dict[str, Any], body: bytes) -> None:
        given = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Any:
            for message in given:
                return message
            await asyncio.Event().wait()  # whoever leaves is told of by the scope's state
            return {"type": "http.disconnect"}

        try:
            await app(scope, receive, self._send)  # type: ignore[arg-type]
        finally:
            self._begun.set()
            if not self._left:
                await self._pieces.put(None)

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
            self._begun.set()
        elif message["type"] == "http.response.body" and message.get("body") and not self._left:
            await self._pieces.put(message["body"])


class Inside:
    """The server and its thread. Any thread may call; ``close`` ends it.

    Args:
        settings: of the server.
        environ: where provider keys are looked for.

    Raises:
        UnderdogError: it cannot start; the message says why and what to do.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        from router.app import create_app

        self._app: Litestar = create_app(settings, environ=environ)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._closing = threading.Lock()
        self._replies: set[Reply] = set()
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="underdog-controller", daemon=True)
        self._thread.start()
        ready.result()

    @property
    def gateway(self) -> Gateway:
        """The gateway behind it, for what may be read from any thread: the artifact in use."""
        gateway: Gateway = self._app.state.gateway
        return gateway

    async def ask(
        self, path: str, body: bytes, *, headers: Mapping[str, str] | None = None, query: bytes = b""
    ) -> Reply:
        """Ask the server, on its own loop. The reply is the caller's to read to its end, or to close."""
        from router.http.front import FrontDoor

        said = {"host": "127.0.0.1", "content-type": "application/json", "content-length": str(len(body))}
        said |= {name.lower(): value for name, value in (headers or {}).items()}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query,
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in said.items()],
            "client": ("127.0.0.1", 0),
            "server": ("127.0.0.1", 0),
        }
        reply = Reply(self._replies.discard)
        self._replies.add(reply)
        await reply.begin(FrontDoor(self._app, self._app.state.services), scope, body)
        return reply

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the server's loop.

        Raises:
            RoutingError: it is closed.
        """
        loop, stop = self._loop, self._stop
        if loop is None or stop is None or stop.is_set() or not self._thread.is_alive():
            coroutine.close()
            raise RoutingError("The Controller is closed; make another one.")
        return asyncio.run_coroutine_threadsafe(coroutine, loop)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The same, and wait for its result; who is interrupted takes the request along."""
        future = self.submit(coroutine)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Let go of everything, requests under way included. Does nothing the second time.

        Waits for it, but on the server's own thread: there it is called where garbage is collected.
        """
        with self._closing:
            loop, stop = self._loop, self._stop
            if loop is not None and stop is not None and self._thread.is_alive():
                loop.call_soon_threadsafe(stop.set)
                if self._thread is not threading.current_thread():
                    self._thread.join(CLOSING_S)

    def _run(self, ready: Future[None]) -> None:
        import uvloop

        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._live(ready))
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            elif threading.main_thread().is_alive():
                # A program that ends without closing lends no threads any more; what was answered is written down.
                logger.warning("The server behind a Controller did not end in good order.", exc_info=True)

    async def _live(self, ready: Future[None]) -> None:
        async with self._app.lifespan():
            self._stop = asyncio.Event()
            self._loop = asyncio.get_running_loop()
            ready.set_result(None)
            await self._stop.wait()
            for reply in tuple(self._replies):
                await reply.aclose()
