"""Puts changed settings in use: checked whole, prepared beside the old ones, and then taken up in one step."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from router.accounts import Ring
from router.accounts.principal import server_scope
from router.artifacts.in_use import InUse
from router.cache import SemanticCache
from router.configured.given import Given, placed
from router.errors import SettingsError
from router.http.auth import Doorman
from router.http.services import Services, SettingsFile
from router.logs import set_level
from router.parts import Wiring
from router.reload.changes import CALLERS, DIAL, UPSTREAMS, WAYS, Change, change
from router.reload.follow import follow
from router.reload.rewiring import close_leaving, retire, rewired
from router.settings import PREFIX, Settings, Sources, require_sound, settings_of
from router.stamps import Stamp, stamp_of
from router.telemetry import endpoint_of

logger = logging.getLogger("underdog.settings")

MORE_PATIENCE_S = 60.0
"""How much longer than the longest answer replaced upstreams are kept."""

_LINE = re.compile(r"\bline (\d+)\b")


class Reload:
    """Reads the settings again and puts them in use. Its methods are called on the event loop.

    Args:
        sources: where settings come from.
        services: the parts behind the handlers.
        ring: the keys, which count against the server too.
        preload: called in a thread with each new wiring, before it is used.
    """

    def __init__(
        self, sources: Sources, services: Services, ring: Ring, preload: Callable[[Wiring], None] = lambda _: None
    ) -> None:
        self.sources = sources
        self._services = services
        self._ring = ring
        self._preload = preload
        self._retiring: dict[asyncio.Task[None], Wiring] = {}
        self._taking_up = asyncio.Lock()
        self._read: _Content | None = None

    async def take_up(self) -> None:
        """Read the settings and put in use what may change; what cannot be used changes nothing, and the log says why.

        Requests under way finish with what they began with. Asked again meanwhile, it looks again afterwards.
        """
        async with self._taking_up:
            await self._take_up()

    async def take_up_changed(self) -> None:
        """The same for who saw that the file changed: not once more where what it says was read by now."""
        async with self._taking_up:
            # Whoever wished for it did not wait for the file to rest, so that its change is seen only afterwards.
            if self._read is None or await asyncio.to_thread(_content_of, self.sources.file) != self._read:
                await self._take_up()

    async def take_up_now(self) -> None:
        """The same at the operator's word, also where the file did not change, and with a line that says so."""
        async with self._taking_up:
            if not self.sources.file.is_file() and not self.sources.file_is_named:
                logger.info("there is no file of settings to read again")
                return
            logger.info("%s: read again, as it was wished", self.sources.file)
            await self._take_up()

    async def _take_up(self) -> None:
        given: dict[str, Given] = {}
        # Before it is read: what is written meanwhile is another content, and is read then.
        self._read = await asyncio.to_thread(_content_of, self.sources.file)
        try:
            if not self.sources.file.is_file():
                raise SettingsError(f"{self.sources.file}: is gone.")
            given.update(await asyncio.to_thread(self.sources.gather))
            wanted = change(self._services.settings, settings_of(given))
            # A server that listens to the world stays closed, whatever address the file names by now.
            require_sound(wanted.settings, given)
            endpoint_of(wanted.settings, self.sources.variables)
            wiring = await asyncio.to_thread(self._prepared, wanted, self.sources.variables)
            await self._put_in_use(wanted, wiring)
        except SettingsError as error:
            self._refuse(placed(str(error), given, PREFIX))
        except Exception as error:  # noqa: BLE001 - whatever a hook or a library makes of the file, the server goes on
            self._refuse(f"{self.sources.file}: taking it up failed with {type(error).__name__}.")

    async def aclose(self) -> None:
        """Let go of what still waits to be."""
        for task, old in list(self._retiring.items()):
            task.cancel()
            await close_leaving(old, self._services.gateway.wiring)

    def _prepared(self, wanted: Change, environ: Mapping[str, str]) -> Wiring:
        old = self._services.gateway.wiring
        if not wanted.live & (UPSTREAMS | WAYS):
            return old
        wiring = rewired(old, wanted, environ, self._services.replicas.memory)
        self._preload(wiring)
        return wiring

    async def _put_in_use(self, wanted: Change, wiring: Wiring) -> None:
        services, gateway, settings = self._services, self._services.gateway, wanted.settings
        if wiring is not gateway.wiring:
            await self._rewire(wiring, settings)
        if wanted.live & DIAL:
            gateway.put_in_use(InUse.of(gateway.in_use.scorer, settings))
        if wanted.live & CALLERS:
            await self._let_in(settings)
        waiting = (*wanted.waiting, *self._to_cache(wanted))
        if "log_level" in wanted.live:
            set_level(settings.log_level)
        gateway.room.most = settings.max_concurrent_requests
        services.settings = settings
        self._say(wanted, waiting)
        services.file = SettingsFile(state="in use", waits_for_restart=list(waiting))

    async def _rewire(self, wiring: Wiring, settings: Settings) -> None:
        gateway = self._services.gateway
        old, busy = gateway.wiring, gateway.busy
        for upstream in wiring.all:
            await upstream.start()
        gateway.join(wiring)
        self._services.replicas.watch(wiring.all)
        task = asyncio.create_task(retire(old, wiring, busy, patience_s=settings.total_timeout_s + MORE_PATIENCE_S))
        self._retiring[task] = old
        task.add_done_callback(self._retiring.pop)

    async def _let_in(self, settings: Settings) -> None:
        server = server_scope(settings)
        await asyncio.to_thread(self._ring.count_against, server)
        self._services.doorman = Doorman(
            settings.api_key,
            master_key=settings.master_key,
            require_key=settings.require_key,
            keys=self._ring,
            server=server,
        )

    def _to_cache(self, wanted: Change) -> tuple[str, ...]:
        """Tell the cache what concerns it; returns what it cannot do before a restart."""
        cache, settings = self._services.gateway.cache, wanted.settings
        if not isinstance(cache, SemanticCache):
            return ()
        cache.limit(ttl_s=settings.cache_ttl_s, max_temperature=settings.cache_max_temperature)
        if "cache_max_wrong" in wanted.live and not cache.judge.allow(settings.cache_max_wrong):
            return ("cache_max_wrong",)
        return ()

    def _say(self, wanted: Change, waiting: tuple[str, ...]) -> None:
        live = sorted(wanted.live - set(waiting))
        before = self._services.file
        if live:
            logger.info("%s: in use from now on: %s", self.sources.file, ", ".join(live))
        elif before is not None and before.state == "refused":
            logger.info("%s: sound again, and nothing changes by it", self.sources.file)
        if waiting and (before is None or list(waiting) != before.waits_for_restart):
            logger.warning(
                "%s: needs a restart: %s; until then the server goes on with what it started with",
                self.sources.file,
                ", ".join(waiting),
            )

    def _refuse(self, why: str) -> None:
        logger.error("the settings in use stay: %s", why)
        before = self._services.file
        line = _LINE.search(why)
        self._services.file = SettingsFile(
            state="refused",
            line=int(line[1]) if line else None,
            waits_for_restart=before.waits_for_restart if before is not None else [],
        )


class _Content(NamedTuple):
    """What a file held at one moment. ``stamp``: it was not even touched since. ``digest``: None where it has none."""

    stamp: Stamp | None
    digest: bytes | None


def _content_of(file: Path) -> _Content:
    """By stamp and digest: clocks of file systems are coarse, and what is touched is to be read again."""
    stamp = stamp_of(file)
    try:
        # A pipe would be waited for.
        return _Content(stamp, hashlib.sha256(file.read_bytes()).digest() if file.is_file() else None)
    except OSError:
        return _Content(stamp, None)


@asynccontextmanager
async def following_file(reload: Reload | None, seen: Stamp | None) -> AsyncIterator[None]:
    """Put in use what changes in the settings' file, if one is followed.

    Args:
        reload: takes changes up.
        seen: the file's stamp from before it was read.
    """
    if reload is None:
        yield
        return
    following = asyncio.create_task(follow(reload.sources.file, seen, reload.take_up_changed))
    try:
        yield
    finally:
        following.cancel()
        await reload.aclose()
