"""Which jobs a worker process takes. Waited jobs have a process that is free for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from app.queue.names import JobName

__all__ = [
    "BULK_BYTES",
    "CROWDED_SECONDS",
    "LATE_SECONDS",
    "WAITED_BYTES",
    "Deferral",
    "Lane",
    "fit",
    "pick_waited",
]

Lane = Literal["waited", "bulk"]
"""The lane of a worker process.

`waited` takes only waited jobs. `bulk` takes bulk jobs, and waited jobs that nobody else takes.
"""

# A process claims no more bytes than this at once, unless a single job is larger. A claimed job
# goes before the jobs of projects that were served less. It is two bulk jobs, of which one is
# scored and one written, or the waited jobs of a second.
BULK_BYTES, WAITED_BYTES = 4 * 1024 * 1024 + 64 * 1024, 512 * 1024
# A waited job that has been seen for this long waits for more than its own process can do.
LATE_SECONDS = 0.1
# For this long after a waited job was seen, a process holds one bulk job, so that fewer processes
# need a core.
CROWDED_SECONDS = 1.0


def pick_waited(job_ids: Sequence[bytes]) -> list[bytes]:
    """Return the waited jobs."""
    return [job_id for job_id in job_ids if JobName.is_waited(job_id)]


class Deferral:
    """Leaves waited jobs to their own process, but not for long: it may be overloaded, or dead."""

    def __init__(self) -> None:
        self._seen: dict[bytes, float] = {}
        self._last = float("-inf")

    def pick(self, job_ids: Sequence[bytes], now: float, *, has_bulk: bool) -> list[bytes]:
        """Return the jobs to start at `now`, in seconds of any clock, while bulk is held or not."""
        waited = pick_waited(job_ids)
        self._seen = {job_id: self._seen.get(job_id, now) for job_id in waited}
        self._last = now if waited else self._last
        if not has_bulk:
            return list(job_ids)
        early = {job_id for job_id, first in self._seen.items() if now - first < LATE_SECONDS}
        return [job_id for job_id in job_ids if job_id not in early]

    def is_crowded(self, now: float) -> bool:
        """Tell whether there were waited jobs lately."""
        return now - self._last < CROWDED_SECONDS


def fit(job_ids: Sequence[bytes], room: int, *, idle: bool) -> list[bytes]:
    """Return the first jobs that have at most `room` bytes in all; with `idle`, at least one."""
    chosen: list[bytes] = []
    for job_id in job_ids:
        room -= JobName.parse(job_id.decode(errors="replace")).size
        if room < 0 and (chosen or not idle):
            break
        chosen.append(job_id)
    return chosen
