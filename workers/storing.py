"""Writing a scored job: everything in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from app.aggregation import Judging, aggregate
from app.schemas.ids import minted_at
from app.schemas.traces import Trace
from app.storage.dead_letters import DeadLetter, bury
from app.storage.engine import REFUSALS, Connection, Engine, is_outage
from app.storage.partitions import ensure_partitions
from app.storage.rollup_writes import append_deltas
from app.storage.settlements import settle
from app.storage.trace_writes import MissingPartitionError, insert_traces
from monitoring.evaluator import Evaluator
from monitoring.verdict import Policy
from workers.naming import Naming

__all__ = ["Job", "Outcome", "Refused", "Storing"]


class Job(NamedTuple):
    """A queue job after scoring: its traces, what was given up, and how many were known to be stored.

    `unread` counts records beyond the letters of a job that could not even be taken apart; `policy` is what
    the traces were judged by.
    """

    project_id: str
    job_id: str
    traces: Sequence[Trace]
    dead: Sequence[DeadLetter]
    duplicates: int
    unread: int = 0
    policy: Policy = Policy()


class Refused(NamedTuple):
    """A trace that Postgres cannot store, and why."""

    trace: Trace
    reason: str
    detail: str


class Outcome(NamedTuple):
    """What one job came to: how many records were new, known before, and given up."""

    stored: int
    duplicate: int
    dead: int


class Storing:
    """Stores jobs through one engine."""

    def __init__(self, engine: Engine, evaluators: Sequence[Evaluator], naming: Naming) -> None:
        self._engine = engine
        self._evaluators = evaluators
        self._naming = naming

    async def store(self, job: Job) -> Outcome | None:
        """Write traces, deltas, dead letters and the settlement; None when another try had done so.

        Raises one of REFUSALS when Postgres refuses a trace (see `find_refused`), and the
        database's outage errors.
        """
        names = await self._naming.names(job.traces)
        judging = Judging.of(self._evaluators, job.policy)
        async with self._engine.connect() as connection:
            fresh = await self._insert(connection, job.traces)
            new = [trace for trace in job.traces if trace.trace_id in fresh]
            await append_deltas(connection, aggregate(new, judging, name=names))
            await bury(connection, job.dead)
            outcome = Outcome(
                stored=len(new),
                duplicate=job.duplicates + len(job.traces) - len(new),
                dead=len(job.dead) + job.unread,
            )
            if not await settle(connection, job.project_id, job.job_id, **outcome._asdict()):
                return None
            await connection.commit()
            return outcome

    async def find_refused(self, traces: Sequence[Trace]) -> list[Refused]:
        """Return the traces that cannot be stored, by trying halves in transactions that are undone."""
        if not traces:
            return []
        try:
            async with self._engine.connect() as connection:
                await self._insert(connection, traces)
                return []
        except REFUSALS as error:
            if is_outage(error):
                raise
            if len(traces) == 1:
                return [Refused(traces[0], type(error).__name__, _reason(error))]
        middle = len(traces) // 2
        return [*await self.find_refused(traces[:middle]), *await self.find_refused(traces[middle:])]

    async def _insert(self, connection: Connection, traces: Sequence[Trace]) -> set[UUID]:
        try:
            return await insert_traces(connection, traces)
        except MissingPartitionError:
            pass  # Postgres was away for longer than partitions are made ahead
        await connection.rollback()
        days = [minted_at(trace.trace_id).date() for trace in traces]
        await ensure_partitions(self._engine, min(days), max(days) + timedelta(days=1))
        return await insert_traces(connection, traces)


def _reason(error: Exception) -> str:
    """Return what Postgres said, without the statement and the values that SQLAlchemy adds."""
    return str(getattr(error, "orig", None) or error)
