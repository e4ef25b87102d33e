"""The scripts by which Redis reserves, settles and releases money of a budget, each in one step.

A period of a budget has four keys. The hash `state` holds `spent` (millionths of a dollar, as
Postgres had it at `as_of`, in milliseconds of Redis' clock) and `reserved`. The hash `held` holds
the amount of each reservation. The sorted set `open` holds reservations by the moment at which they
lapse, and `settled` those whose record is stored, by the moment at which that was told.

A reservation counts until it is released, and it is released only when a sum was read from Postgres
after it was settled or had lapsed. So every amount is in `spent` before it leaves `reserved`.
"""

from __future__ import annotations

__all__ = ["APPLY", "RESERVE", "SETTLE"]

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

# ARGV: amount, estimate, id, lapse in ms, most open reservations, oldest sum in ms, end of keys.
RESERVE = f"""
{_NOW}
local state = redis.call('HMGET', KEYS[1], 'spent', 'as_of', 'reserved')
if not state[1] then return {{'stale', 0, 0, 0, now}} end
local spent, as_of, reserved = tonumber(state[1]), tonumber(state[2]), tonumber(state[3] or 0)
local answer = {{'reserved', spent, reserved, now - as_of, now}}
local estimate = tonumber(ARGV[2])
if now - as_of > tonumber(ARGV[6]) then
  answer[1] = 'stale'
elseif spent + reserved + estimate > tonumber(ARGV[1]) then
  answer[1] = 'refused'
  local ended = redis.call('ZCARD', KEYS[4]) + redis.call('ZCOUNT', KEYS[3], '-inf', now)
  if ended > 0 then answer[1] = 'releasable' end
elseif redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[5]) then
  answer[1] = 'full'
elseif estimate > 0 then
  redis.call('HSET', KEYS[2], ARGV[3], ARGV[2])
  redis.call('ZADD', KEYS[3], now + ARGV[4], ARGV[3])
  answer[3] = redis.call('HINCRBY', KEYS[1], 'reserved', ARGV[2])
  for i = 1, 3 do redis.call('PEXPIREAT', KEYS[i], ARGV[7]) end
end
return answer
"""

# ARGV: end of the keys, then ids of reservations.
SETTLE = f"""
{_NOW}
local settled = 0
for i = 2, #ARGV do
  if redis.call('ZREM', KEYS[3], ARGV[i]) == 1 then
    redis.call('ZADD', KEYS[4], now, ARGV[i])
    settled = settled + 1
  end
end
if settled > 0 then redis.call('PEXPIREAT', KEYS[4], ARGV[1]) end
return settled
"""

# ARGV: spent, the moment before it was read, end of the keys, how many are released at most.
APPLY = """
local as_of = tonumber(redis.call('HGET', KEYS[1], 'as_of') or 0)
local read = tonumber(ARGV[2])
if read > as_of then
  redis.call('HSET', KEYS[1], 'spent', ARGV[1], 'as_of', ARGV[2])
  redis.call('PEXPIREAT', KEYS[1], ARGV[3])
  for i = 3, 4 do
    local ended = redis.call('ZRANGEBYSCORE', KEYS[i], '-inf', '(' .. ARGV[2], 'LIMIT', 0, ARGV[4])
    for _, id in ipairs(ended) do
      redis.call('HINCRBY', KEYS[1], 'reserved', -(tonumber(redis.call('HGET', KEYS[2], id)) or 0))
      redis.call('HDEL', KEYS[2], id)
      redis.call('ZREM', KEYS[i], id)
    end
  end
end
local state = redis.call('HMGET', KEYS[1], 'spent', 'reserved')
return {tonumber(state[1]), tonumber(state[2] or 0)}
"""
