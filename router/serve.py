"""Run the server: bind, start, say that it is ready, stop gently."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import time
from collections.abc import Callable
from types import FrameType

import uvicorn
from litestar import Litestar

from router.app import create_app
from router.errors import SettingsError
from router.gateway import Gateway
from router.http.front import FrontDoor
from router.http.protocol import Protocol
from router.logs import set_up
from router.reload.reload import Reload
from router.settings import Settings, Sources
from router.upstream.build import Upstreams

BACKLOG = 2048

GC_THRESHOLDS = (20_000, 20, 50)
"""When the collector looks for cycles (Python: 700, 10, 10): requests make many objects and few cycles."""

EXAMPLE_BODY = '{"model": "auto", "messages": [{"role": "user", "content": "Say hello in one short sentence."}]}'

MAKE_KEYS = "\nMake keys for callers: underdog keys create (docs/keys.md)"


def _nothing() -> None:
    """Nobody waits for the server."""


def run(settings: Settings, sources: Sources | None = None, *, when_ready: Callable[[], None] = _nothing) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: to start with.
        sources: where they came from, whose file is followed; None follows none.
        when_ready: called once after the ready line; must return at once.

    Raises:
        UnderdogError: the server cannot start; the message says why and what to do.
    """
    set_up(settings.log_format, settings.log_level)
    listener = _bind(settings.host, settings.port)
    app = create_app(settings, sources=sources)
    config = uvicorn.Config(
        FrontDoor(app, app.state.services),
        loop="uvloop",
        http=Protocol,
        ws="none",
        lifespan="on",
        # The caller's address is not used, so nobody needs to be believed about it.
        proxy_headers=False,
        access_log=False,
        log_level="warning",
        log_config=None,
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=settings.shutdown_grace_s,
    )
    banner = _banner(app, listener, settings)
    server = _Server(
        config,
        banner=banner,
        gateway=app.state.gateway,
        delay_s=settings.shutdown_delay_s,
        when_ready=when_ready,
        reload=app.state.reload,
    )
    # What start-up built stays for good: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """Prints the banner once requests are accepted, and takes a signal for a wish that it can fulfil.

    Args:
        config: uvicorn's.
        banner: what to print.
        gateway: told when the server is to stop, so that it says so.
        delay_s: seconds for which requests are still taken after that.
        when_ready: called after the banner.
        reload: reads the settings again at SIGHUP; None where there is nothing to read.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        banner: str,
        gateway: Gateway,
        delay_s: float,
        when_ready: Callable[[], None],
        reload: Reload | None = None,
    ) -> None:
        super().__init__(config)
        self._reload = reload
        self._reloading: asyncio.Task[None] | None = None
        self._began_at_terminal = _at_terminal()
        self._when_ready = when_ready
        self._banner = banner
        self._gateway = gateway
        self._delay_s = delay_s
        self._stop_at: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hang_up)
        if not self._gateway.draining:
            print(self._banner, flush=True)
            self._when_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop gently; at once on a second Ctrl-C.

        uvicorn would remember the signal and, having stopped in good order, die of it: supervisors would see a failure.
        """
        if self._gateway.draining and sig == signal.SIGINT:
            self.should_exit = self.force_exit = True
        if not self._gateway.draining:
            self._gateway.draining = True
            self._stop_at = time.monotonic() + self._delay_s
            self.should_exit = not self._delay_s

    def _hang_up(self) -> None:
        """SIGHUP: read the settings again, or stop gently where the terminal is gone that the server was started at."""
        if self._began_at_terminal and not _at_terminal():
            self.handle_exit(signal.SIGTERM, None)
        elif self._reload is not None:
            self._reloading = asyncio.create_task(self._reload.take_up_now())

    async def on_tick(self, counter: int) -> bool:
        """Whether it is time to stop; asked ten times a second."""
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            self.should_exit = True
        return await super().on_tick(counter)


def _at_terminal() -> bool:
    """Whether somebody sits at standard input. Of a terminal that was closed it is false."""
    try:
        return os.isatty(0)
    except OSError:
        return False


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise SettingsError(
            f"Cannot listen on {host}:{port}: {reason}. Choose another with --host or --port."
        ) from error
    listener.set_inheritable(True)
    return listener


def _key_to_try(settings: Settings) -> str | None:
    """The variable that holds a key to try the server with; None where it needs none."""
    if settings.api_key is not None:
        return "$UNDERDOG_API_KEY"
    if settings.master_key is not None:
        return "$UNDERDOG_MASTER_KEY"
    return "$KEY" if settings.closed else None


def _banner(app: Litestar, listener: socket.socket, settings: Settings) -> str:
    key = _key_to_try(settings)
    gateway = app.state.gateway
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    header = f' -H "authorization: Bearer {key}"' if key else ""
    return f"""Underdog is ready on {url}  (artifact {gateway.in_use.artifact}; {_described(gateway.upstreams)})
Watch it: {_reachable(url)}/console
Try it:
  curl -i {_reachable(url)}/v1/chat/completions -H 'content-type: application/json'{header} \\
    -d '{EXAMPLE_BODY}'{MAKE_KEYS if key and settings.api_key is None else ""}"""


def _reachable(url: str) -> str:
    """The URL for a caller on this machine, where the server listens on every address."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _described(upstreams: Upstreams) -> str:
    weak = f"weak: {upstreams.weak.model}" if upstreams.weak else "weak: none"
    if upstreams.strong:
        return f"{weak}; strong: {upstreams.strong.model}"
    return f"{weak}; strong: none, set OPENAI_API_KEY or UNDERDOG_STRONG_URL to have one"
