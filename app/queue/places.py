"""Which job is served next: a job of the project that was served least, among those with jobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from redis.asyncio import Redis

__all__ = ["ENQUEUE", "FORMER", "LANES", "Enqueued", "enqueue_arguments", "place"]

# Start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996). A job's place is S = max(V, F), where
# V is the place of the job that is being served, and F the end of the project's last job. Then F =
# S + cost. Places are not moments. They lie far in the past, so that arq considers every job due,
# and a clock that jumps changes nothing.
LANES: Final = {"waited": 1, "bulk": 800_000_000_000}
# The lanes end here. Jobs that are listed beyond have a moment as their place, which an earlier
# version gave them.
FORMER: Final = 1_600_000_000_000

_BORDERS: Final = tuple(str(border) for border in (FORMER, *LANES.values()))
_SERVED: Final = {lane: f"llm-monitor:served:{lane}" for lane in LANES}
# A job costs a worker as much time as 16 KiB of text, whatever it holds, and a record as much as
# 256 bytes of text. The unit is 4 KiB. So a lane that is never empty at 100 MB/s is full after a
# year, and is then served in no order. An id that has a place keeps it, so that writing a job twice
# changes nothing.
_PLACES = """
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
local function list(first, step)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', queue, former, '+inf', 'LIMIT', 0, 500)) do place(id) end
  local taken = instead ~= '' and tonumber(redis.call('ZSCORE', queue, instead))
  local new = 0
  for i = first, #ARGV, step do
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
end
"""
_REPLICATE = "redis.replicate_commands()\n"
_PLACE: Final = f"{_REPLICATE}{_PLACES}return list(5, 1)"
# Redis looks for free memory at the first write of a script, which is the largest one here.
ENQUEUE: Final = f"""{_REPLICATE}{_PLACES}
for i = 5, #KEYS do
  local at = 6 + 4 * (i - 5)
  redis.call('PSETEX', KEYS[i], ARGV[5], ARGV[at + 1])
  if ARGV[at + 3] ~= '0' then redis.call('HINCRBY', KEYS[4], ARGV[at + 2], ARGV[at + 3]) end
end
return list(6, 4)
"""
"""Writes jobs: their payloads, the ledger's counts and their places, in one step.

`enqueue_arguments` makes its keys and arguments.
"""


class Enqueued(NamedTuple):
    """One job for `ENQUEUE`.

    The id, the key and the bytes of its payload, its project, and how many records it adds to the
    ledger's count of that project.
    """

    job_id: str
    key: str
    payload: bytes
    project_id: str
    records: int


def enqueue_arguments(
    queue: str, counts: str, jobs: Sequence[Enqueued], *, expires_ms: int, instead: str = ""
) -> tuple[list[str], list[str | int | bytes]]:
    """Return the keys and arguments of `ENQUEUE`.

    The halves of a job get its place, `instead` of it. Payloads expire after `expires_ms`.
    """
    keys = [queue, *_SERVED.values(), counts, *(job.key for job in jobs)]
    arguments: list[str | int | bytes] = [*_BORDERS, instead, expires_ms]
    for job in jobs:
        arguments += (job.job_id, job.payload, job.project_id, job.records)
    return keys, arguments


async def place(redis: Redis, queue: str, job_ids: Iterable[str]) -> int:
    """List jobs in the queue at their places; returns how many were not listed before.

    The names give the project and the size of a job. Jobs that an earlier version listed get places
    too, in their order.
    """
    commands: Any = redis
    return int(await commands.eval(_PLACE, 3, queue, *_SERVED.values(), *_BORDERS, "", *job_ids))
