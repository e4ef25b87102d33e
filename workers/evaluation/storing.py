"""Writing a scored job: everything in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from app.figures.judging import describing
from app.figures.observation import observe
from app.schemas.ids import minted_at
from app.schemas.kinds import Kind
from app.schemas.queued import Envelope, Summary, encode
from app.schemas.traces import Trace
from app.storage.engine import REFUSALS, Connection, Engine, is_refusal
from app.storage.ledger.dead_letters import DeadLetter, bury, exhume
from app.storage.ledger.settlements import settle, settled_records
from app.storage.rollups.batches import append_batches
from app.storage.traces.places import read_documents, read_places
from app.storage.traces.span_parts import Row, insert_parts
from app.storage.traces.writing import (
    KnownTraceError,
    MissingPartitionError,
    copy_traces,
    insert_traces,
    stored_summaries,
)
from app.storage.upkeep.partitions import ensure_partitions
from monitoring.bisection import Bisection
from monitoring.evaluator import Evaluator
from monitoring.marks import Mark
from workers.cardinality import CardinalityCaps
from workers.spans.context import Family, is_related, relate, wants_documents, within_reach
from workers.spans.duplicates import DuplicateCalls, restated_among, shared_traces
from workers.spans.inheritance import bequeath
from workers.spans.instrumentations import Instrumentations
from workers.spans.late_documents import want_documents

__all__ = ["Job", "Outcome", "Refused", "Storing"]


class Job(NamedTuple):
    """A queue job after scoring: its traces, what was given up, and how many were known to be stored.

    `unread` counts records beyond the letters of a job that could not even be taken apart; those of `again`
    were sent before and may lie among the dead letters; `parts` belong to spans that come by another way.
    """

    project_id: str
    job_id: str
    traces: Sequence[Trace]
    dead: Sequence[DeadLetter]
    duplicates: int
    unread: int = 0
    again: frozenset[UUID] = frozenset()
    parts: Sequence[Envelope] = ()


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
    """Stores jobs through one engine; `nudge` hears when there may be parts to join."""

    def __init__(
        self,
        engine: Engine,
        evaluators: Sequence[Evaluator],
        caps: CardinalityCaps,
        *,
        nudge: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._descriptive = describing(evaluators)
        self._caps = caps
        self._nudge = nudge
        self._instrumentations = Instrumentations(engine)
        self._nesting = DuplicateCalls(engine, caps, self._descriptive)

    async def store(self, job: Job) -> Outcome | None:
        """Write traces, what they add to rollups, dead letters and the settlement; None when the job had been settled before.

        A record is counted as stored where its id is new, else as a duplicate, also within the job. One
        that is stored is no dead letter, whatever became of its other tries.

        Raises one of REFUSALS when Postgres refuses a trace (see `find_refused`), and the
        database's outage errors.
        """
        traces = await self._caps.mark(job.traces)
        async with self._engine.connect() as connection:
            fresh = await self._insert(connection, traces)
            new = {trace.trace_id: trace for trace in traces if trace.trace_id in fresh}
            await append_batches(connection, observe(list(new.values()), self._descriptive))
            await exhume(connection, job.project_id, job.again & fresh)
            buried = await bury(connection, job.project_id, job.dead)
            kept = await insert_parts(connection, job.project_id, [_row(part) for part in job.parts])
            known = len(job.traces) - len(new) + len(job.parts) - len(kept)
            outcome = Outcome(
                stored=len(new) + len(kept),
                duplicate=job.duplicates + known + len(job.dead) - buried,
                dead=buried + job.unread,
            )
            if not await settle(connection, job.project_id, job.job_id, **outcome._asdict()):
                return None
            await connection.commit()
        if job.parts or any(Mark.NO_CONTENT in trace.marks for trace in new.values()):
            self._nudge()
        return outcome

    async def relate(self, project_id: str, envelopes: Sequence[Envelope]) -> Sequence[Envelope]:
        """Return envelopes with what stored spans of the same traces, accepted within an hour, say of them."""
        ids = {one.otel_trace_id for one in envelopes if is_related(one) and one.otel_trace_id}
        if not ids:
            return envelopes
        since, until = within_reach(envelopes)
        await self._instrumentations.register(project_id, envelopes)
        async with self._engine.connect() as connection:
            places = await read_places(connection, project_id, sorted(ids), since=since, until=until)
            restated = await restated_among(connection, project_id, envelopes, places)
            known = {span.otel_trace_id for span in places}
            wanted = {id_: latest for id_, latest in wants_documents(envelopes).items() if id_ in known}
            documents = (
                await read_documents(connection, project_id, wanted, since=since, until=until)
                if wanted
                else ()
            )
        return relate(envelopes, Family(documents, restated))

    async def follow_up(self, project_id: str, envelopes: Sequence[Envelope]) -> None:
        """Tell stored spans of the same traces what the spans of a settled job say of them.

        What calls around others added is taken back, spans get user, session and tags of outer ones, and calls are
        scored anew that lack what was retrieved before them.
        """
        shared = await shared_traces(self._engine, project_id, envelopes)
        await self._nesting.unnest(project_id, envelopes, shared)
        retrieved = await bequeath(self._engine, self._caps, project_id, envelopes, shared, self._descriptive)
        if retrieved and await want_documents(self._engine, project_id, envelopes, retrieved):
            self._nudge()

    async def summaries(self, project_id: str, trace_ids: Sequence[UUID]) -> list[Summary]:
        """Return the summaries of those of the records that are stored."""
        async with self._engine.connect() as connection:
            return await stored_summaries(connection, project_id, trace_ids)

    async def settled_records(self, project_id: str, job_id: str) -> int | None:
        """Return how many records a job was settled with: 0 when it was replaced, None when it is open."""
        async with self._engine.connect() as connection:
            return await settled_records(connection, project_id, job_id)

    async def replace(self, project_id: str, job_id: str) -> bool:
        """Settle a job with nothing, for its halves to be settled instead; False when it has an outcome."""
        async with self._engine.begin() as connection:
            if await settle(connection, project_id, job_id, stored=0, duplicate=0, dead=0):
                return True
            return await settled_records(connection, project_id, job_id) == 0

    async def find_refused(self, traces: Sequence[Trace]) -> list[Refused]:
        """Return the traces that cannot be stored, by trying halves in transactions that are undone."""
        refused: list[Refused] = []
        parts = Bisection(traces)
        for part in parts:
            try:
                async with self._engine.connect() as connection:
                    await self._insert(connection, part)
            except REFUSALS as error:
                if not is_refusal(error):
                    raise
                if not parts.halve(part):
                    refused.append(Refused(part[0], type(error).__name__, _reason(error)))
        return refused

    async def _insert(self, connection: Connection, traces: Sequence[Trace]) -> set[UUID]:
        """Store traces as the first thing of a transaction; returns the ids of those that were new."""
        if not traces:
            return set()
        try:
            await copy_traces(connection, traces)
        except KnownTraceError:
            await connection.rollback()
            return await insert_traces(connection, traces)
        except MissingPartitionError:  # Postgres was away for longer than partitions are made ahead
            await connection.rollback()
            days = [minted_at(trace.trace_id).date() for trace in traces]
            await ensure_partitions(self._engine, min(days), max(days) + timedelta(days=1))
            return await insert_traces(connection, traces)
        return {trace.trace_id for trace in traces}


def _row(part: Envelope) -> Row:
    ids = (part.otel_trace_id or b"", part.otel_span_id or b"")
    about = part.response_key if part.kind == Kind.EVALUATION or part.otel_span_id is None else None
    return (part.trace_id, part.kind, *ids, about, encode(part), part.record.user_id)


def _reason(error: Exception) -> str:
    """Return what Postgres said, without the statement and the values that SQLAlchemy adds."""
    return str(getattr(error, "orig", None) or error)
