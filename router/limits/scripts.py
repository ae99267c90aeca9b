"""What Redis does in one step, in Lua, for limits that several servers count together."""

from __future__ import annotations

TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local minute = math.floor(now / 60)
local left = 60 - (now - minute * 60)
local tokens, take, lease = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local reply, admitted = {tostring(left), minute, 1}, true

local function full(previous, current, amount, limit)
    return limit >= 0 and math.floor(previous * left / 60 + current) + amount > limit
end

for scope = 1, #KEYS / 2 do
    local counts, places = KEYS[2 * scope - 1], KEYS[2 * scope]
    local requests, per_minute = tonumber(ARGV[3 * scope + 1]), tonumber(ARGV[3 * scope + 2])
    local most = tonumber(ARGV[3 * scope + 3])
    local seen = redis.call('HMGET', counts, 'r' .. minute - 1, 'r' .. minute, 't' .. minute - 1, 't' .. minute)
    for field = 1, 4 do
        seen[field] = tonumber(seen[field] or 0)
        reply[#reply + 1] = seen[field]
    end
    local held = 0
    if most >= 0 then
        redis.call('ZREMRANGEBYSCORE', places, '-inf', now)
        held = redis.call('ZCARD', places)
    end
    reply[#reply + 1] = held
    if full(seen[1], seen[2], 1, requests) or full(seen[3], seen[4], tokens, per_minute)
        or (most >= 0 and held >= most) then
        admitted = false
    end
end
if not admitted then
    reply[3] = 0
    return reply
end
for scope = 1, #KEYS / 2 do
    local counts, places = KEYS[2 * scope - 1], KEYS[2 * scope]
    redis.call('HINCRBY', counts, 'r' .. minute, 1)
    redis.call('HINCRBY', counts, 't' .. minute, tokens)
    redis.call('EXPIRE', counts, 180)
    if redis.call('HLEN', counts) > 4 then
        for _, field in ipairs(redis.call('HKEYS', counts)) do
            if tonumber(string.sub(field, 2)) < minute - 1 then redis.call('HDEL', counts, field) end
        end
    end
    if tonumber(ARGV[3 * scope + 3]) >= 0 then
        redis.call('ZADD', places, now + lease, take)
        redis.call('EXPIRE', places, 2 * lease)
    end
end
return reply
"""
"""Admits a request to all scopes, or to none.

Keys: of each scope its counts and its places. Arguments: tokens, a name for the request, seconds of a lease, and for
each scope its three limits, -1 for none. Reply: seconds left of the minute, its number, whether the request is
admitted, and for each scope what counted before: requests of the minute before and of this one, tokens the same, places
held.
"""

GIVE_BACK = """
local take, surplus, counted_in = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local minute = math.floor(redis.call('TIME')[1] / 60)
for scope = 1, #KEYS / 2 do
    local counts, places = KEYS[2 * scope - 1], KEYS[2 * scope]
    redis.call('ZREM', places, take)
    local field = 't' .. counted_in
    if surplus > 0 and redis.call('HEXISTS', counts, field) == 1 then
        local left = redis.call('HINCRBY', counts, field, -surplus)
        if left < 0 then redis.call('HSET', counts, field, 0) end
    elseif surplus < 0 then
        redis.call('HINCRBY', counts, 't' .. minute, -surplus)
        redis.call('EXPIRE', counts, 180)
    end
end
"""
"""Takes the end of a request down.

Keys as above. Arguments: the request's name, tokens reserved beyond the truth (negative: too few), its minute.
"""

RENEW = """
local now, lease, mine, held = tonumber(redis.call('TIME')[1]), tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local stays = {}
for take = 4, #ARGV do stays[ARGV[take]] = true end
for _, take in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if string.sub(take, 1, #mine) == mine and not stays[take] then redis.call('ZREM', KEYS[1], take) end
end
for take = 4, 3 + held do redis.call('ZADD', KEYS[1], now + lease, ARGV[take]) end
redis.call('EXPIRE', KEYS[1], 2 * lease)
"""
"""Says anew all that a server holds of one scope's places, for longer: also what Redis forgot. What it never heard the
end of is free.

Key: places of one scope. Arguments: seconds of a lease, what the names of this server's requests begin with, how many
of them hold a place, their names, and the names of those that are just asking.
"""
