"""Looks at the settings' file, and says when it is another one and rests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from router.stamps import Stamp, stamp_of

EVERY_S = 0.25
"""Seconds between looks, which cost one `stat` each."""


async def follow(file: Path, seen: Stamp | None, changed: Callable[[], Awaitable[None]]) -> None:
    """Call ``changed`` whenever the file is another one and was the same at two looks: not while it is being written.

    Polled: what tells of changes is another thing on every platform, and tells nothing over network file systems or of
    the links by which Kubernetes swaps a mounted file.

    Args:
        file: what to follow; it need not be there.
        seen: its stamp from before it was read.
        changed: awaited, also where the file is gone.
    """
    before = seen
    while True:
        await asyncio.sleep(EVERY_S)
        stamp = await asyncio.to_thread(stamp_of, file)
        if stamp == before and stamp != seen:
            seen = stamp
            await changed()
        before = stamp
