"""One cache on several servers: what each stores and lets go of, all of them do.

Every server keeps its own entries and its own index, so that a lookup never leaves the process. What it hears of the
others comes by a stream that all read in the same order, its own messages included: what one lets go of while another
stores it is held by all in the end, or by none. Of two answers to one request the newer stays. An entry goes as the
file has it, with its checksum: what is damaged on the way is passed by.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from router.cache.account import Trial
from router.cache.cache import SemanticCache
from router.cache.disk import rows
from router.cache.disk.rows import Kept
from router.cache.fingerprint import KEY_VERSION
from router.cache.index import FloatArray
from router.cache.inventory import Selection
from router.cache.store import Entry
from router.shared.sharing import Sharing
from router.shared.streams import CACHE, NEWS, Message, Position

logger = logging.getLogger("underdog.cache")

ENTRY = b"entry/1/" + KEY_VERSION
GONE = b"gone/1/" + KEY_VERSION
SWEPT = b"swept/1/" + KEY_VERSION
BAN = b"ban/1/" + KEY_VERSION
SERVED = b"served/1"
RATED = b"rated/1"
"""Kinds of messages. Keys that are made differently would never meet, so their version belongs to the kind."""

KEY_BYTES = 32
MOST_KEYS = 1000
"""Keys in one message."""

MOST_PLACES = 100_000
"""Entries of which it is remembered where they stand in the stream, so that they can be taken out of it."""

_encode = msgspec.msgpack.Encoder().encode
_decode_row = msgspec.msgpack.Decoder(list[Any]).decode
_decode_keys = msgspec.msgpack.Decoder(list[bytes]).decode
_decode_sweep = msgspec.msgpack.Decoder(tuple[str | None, str | None, float]).decode
_decode_trial = msgspec.msgpack.Decoder(tuple[str, str, Trial]).decode


class Replication:
    """Tells other servers what this one keeps; implements `router.cache.peers.Peers`.

    Args:
        sharing: the way to them.
        clock: the one by which entries are timed.
        wall: seconds since 1970, by which ages travel. Servers' clocks should agree to a second or so.
    """

    def __init__(self, sharing: Sharing, clock: Callable[[], float], wall: Callable[[], float] = time.time) -> None:
        self._sharing = sharing
        self._clock = clock
        self._wall = wall

    def kept(self, entry: Entry, vector: FloatArray | None) -> None:
        """An entry was stored here."""
        try:
            row = rows.to_row(Kept(entry, vector, 0), file_time_s=self._wall() - self._clock())
        except (ValueError, TypeError, OverflowError, msgspec.MsgspecError) as error:
            logger.warning("cache: an entry is not told to other servers: %s", type(error).__name__)
            return
        self._sharing.publish(CACHE, ENTRY, _encode(row), subject=entry.exact)

    def gone(self, keys: Sequence[bytes]) -> None:
        """Entries are to be let go of."""
        for first in range(0, len(keys), MOST_KEYS):
            self._sharing.publish(CACHE, GONE, _encode(keys[first : first + MOST_KEYS]), must=True)

    def swept(self, selection: Selection) -> None:
        """All that are meant are to be let go of."""
        stored_before = self._wall() - (selection.older_than_s or 0.0)
        self._sharing.publish(CACHE, SWEPT, _encode((selection.tenant, selection.model, stored_before)), must=True)

    def banned(self, entry: bytes, asked: bytes) -> None:
        """A pair must never meet again."""
        self._sharing.publish(CACHE, BAN, _encode([entry, asked]), must=True)

    def served(self, tenant: str, verifier: str, trial: Trial) -> None:
        """A rewording was answered here."""
        self._sharing.publish(NEWS, SERVED, _encode((tenant, verifier, trial)))

    def rated(self, tenant: str, verifier: str, trial: Trial) -> None:
        """An answered rewording was rated here."""
        self._sharing.publish(NEWS, RATED, _encode((tenant, verifier, trial)), must=True)


class Reception:
    """Takes in what other servers tell. To be made before ``sharing`` is started.

    Args:
        sharing: the way to them.
        cache: who takes it in.
        wall: as of `Replication`.
    """

    def __init__(self, sharing: Sharing, cache: SemanticCache, wall: Callable[[], float] = time.time) -> None:
        self._sharing = sharing
        self._shelf = cache.shelf
        self._judge = cache.judge
        self._administration = cache.administration
        self._sweeping: set[asyncio.Future[list[bytes]]] = set()
        self._wall = wall
        self._places: dict[bytes, Position] = {}
        sharing.on(CACHE, ENTRY, self._entry)
        sharing.on(CACHE, GONE, self._gone)
        sharing.on(CACHE, SWEPT, self._swept)
        sharing.on(CACHE, BAN, self._ban)
        sharing.on(NEWS, SERVED, self._served)
        sharing.on(NEWS, RATED, self._rated)

    def _entry(self, message: Message) -> None:
        kept = rows.from_row(_decode_row(message.payload), file_time_s=self._wall() - self._shelf.clock())
        if kept is None or len(kept.entry.exact) != KEY_BYTES or len(kept.entry.partition) != KEY_BYTES:
            raise ValueError("an entry is damaged")
        self._remember_place(kept.entry.exact, message)
        self._shelf.receive(kept)

    def _remember_place(self, exact: bytes, message: Message) -> None:
        older = self._places.pop(exact, None)
        if older is not None and older != message.at and message.origin == self._sharing.origin:
            self._sharing.delete([older])
        self._places[exact] = message.at
        if len(self._places) > MOST_PLACES:
            del self._places[next(iter(self._places))]

    def _gone(self, message: Message) -> None:
        keys = _keys(message)
        self._shelf.let_go(keys, "removed")
        if message.origin == self._sharing.origin:
            # By now whatever this server has told of them has been read, too.
            self._delete(keys)

    def _delete(self, keys: Sequence[bytes]) -> None:
        """Take entries out of the stream: what was let go of may be secret."""
        places = [place for key in keys if (place := self._places.pop(key, None)) is not None]
        for first in range(0, len(places), MOST_KEYS):
            self._sharing.delete(places[first : first + MOST_KEYS])

    def _swept(self, message: Message) -> None:
        if message.origin == self._sharing.origin:
            return
        tenant, model, stored_before = _decode_sweep(message.payload)
        heed = functools.partial(
            self._administration.heed,
            Selection(tenant=tenant, model=model),
            stored_before=stored_before - self._wall() + self._shelf.clock(),
        )
        # In a thread: it looks at all there are.
        sweeping = asyncio.get_running_loop().run_in_executor(None, heed)
        self._sweeping.add(sweeping)
        sweeping.add_done_callback(self._swept_by_now)

    def _swept_by_now(self, sweeping: asyncio.Future[list[bytes]]) -> None:
        self._sweeping.discard(sweeping)
        if sweeping.cancelled():
            return
        if (error := sweeping.exception()) is not None:
            logger.warning("cache: what another server was told to let go of is still here: %s", error)
        else:
            self._delete(sweeping.result())

    def _ban(self, message: Message) -> None:
        kept, asked = _keys(message)
        self._judge.heed_ban(kept, asked)

    def _served(self, message: Message) -> None:
        if message.origin != self._sharing.origin:
            self._judge.heed_served(*_decode_trial(message.payload))

    def _rated(self, message: Message) -> None:
        if message.origin != self._sharing.origin:
            self._judge.heed_rated(*_decode_trial(message.payload), now=self._wall())


def _keys(message: Message) -> list[bytes]:
    keys = _decode_keys(message.payload)
    if any(len(key) != KEY_BYTES for key in keys):
        raise ValueError("a key is damaged")
    return keys
