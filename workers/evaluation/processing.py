"""The normal way of a job: its records are read, related to stored spans, scored and stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from redis.asyncio import Redis

from app.budgets.reservations import Reservations
from app.projects import Projects
from app.queue import JobName
from app.schemas.kinds import COUNTED_KINDS, PART_KINDS
from app.schemas.queued import Envelope, Summary
from app.schemas.traces import Trace, summarise
from app.storage.engine import REFUSALS, is_refusal
from app.storage.ledger.dead_letters import DeadLetter
from workers.evaluation.deadline import ScoringThread
from workers.evaluation.news import announce
from workers.evaluation.payload import Opened, letter_of, open_payload
from workers.evaluation.storing import Job, Storing
from workers.scoring import Unscorable
from workers.spans.inheritance import inherit

__all__ = ["Processing"]


class _Records(NamedTuple):
    """The records of a job, sorted: stored already, span parts, and all others."""

    known: Sequence[Summary]
    parts: Sequence[Envelope]
    fresh: Sequence[Envelope]


class Processing:
    """Takes jobs from their payload to their settlement; `clock` returns Unix milliseconds."""

    def __init__(
        self,
        redis: Redis,
        storing: Storing,
        scoring: ScoringThread,
        projects: Projects,
        clock: Callable[[], int],
    ) -> None:
        self._redis = redis
        self._reservations = Reservations(redis)
        self._storing = storing
        self._scoring = scoring
        self._projects = projects
        self._clock = clock

    async def process(self, name: JobName, payload: bytes) -> bool:
        """Score and store a job; returns False if its halves replaced it and have to be queued.

        Raises OverdueError if scoring takes too long, and the errors of Postgres and Redis.
        """
        opened = open_payload(name, payload, self._clock())
        records = await self._sort(name, opened.envelopes)
        related = await self._storing.relate(name.project_id, records.fresh)
        settings = await self._projects.find(name.project_id)
        prices = self._projects.prices_of(name.project_id)
        results = await self._scoring.score(str(name), related, settings, prices)
        stored = await self._store(_job(name, opened, records, related, results), related)
        await self._storing.follow_up(name.project_id, records.fresh)
        if stored is None and await self._storing.settled_records(name.project_id, str(name)) == 0:
            return False
        await self._settle_reservations(name.project_id, opened.envelopes)
        if stored is None:
            return True
        calls = [trace for trace in stored if trace.kind in COUNTED_KINDS]
        await announce(self._redis, opened, [*map(summarise, calls), *records.known])
        return True

    async def resume(self, name: JobName, payload: bytes) -> bool:
        """Finish a job that was settled before; returns False if it is not settled.

        Such a job lacks only the acknowledgement of arq, and perhaps the work that follows its
        settlement.
        """
        if not await self._storing.settled_records(name.project_id, str(name)):
            return False
        opened = open_payload(name, payload, self._clock())
        await self._storing.follow_up(name.project_id, opened.envelopes)
        await self._settle_reservations(name.project_id, opened.envelopes)
        return True

    async def _settle_reservations(self, project_id: str, envelopes: Sequence[Envelope]) -> None:
        """Settle what stored calls had reserved of budgets.

        The reservation of a call without a known cost holds its estimate until it lapses.
        """
        named = {one.trace_id: one.record.budget_reservation for one in envelopes}
        ids = [trace_id for trace_id, reservations in named.items() if reservations]
        if not ids:
            return
        stored = await self._storing.summaries(project_id, ids)
        ended = [
            name
            for summary in stored
            if summary.cost_usd is not None
            for name in named[UUID(bytes=summary.trace_id.bytes)]
        ]
        await self._reservations.settle(project_id, ended)

    async def _sort(self, name: JobName, envelopes: Sequence[Envelope]) -> _Records:
        known = await self._known(name, envelopes)
        known_ids = {summary.trace_id for summary in known}
        unknown = [envelope for envelope in envelopes if envelope.trace_id not in known_ids]
        parts = [envelope for envelope in unknown if envelope.kind in PART_KINDS]
        spans = inherit([envelope for envelope in unknown if envelope.kind not in PART_KINDS])
        return _Records(known, parts, spans)

    async def _known(self, name: JobName, envelopes: Sequence[Envelope]) -> list[Summary]:
        """Return the summaries of stored records whose client ids had come before."""
        retried = [envelope.trace_id for envelope in envelopes if envelope.retried]
        return await self._storing.summaries(name.project_id, retried) if retried else []

    async def _store(self, job: Job, envelopes: Sequence[Envelope]) -> Sequence[Trace] | None:
        """Store a job, and bury what Postgres refuses.

        Returns its traces, or None if it had been settled before.
        """
        try:
            return job.traces if await self._storing.store(job) else None
        except REFUSALS as error:
            if not is_refusal(error):
                raise
            refused = {
                refusal.trace.trace_id: refusal for refusal in await self._storing.find_refused(job.traces)
            }
            if not refused:
                raise
        name = JobName.parse(job.job_id)
        letters = [
            letter_of(name, envelope, found.reason, found.detail)
            for envelope in envelopes
            if (found := refused.get(envelope.trace_id))
        ]
        kept = [trace for trace in job.traces if trace.trace_id not in refused]
        outcome = await self._storing.store(job._replace(traces=kept, dead=[*job.dead, *letters]))
        return kept if outcome else None


def _job(
    name: JobName,
    opened: Opened,
    records: _Records,
    related: Sequence[Envelope],
    results: Iterable[Trace | Unscorable],
) -> Job:
    """Return a job ready to be stored, made of its records and their scoring."""
    traces: list[Trace] = []
    dead: list[DeadLetter] = [*opened.unreadable]
    for result in results:
        if isinstance(result, Trace):
            traces.append(result)
        else:
            dead.append(letter_of(name, result.envelope, result.reason, result.detail))
    return Job(
        name.project_id,
        str(name),
        traces,
        dead,
        duplicates=len(records.known),
        unread=opened.unread,
        again=frozenset(envelope.trace_id for envelope in related if envelope.retried),
        parts=records.parts,
    )
