"""One entry as a row of the file, and back: checked, so that a flipped bit is never served."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import msgspec
import numpy as np

from router.cache.index import FloatArray
from router.cache.store import Entry
from router.types import CachedAnswer

COLUMNS = "exact, partition, tenant, encoder, turns, vector, answer, body, size, stored_at, expires_at, checksum, hits"
INSERT = f"INSERT INTO entries ({COLUMNS}) VALUES ({', '.join('?' * 13)})"  # noqa: S608 - constants
SELECT_BEFORE = f"SELECT seq, {COLUMNS} FROM entries WHERE seq < ? ORDER BY seq DESC LIMIT ?"  # noqa: S608 - constants
"""Rows stored before a given one, the last first."""

_NO_BODY = msgspec.Raw(b"null")
_encode = msgspec.json.Encoder().encode
_decode_answer = msgspec.json.Decoder(CachedAnswer).decode
_decode_turns = msgspec.json.Decoder(tuple[str, ...]).decode


class Kept(NamedTuple):
    """An entry beside what the file keeps of it: its vector, where it has one, and how often it has answered."""

    entry: Entry
    vector: FloatArray | None
    hits: int


def to_row(kept: Kept, *, file_time_s: float) -> tuple[Any, ...]:
    """The row of an entry, in the order of ``COLUMNS``.

    Args:
        kept: what to write.
        file_time_s: file time less the time of the cache's clock, in seconds.
    """
    entry, vector, hits = kept
    parts = (
        entry.exact,
        entry.partition,
        entry.tenant,
        entry.encoder,
        None if entry.turns is None else _encode(entry.turns).decode(),
        None if vector is None else vector.astype("<f2").tobytes(),
        _encode(msgspec.structs.replace(entry.answer, body=_NO_BODY)),
        bytes(entry.answer.body),
        entry.size,
        _micros(entry.stored_at + file_time_s),
        _micros(entry.expires_at + file_time_s),
    )
    return (*parts, _checksum(parts), hits)


def from_row(row: Iterable[Any], *, file_time_s: float) -> Kept | None:
    """The entry of a row; None where the row is not what was written. Arguments as in ``to_row``.

    What the verifier keeps of it is not in the file: it belongs to the verifier of the day.
    """
    *parts, checksum, hits = row
    if _checksum(parts) != checksum:
        return None
    exact, partition, tenant, encoder, turns, vector, answer, body, size, stored_at, expires_at = parts
    try:
        told = msgspec.structs.replace(_decode_answer(answer), body=msgspec.Raw(body))
        texts = None if turns is None else _decode_turns(turns)
    except msgspec.MsgspecError:  # an answer as another version of Underdog keeps it
        return None
    entry = Entry(
        exact=exact,
        partition=partition,
        turns=texts,
        prepared=None,
        answer=told,
        stored_at=stored_at / 1e6 - file_time_s,
        expires_at=expires_at / 1e6 - file_time_s,
        size=size,
        tenant=tenant,
        encoder=encoder,
    )
    return Kept(entry, None if vector is None else _unit(vector), hits)


def _unit(vector: bytes) -> FloatArray:
    """A stored vector, of unit length again: rounding has changed that a little, too."""
    read = np.frombuffer(vector, dtype="<f2").astype(np.float32)
    unit: FloatArray = read / np.sqrt(read @ read)
    return unit


def delete(connection: sqlite3.Connection, keys: Collection[bytes]) -> int:
    """Let go of the rows under these keys.

    Returns:
        how many there were.

    Raises:
        sqlite3.Error: the file cannot be written.
    """
    if not keys:
        return 0
    return connection.executemany("DELETE FROM entries WHERE exact = ?", ((key,) for key in keys)).rowcount


def _micros(seconds: float) -> int:
    return round(seconds * 1e6)


def _checksum(parts: Iterable[Any]) -> int:
    """CRC-32 over the columns, each behind its length."""
    contents = [part if isinstance(part, bytes) else repr(part).encode() for part in parts]
    return zlib.crc32(b"".join([b"%d;%b" % (len(content), content) for content in contents]))
