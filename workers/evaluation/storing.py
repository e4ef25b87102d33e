"""Storing a scored job: everything in one transaction, or nothing."""

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
from app.storage.budgets.spending import count_spending
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
from workers.spans.context import RelatedSpans, is_related, relate, wants_documents, within_reach
from workers.spans.duplicates import DuplicateCalls, restated_among, shared_traces
from workers.spans.inheritance import inherit_stored
from workers.spans.instrumentations import Instrumentations
from workers.spans.late_documents import want_documents

__all__ = ["Job", "Outcome", "Refused", "Storing"]


class Job(NamedTuple):
    """A queue job after scoring: its traces, its dead letters, and how many duplicates it had.

    `unread` counts records of an undecodable job that have no dead letter of their own. `again` are
    records that were sent before and may lie among the dead letters. `parts` are span parts.
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
    """What became of the records of a job: how many were stored, were duplicates, or are dead."""

    stored: int
    duplicate: int
    dead: int


class Storing:
    """Stores jobs in one database; `nudge` is called when there may be span parts to join."""

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
        """Write traces, their rollup batches, dead letters and the settlement.

        Returns None if the job had been settled before. A record is stored if its id is new, and
        otherwise a duplicate, also within the job. A stored record is no dead letter, whatever its
        other attempts came to.

        Raises one of REFUSALS if Postgres refuses a trace (see `find_refused`), and outage errors.
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
            settled = await settle(connection, job.project_id, job.job_id, **outcome._asdict())
            if settled is None:
                return None
            if settled.has_budgets:
                await count_spending(connection, job.project_id, [], list(new.values()))
            await connection.commit()
        if job.parts or any(Mark.NO_CONTENT in trace.marks for trace in new.values()):
            self._nudge()
        return outcome

    async def relate(self, project_id: str, envelopes: Sequence[Envelope]) -> Sequence[Envelope]:
        """Return envelopes with what stored spans of their traces add, from within an hour."""
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
        return relate(envelopes, RelatedSpans(documents, restated))

    async def follow_up(self, project_id: str, envelopes: Sequence[Envelope]) -> None:
        """Let the spans of a settled job change the stored spans of their traces.

        Duplicate calls are taken out of the figures, and spans inherit user, conversation and tags.
        Calls that lack documents which were retrieved before them are scored again.
        """
        shared = await shared_traces(self._engine, project_id, envelopes)
        await self._nesting.unnest(project_id, envelopes, shared)
        retrieved = await inherit_stored(
            self._engine, self._caps, project_id, envelopes, shared, self._descriptive
        )
        if retrieved and await want_documents(self._engine, project_id, envelopes, retrieved):
            self._nudge()

    async def summaries(self, project_id: str, trace_ids: Sequence[UUID]) -> list[Summary]:
        """Return the summaries of those records that are stored."""
        async with self._engine.connect() as connection:
            return await stored_summaries(connection, project_id, trace_ids)

    async def settled_records(self, project_id: str, job_id: str) -> int | None:
        """Return how many records a job was settled with: 0 if replaced, None if not settled."""
        async with self._engine.connect() as connection:
            return await settled_records(connection, project_id, job_id)

    async def replace(self, project_id: str, job_id: str) -> bool:
        """Settle a job as replaced by its halves; returns False if it has an outcome."""
        async with self._engine.begin() as connection:
            if await settle(connection, project_id, job_id, stored=0, duplicate=0, dead=0):
                return True
            return await settled_records(connection, project_id, job_id) == 0

    async def find_refused(self, traces: Sequence[Trace]) -> list[Refused]:
        """Return the traces that Postgres refuses, found by trying halves and undoing them."""
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
        """Store traces at the start of a transaction, and return the ids of the new ones."""
        if not traces:
            return set()
        try:
            await copy_traces(connection, traces)
        except KnownTraceError:
            await connection.rollback()
            return await insert_traces(connection, traces)
        except MissingPartitionError:  # Postgres was away for longer than partitions exist ahead
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
    """Return the message of Postgres, without the statement and values that SQLAlchemy adds."""
    return str(getattr(error, "orig", None) or error)
