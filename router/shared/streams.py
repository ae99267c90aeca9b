"""What servers tell each other: messages on two streams in Redis.

``CACHE`` holds what the cache keeps and lets go of: whoever joins reads it from its beginning. ``NEWS`` holds what is
of use for an hour at most. Within one stream all servers see the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

CACHE = "cache"
NEWS = "news"

STATE = "cache-state"
"""A hash beside the stream ``CACHE``: the bytes in it, and the id of its last message."""

MESSAGE_OVERHEAD = 200
"""Bytes that a message takes beside its payload, as they are counted."""

LARGEST_PAYLOAD = 2**20
"""Bytes; what is larger is not told to others."""

MOST_NEWS = 20_000
NEWS_KEPT_S = 3_600.0

Position = tuple[int, int]
"""The place of a message in its stream: Redis's milliseconds since 1970, and a number within them."""

BEGINNING: Position = (0, 0)


class Message(NamedTuple):
    """One message: where it stands, which server sent it, what it is, what it is about, and the rest."""

    at: Position
    origin: bytes
    kind: bytes
    subject: bytes
    payload: bytes


Handler = Callable[[Message], None]
"""Takes in a message, quickly; whatever it raises is counted and skipped."""

APPEND = f"""
local id = redis.call('XADD', KEYS[1], '*', 'o', ARGV[1], 'k', ARGV[2], 's', ARGV[3], 'p', ARGV[4])
local most, most_bytes = tonumber(ARGV[5]), tonumber(ARGV[6])
local length = redis.call('XLEN', KEYS[1])
local bytes = tonumber(redis.call('HGET', KEYS[2], 'bytes') or 0)
if length == 1 then bytes = 0 end
bytes = bytes + #ARGV[4] + {MESSAGE_OVERHEAD}
local oldest = tonumber(string.match(id, '^%d+')) - tonumber(ARGV[7])
local count = 1
repeat
  local found = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', count)
  local gone = 0
  for _, message in ipairs(found) do
    local old = tonumber(string.match(message[1], '^%d+')) < oldest
    if message[1] == id or not (old or length > most or bytes > most_bytes) then break end
    bytes = bytes - #(message[2][8] or '') - {MESSAGE_OVERHEAD}
    length = length - 1
    gone = gone + 1
  end
  if gone > 0 then redis.call('XTRIM', KEYS[1], 'MAXLEN', length) end
  count = 32
until gone < #found or gone == 0
redis.call('HSET', KEYS[2], 'bytes', math.max(bytes, 0), 'last', id)
redis.call('PEXPIRE', KEYS[1], ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[7])
return id
"""
"""Add to ``CACHE``, and let the oldest go: beyond so many messages (5) or bytes (6), or older than so many ms (7).

Redis knows no bound in bytes, so they are counted here."""

DELETE = f"""
local freed = 0
for number = 1, #ARGV do
  local found = redis.call('XRANGE', KEYS[1], ARGV[number], ARGV[number])
  if found[1] then
    freed = freed + #(found[1][2][8] or '') + {MESSAGE_OVERHEAD}
    redis.call('XDEL', KEYS[1], ARGV[number])
  end
end
local bytes = tonumber(redis.call('HGET', KEYS[2], 'bytes') or 0)
redis.call('HSET', KEYS[2], 'bytes', math.max(bytes - freed, 0))
"""
"""Take messages out of ``CACHE``, by their places."""

APPEND_NEWS = """
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[5], '*', 'o', ARGV[1], 'k', ARGV[2], 's', ARGV[3], 'p', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
"""


def position(text: bytes) -> Position:
    """A place as Redis writes it.

    Raises:
        ValueError: it is none.
    """
    milliseconds, _, number = text.partition(b"-")
    return int(milliseconds), int(number or 0)


def written(at: Position) -> str:
    """A place as Redis reads it."""
    return f"{at[0]}-{at[1]}"
