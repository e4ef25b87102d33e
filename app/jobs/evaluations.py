"""Following an evaluation to its end; its records are scored by the queue like all others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.jobs.runner import Step
from app.storage.engine import Connection
from app.storage.ledger.dead_letter_reads import dead_ids
from app.storage.traces.writing import stored_summaries
from app.storage.upkeep.jobs import Job

__all__ = ["Evaluations"]

_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(minutes=1)


class Evaluations:
    """Handles jobs of kind `evaluate`: counts which of their records have an outcome."""

    async def step(self, connection: Connection, project_id: str, job: Job) -> Step:
        """Look once; the longer it takes, the less often."""
        ids = [UUID(result["trace_id"]) for result in job.parameters["results"]]
        stored = {found.trace_id for found in await stored_summaries(connection, project_id, ids)}
        dead = await dead_ids(connection, project_id, [one for one in ids if one not in stored])
        settled = len([one for one in ids if one in stored or one in dead])
        age = datetime.now(UTC) - job.created_at
        return Step(
            settled,
            total=len(ids),
            wait=min(max(age / 10, _SHORTEST), _LONGEST),
            finished=settled == len(ids),
            result={"stored": len(stored), "failed": len(dead)} if settled == len(ids) else None,
        )
