"""What Redis does with sums, each script as one step. Amounts are whole nano-dollars.

Of each account there are two hashes. The first has ``epoch`` (drawn anew whenever Redis has to be told of the account,
also after it lost its data), ``since`` (microseconds of the wall clock: what was spent before is in the amount that
was taken from the ledger then), ``spent``, ``answered``, and for each server ``by:SERVER``: all that it has told to
have spent since. The second has what each server holds. One sorted set has the servers with the time at which they
were heard of last; what servers hold that are silent counts no more.

Sums are added by HINCRBY, in 64-bit integers. Lua compares in doubles: exact to the nano-dollar up to nine million
dollars, and to sixteen digits beyond.
"""

from __future__ import annotations

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

HOLD = (
    _NOW
    + """
-- KEYS: servers, then of each account both hashes. ARGV: server, milliseconds of patience, then of each account:
-- amount, limit or '', the epoch that the server has told its own holdings in, or '' where nothing is to be held.
-- Reply: 0 held, n short, -n not known in that epoch; how many servers there are; of each account: epoch, since, spent,
-- answered, held.
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 10)
local servers = redis.call('ZRANGE', KEYS[1], 0, -1)
local alive = {}
for _, server in ipairs(servers) do alive[server] = true end
local verdict = 0
local reply = {0, #servers}
local accounts = (#KEYS - 1) / 2
for i = 1, accounts do
  local sums, holds = KEYS[2 * i], KEYS[2 * i + 1]
  local known = redis.call('HMGET', sums, 'epoch', 'since', 'spent', 'answered')
  local epoch = ARGV[3 * i + 2]
  if not known[1] or (epoch ~= '' and epoch ~= known[1]) then return {-i} end
  local held, all = 0, redis.call('HGETALL', holds)
  for j = 1, #all, 2 do
    if alive[all[j]] then held = held + tonumber(all[j + 1]) else redis.call('HDEL', holds, all[j]) end
  end
  local amount, limit, spent = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1]), tonumber(known[3])
  if verdict == 0 and limit and (spent >= limit or spent + held + amount > limit) then verdict = i end
  for j = 1, 4 do reply[#reply + 1] = known[j] end
  reply[#reply + 1] = string.format('%.0f', held)
end
if verdict == 0 then
  for i = 1, accounts do
    if ARGV[3 * i] ~= '0' then
      redis.call('HINCRBY', KEYS[2 * i + 1], ARGV[1], ARGV[3 * i])
      redis.call('PEXPIRE', KEYS[2 * i + 1], math.max(redis.call('PTTL', KEYS[2 * i]), 1000))
    end
  end
end
reply[1] = verdict
return reply
"""
)

LEAVE = "redis.call('ZREM', KEYS[1], ARGV[1])"
"""KEYS: servers. ARGV: server."""

BEGIN = """
-- KEYS: the sums of an account. ARGV: epoch, since, spent, when it may be forgotten (POSIX seconds), revision.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'since', ARGV[2], 'spent', ARGV[3], 'answered', 0, 'revision', ARGV[5])
  redis.call('EXPIREAT', KEYS[1], ARGV[4])
end
"""

REVISE = """
-- KEYS: the sums of an account. ARGV: revision, what the ledger says was spent, or '' to learn whether to ask it.
-- A thousand nano-dollars are no difference: each server keeps what is less than one to itself.
local known = redis.call('HMGET', KEYS[1], 'spent', 'revision')
if not known[1] or tonumber(known[2] or 0) >= tonumber(ARGV[1]) then return 0 end
if ARGV[2] == '' then return 1 end
local more = tonumber(ARGV[2]) - tonumber(known[1])
if more > 1000 then redis.call('HINCRBY', KEYS[1], 'spent', string.format('%.0f', more)) end
redis.call('HSET', KEYS[1], 'revision', ARGV[1])
return 0
"""
"""Of a scope that was changed meanwhile, more may have been spent than was told: without a budget nobody told it."""

_SPENT = """
local function spent(sums, server, told)
  local before = redis.call('HGET', sums, 'by:' .. server) or '0'
  local more = tonumber(told) - tonumber(before)
  if more > 0 then
    redis.call('HSET', sums, 'by:' .. server, told)
    redis.call('HINCRBY', sums, 'spent', string.format('%.0f', more))
  end
end
"""

SETTLE = (
    _SPENT
    + """
-- KEYS: of each account both hashes. ARGV: server, 1 where a model answered, then of each account: epoch, what is held
-- no more, all that the server has spent. What was said of another epoch is let be.
for i = 1, #KEYS / 2 do
  local sums, holds = KEYS[2 * i - 1], KEYS[2 * i]
  if redis.call('HGET', sums, 'epoch') == ARGV[3 * i] then
    if ARGV[3 * i + 1] ~= '0' then
      if redis.call('HINCRBY', holds, ARGV[1], '-' .. ARGV[3 * i + 1]) <= 0 then redis.call('HDEL', holds, ARGV[1]) end
    end
    spent(sums, ARGV[1], ARGV[3 * i + 2])
    if ARGV[2] == '1' then redis.call('HINCRBY', sums, 'answered', 1) end
  end
end
"""
)

RESUME = (
    _SPENT
    + """
-- KEYS: both hashes of an account. ARGV: server, epoch, all that it holds, all that it has spent, 'add' or 'set'.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[2] then return 0 end
if ARGV[5] == 'add' then
  if ARGV[3] ~= '0' then redis.call('HINCRBY', KEYS[2], ARGV[1], ARGV[3]) end
elseif ARGV[3] == '0' then
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
end
redis.call('PEXPIRE', KEYS[2], math.max(redis.call('PTTL', KEYS[1]), 1000))
spent(KEYS[1], ARGV[1], ARGV[4])
return 1
"""
)
