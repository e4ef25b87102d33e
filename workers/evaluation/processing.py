"""The way of a job that nothing disturbs: its records are read, related to stored spans, scored, stored and announced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from redis.asyncio import Redis

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
    """The records of a job: those that are stored already, parts of spans that come another way, and the others."""

    known: Sequence[Summary]
    parts: Sequence[Envelope]
    fresh: Sequence[Envelope]


class Processing:
    """Takes jobs from their payload to what is stored of them; `clock` returns Unix milliseconds."""

    def __init__(
        self,
        redis: Redis,
        storing: Storing,
        scoring: ScoringThread,
        projects: Projects,
        clock: Callable[[], int],
    ) -> None:
        self._redis = redis
        self._storing = storing
        self._scoring = scoring
        self._projects = projects
        self._clock = clock

    async def process(self, name: JobName, payload: bytes) -> bool:
        """Score and store a job; returns False where it was replaced by its halves, which have to be queued again.

        Raises OverdueError where scoring takes too long, and the errors of Postgres and Redis.
        """
        opened = open_payload(name, payload, self._clock())
        records = await self._sort(name, opened.envelopes)
        related = await self._storing.relate(name.project_id, records.fresh)
        settings = await self._projects.find(name.project_id)
        results = await self._scoring.score(str(name), related, settings)
        stored = await self._store(_job(name, opened, records, related, results), related)
        await self._storing.follow_up(name.project_id, records.fresh)
        if stored is None:
            return await self._storing.settled_records(name.project_id, str(name)) != 0
        calls = [trace for trace in stored if trace.kind in COUNTED_KINDS]
        await announce(self._redis, opened, [*map(summarise, calls), *records.known])
        return True

    async def resume(self, name: JobName, payload: bytes) -> bool:
        """Do what is left of a job that was settled before; returns False where it is not settled.

        All that was missing is arq's acknowledgement, and perhaps what follows the settlement.
        """
        if not await self._storing.settled_records(name.project_id, str(name)):
            return False
        opened = open_payload(name, payload, self._clock())
        await self._storing.follow_up(name.project_id, opened.envelopes)
        return True

    async def _sort(self, name: JobName, envelopes: Sequence[Envelope]) -> _Records:
        known = await self._known(name, envelopes)
        known_ids = {summary.trace_id for summary in known}
        unknown = [envelope for envelope in envelopes if envelope.trace_id not in known_ids]
        parts = [envelope for envelope in unknown if envelope.kind in PART_KINDS]
        spans = inherit([envelope for envelope in unknown if envelope.kind not in PART_KINDS])
        return _Records(known, parts, spans)

    async def _known(self, name: JobName, envelopes: Sequence[Envelope]) -> list[Summary]:
        """Return what is stored of the records whose client id had been seen before."""
        retried = [envelope.trace_id for envelope in envelopes if envelope.retried]
        return await self._storing.summaries(name.project_id, retried) if retried else []

    async def _store(self, job: Job, envelopes: Sequence[Envelope]) -> Sequence[Trace] | None:
        """Store the job, burying what Postgres refuses; returns its traces, None when it was settled before."""
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
    """Return a job as it is stored, from what its records were scored with."""
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
