"""How far an evaluation is, how fast it goes, and when it will end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from app.jobs.kinds import JobKind
from app.storage.upkeep.jobs import Job

__all__ = ["Pace", "pace_of"]

_SPAN: Final = timedelta(seconds=30)
_MOST_MARKS: Final = 64


class Pace(msgspec.Struct, frozen=True):
    """Records that were given up, and the number that were done at moments of the last seconds.

    `accepted` is how many records of all projects the queue had accepted after the last step.
    """

    failed: int = 0
    accepted: int = 0
    marks: tuple[tuple[datetime, int], ...] = ()

    def reached(self, now: datetime, done: int, failed: int, accepted: int) -> Pace:
        """Return the pace after another step."""
        kept = [mark for mark in self.marks if now - mark[0] <= _SPAN][-_MOST_MARKS:]
        return Pace(failed, accepted, (*kept, (now, done)))

    @property
    def rate_per_s(self) -> float | None:
        """Records per second lately; None if that is not known yet."""
        if len(self.marks) < 2:  # noqa: PLR2004 a rate needs two moments
            return None
        (begun, before), (ended, done) = self.marks[0], self.marks[-1]
        seconds = (ended - begun).total_seconds()
        return (done - before) / seconds if seconds > 0 else None

    def eta_seconds(self, done: int, total: int) -> float | None:
        """Return the seconds until all is done at this rate; None if nothing was done lately."""
        rate = self.rate_per_s
        return (total - done) / rate if rate else None


def pace_of(job: Job) -> Pace:
    """Return the pace of an evaluation; an empty one for other jobs."""
    if job.kind != JobKind.EVALUATE or not job.cursor:
        return Pace()
    return msgspec.convert(job.cursor, Pace)
