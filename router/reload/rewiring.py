"""Another wiring beside the one in use, and the end of what it replaces."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import msgspec

from router.parts import Wiring, wiring_of
from router.reload.changes import HOOK, UPSTREAMS, Change
from router.settings import Settings
from router.sticky import Memory
from router.terms import ways_of
from router.upstream.base import Upstream
from router.upstream.embedded.upstream import EmbeddedUpstream
from router.upstream.pool import Pool

LOOK_S = 0.25
"""How often it is looked whether an old wiring is still in use."""


def rewired(old: Wiring, change: Change, environ: Mapping[str, str], memory: Memory) -> Wiring:
    """The wiring after a change. What the change does not touch is the old one's own.

    Raises:
        SettingsError: the settings contradict each other, or name what is not there.
    """
    settings = change.settings
    if change.live & UPSTREAMS:
        wiring = wiring_of(_without_hook(settings), environ, memory, embedded=_embedded_in(old))
    else:
        wiring = old.with_ways(ways_of(_without_hook(settings), memory), settings)
    if change.live & HOOK:
        return replace(wiring, ways=ways_of(settings, memory))
    return replace(wiring, ways=replace(wiring.ways, hook=old.ways.hook))


async def retire(old: Wiring, new: Wiring, busy: Callable[[], bool], *, patience_s: float) -> None:
    """Let go of the upstreams that are not in use any more, once no request needs them, or after ``patience_s``."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            while busy():  # noqa: ASYNC110 - counters of many members tell it, none of which could set an event
                await asyncio.sleep(LOOK_S)
    await close_leaving(old, new)


async def close_leaving(old: Wiring, new: Wiring) -> None:
    """Let go of what one wiring has and another has not."""
    kept = {id(each) for each in _single(new.all)}
    for upstream in _single(old.all):
        if id(upstream) not in kept:
            await upstream.aclose()
    if old.upstreams.named is not new.upstreams.named:
        await old.upstreams.named.aclose()


def _single(upstreams: Iterable[Upstream]) -> list[Upstream]:
    """The upstreams themselves, out of their pools."""
    found: list[Upstream] = []
    for upstream in upstreams:
        found += [member.upstream for member in upstream.members] if isinstance(upstream, Pool) else [upstream]
    return found


def _embedded_in(wiring: Wiring) -> EmbeddedUpstream | None:
    return next((each for each in _single(wiring.all) if isinstance(each, EmbeddedUpstream)), None)


def _without_hook(settings: Settings) -> Settings:
    """The hook runs code as it is loaded: only where it is another one is it loaded again."""
    return msgspec.structs.replace(settings, hook=None)
