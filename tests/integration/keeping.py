"""Stored traces of the past, and erasures, for tests of what is kept and forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from app.jobs import Runner
from app.jobs.erasure import Erasure
from app.jobs.kinds import JobKind
from app.schemas.ids import first_id
from app.storage.upkeep.jobs import Job, add_job
from app.storage.upkeep.partitions import ensure_partitions
from tests.integration.worker_rig import Rig


async def fill(rig: Rig, moment: datetime, rows: int, project_id: str = "default", users: int = 10) -> None:
    """Store traces accepted from a moment on, a millisecond apart, of 2 KB that do not compress."""
    await ensure_partitions(rig.engine, moment.date(), moment.date() + timedelta(days=1))
    ids = [first_id(moment + timedelta(milliseconds=i)) for i in range(rows)]
    async with rig.engine.begin() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO traces (project_id, trace_id, job_id, source, kind, occurred_at, model_name, user_id,"
            " tags, prompt, response, context, pricing_status, flags, scores, marks)"
            " SELECT $1, id, 'job', 'live', 'llm', $3, 'm', 'u' || n % $4, '{}', '',"
            " (SELECT string_agg(md5(n::text || i::text), '') FROM generate_series(1, 60) AS i),"
            " '{}', 'unknown', '{}', '{}', '{}' FROM unnest($2::uuid[]) WITH ORDINALITY AS r(id, n)",
            (project_id, ids, moment, users),
        )
        await connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")


async def erase_user(rig: Rig, user: str) -> UUID:
    job = Job(
        job_id=uuid4(),
        kind=JobKind.ERASE,
        state="queued",
        parameters={"user_ids": [user]},
        created_at=datetime.now(UTC),
    )
    async with rig.engine.begin() as connection:
        await add_job(connection, "default", job)
    return job.job_id


def eraser(rig: Rig) -> Runner:
    return Runner(rig.engine, rig.redis, {JobKind.ERASE: Erasure(rig.engine, rig.redis, ())})
