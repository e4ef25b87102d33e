"""Which jobs a worker process picks: those that somebody waits for have a process that is free for them."""

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
"""What a worker process is for: the jobs that posts wait for alone, or bulk, and waited jobs that nobody else takes."""

# A process claims no more than this at once, unless a job alone is larger: what it has in hand stands before the
# job of a project that was served less. Two bulk jobs, one scored and one written, or a second of waited ones.
BULK_BYTES, WAITED_BYTES = 4 * 1024 * 1024 + 64 * 1024, 512 * 1024
# A waited job that was seen for so long waits for more than its own process can do.
LATE_SECONDS = 0.1
# For so long after a waited job was seen a process has one bulk job in hand, so that fewer want a core.
CROWDED_SECONDS = 1.0


def pick_waited(job_ids: Sequence[bytes]) -> list[bytes]:
    """Return the jobs that posts wait for."""
    return [job_id for job_id in job_ids if JobName.is_waited(job_id)]


class Deferral:
    """Leaves waited jobs to the process that is there for them, but not for long: it may be overrun, or dead."""

    def __init__(self) -> None:
        self._seen: dict[bytes, float] = {}
        self._last = float("-inf")

    def pick(self, job_ids: Sequence[bytes], now: float, *, has_bulk: bool) -> list[bytes]:
        """Return the jobs to start at `now`, in seconds of any clock, beside bulk that is in hand or not."""
        waited = pick_waited(job_ids)
        self._seen = {job_id: self._seen.get(job_id, now) for job_id in waited}
        self._last = now if waited else self._last
        if not has_bulk:
            return list(job_ids)
        early = {job_id for job_id, first in self._seen.items() if now - first < LATE_SECONDS}
        return [job_id for job_id in job_ids if job_id not in early]

    def is_crowded(self, now: float) -> bool:
        """Tell whether waited jobs were there lately."""
        return now - self._last < CROWDED_SECONDS


def fit(job_ids: Sequence[bytes], room: int, *, idle: bool) -> list[bytes]:
    """Return the first jobs that have at most `room` bytes together; one alone where nothing is in hand."""
    chosen: list[bytes] = []
    for job_id in job_ids:
        room -= JobName.parse(job_id.decode(errors="replace")).size
        if room < 0 and (chosen or not idle):
            break
        chosen.append(job_id)
    return chosen
