"""Which job is served next: among projects that have work waiting, the one that has been served least."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from redis.asyncio.client import Pipeline

__all__ = ["FORMER", "LANES", "place"]

# Start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996): a job's place is S = max(V, F), where V is the place of what
# is being served and F where the project's last job ends, and then F = S + cost. Places are no moments, only far
# in the past, so that arq takes every job for due; a clock that jumps changes nothing.
LANES: Final = {"waited": 1, "bulk": 800_000_000_000}
# The lanes end here. What is listed behind has a moment for a place, as the version before gave it.
FORMER: Final = 1_600_000_000_000

_SERVED: Final = {lane: f"llm-monitor:served:{lane}" for lane in LANES}
# A job costs a worker as long as 16 KiB of text whatever it holds, a record as long as a quarter of one; a unit is 4 KiB,
# so that a lane which is never empty at 100 MB/s is full after a year, and is then served in no order.
# An id that has its place keeps it, so that writing a job twice changes nothing.
_PLACE = """
redis.replicate_commands()
local queue, former, instead = KEYS[1], ARGV[1], ARGV[4]
local lanes = {
  {first = tonumber(ARGV[2]), after = tonumber(ARGV[3]) - 1, served = KEYS[2]},
  {first = tonumber(ARGV[3]), after = tonumber(former) - 1, served = KEYS[3]},
}
local function begin(lane)
  if lane.now then return end
  local head = redis.call('ZRANGEBYSCORE', queue, lane.first, lane.after, 'WITHSCORES', 'LIMIT', 0, 1)
  if not head[2] then redis.call('DEL', lane.served) end
  lane.now, lane.ends = tonumber(head[2]) or lane.first, {}
end
local function place(id, score)
  local token, records, size, project = string.match(id, '^([^:]*):(%d+):(%d+):(.+)$')
  local lane = lanes[token and string.sub(token, 33) == 'w' and 1 or 2]
  project = project or 'default'
  if not (score and score >= lane.first and score <= lane.after) then
    begin(lane)
    local ends = lane.ends[project] or tonumber(redis.call('HGET', lane.served, project)) or 0
    score = math.min(math.max(lane.now, ends), lane.after)
    lane.ends[project] = score + math.ceil((16384 + 256 * (records or 1) + (size or 0)) / 4096)
  end
  redis.call('ZADD', queue, string.format('%.0f', score), id)
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', queue, former, '+inf', 'LIMIT', 0, 500)) do place(id) end
local taken = instead ~= '' and tonumber(redis.call('ZSCORE', queue, instead))
local new = 0
for i = 5, #ARGV do
  if not redis.call('ZSCORE', queue, ARGV[i]) then
    place(ARGV[i], taken)
    new = new + 1
  end
end
for _, lane in ipairs(lanes) do
  for project, ends in pairs(lane.ends or {}) do
    redis.call('HSET', lane.served, project, string.format('%.0f', ends))
  end
end
return new
"""


def place(pipe: Pipeline | Any, queue: str, job_ids: Iterable[str], *, instead: str = "") -> Any:
    """List jobs in the queue at their places; as a command of the caller's MULTI, or to be awaited.

    The names say the project and the size of a job. The halves of a job are given its place, `instead` of it. Jobs
    that the version before had listed get their places too, in their order. Returns how many were not listed.
    """
    borders = (str(border) for border in (FORMER, *LANES.values()))
    return pipe.eval(_PLACE, 3, queue, *_SERVED.values(), *borders, instead, *job_ids)
