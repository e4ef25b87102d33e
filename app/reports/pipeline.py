"""Where every accepted record is: the ledger, the queue and the workers in one report."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from pydantic import BaseModel, ConfigDict
from redis.asyncio import Redis

from app.queue import QueuedJob, accepted_counts, live_workers, queued_since
from app.storage.engine import Connection
from app.storage.ledger.outcomes import Settled, read_settled, settled_jobs
from app.storage.rollups.set_aside import SetAside, read_set_aside

__all__ = ["PipelineReport", "ProjectLedger", "QueueReport", "read_pipeline", "read_queue"]


class ProjectLedger(BaseModel):
    """accepted = stored + duplicate + dead + in_flight + unaccounted, in records of one project.

    Figures miss what was set aside because no sum could be taken with it: whole batches of records, and values of
    so many days. `llm-monitor doctor --repair` brings back what can be had.
    """

    model_config = ConfigDict(frozen=True)

    project_id: str
    accepted: int
    stored: int
    duplicate: int
    dead: int
    in_flight: int
    unaccounted: int
    set_aside_batches: int = 0
    set_aside_days: int = 0


class QueueReport(BaseModel):
    """What waits or is being scored: records, jobs, and the age of the oldest job in seconds."""

    model_config = ConfigDict(frozen=True)

    records: int
    jobs: int
    oldest_age_seconds: float | None
    workers: int


class PipelineReport(BaseModel):
    """The ledgers of projects and the state of the queue."""

    model_config = ConfigDict(frozen=True)

    projects: tuple[ProjectLedger, ...]
    queue: QueueReport

    def only(self, project_id: str) -> PipelineReport:
        """Return the same without the ledgers of other projects; the queue is everybody's."""
        mine = tuple(ledger for ledger in self.projects if ledger.project_id == project_id)
        return self.model_copy(update={"projects": mine})


async def read_queue(redis: Redis, now: datetime) -> QueueReport:
    """Return the state of the queue and of the workers at an aware moment; raises redis errors."""
    return _describe(await queued_since(redis), await _count_workers(redis, now), now)


async def read_pipeline(connection: Connection, redis: Redis, now: datetime) -> PipelineReport:
    """Return where every record is; raises redis errors.

    Accepted counts are read before the queue and the queue before the outcomes, so a record that moves on
    meanwhile is not reported missing. One whose job is halved in that moment could be: what seems to be
    missing is looked for twice. At rest the figures are exact.
    """
    report = await _read_once(connection, redis, now)
    if any(project.unaccounted for project in report.projects):
        report = await _read_once(connection, redis, now)
    return report


async def _read_once(connection: Connection, redis: Redis, now: datetime) -> PipelineReport:
    accepted = await accepted_counts(redis)
    jobs = await queued_since(redis)
    done = await settled_jobs(
        connection,
        sorted({job.name.project_id for job in jobs}),
        [str(job.name) for job in jobs],
    )
    settled = await read_settled(connection)
    set_aside = await read_set_aside(connection)
    in_flight: Counter[str] = Counter()
    for job in jobs:
        if str(job.name) not in done:
            in_flight[job.name.project_id] += job.name.records
    return PipelineReport(
        projects=tuple(
            _balance(
                project,
                accepted.get(project, 0),
                settled.get(project, Settled()),
                in_flight[project],
                set_aside.get(project, SetAside()),
            )
            for project in sorted({*accepted, *settled, *in_flight, *set_aside})
        ),
        queue=_describe(jobs, await _count_workers(redis, now), now),
    )


def _balance(
    project_id: str, accepted: int, settled: Settled, in_flight: int, set_aside: SetAside
) -> ProjectLedger:
    return ProjectLedger(
        project_id=project_id,
        accepted=accepted,
        stored=settled.stored,
        duplicate=settled.duplicate,
        dead=settled.dead,
        in_flight=in_flight,
        unaccounted=max(0, accepted - settled.total - in_flight),
        set_aside_batches=set_aside.batches,
        set_aside_days=set_aside.days,
    )


async def _count_workers(redis: Redis, now: datetime) -> int:
    return len(await live_workers(redis, int(now.timestamp() * 1000)))


def _describe(jobs: list[QueuedJob], workers: int, now: datetime) -> QueueReport:
    oldest = min((job.enqueued_ms for job in jobs if job.enqueued_ms), default=None)
    return QueueReport(
        records=sum(job.name.records for job in jobs),
        jobs=len(jobs),
        oldest_age_seconds=None if oldest is None else max(0.0, now.timestamp() - oldest / 1000),
        workers=workers,
    )
