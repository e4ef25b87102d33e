"""The only way in: every route and importer hands its records to `Ingest`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Literal, NamedTuple
from uuid import UUID

from redis.asyncio import Redis

from app.config import Settings
from app.fair_threads import FairThreads
from app.ingest.admission import Admission
from app.ingest.group_commit import GroupCommit
from app.ingest.idempotency import Idempotency, client_key
from app.ingest.outcomes import Accepted, Prepared, Submission
from app.ingest.screening import find_claims, measure, screen
from app.ingest.turns import in_turns
from app.ingest.waiting import Waiting
from app.privacy import UNREDACTABLE, Privacy, Protected
from app.projects import Projects
from app.schemas.ids import mint_many
from app.schemas.kinds import Kind
from app.schemas.queued import Envelope, Source, SpanContext, Summary, encode
from app.schemas.records import Rejection
from app.supervision import Tasks, in_background
from monitoring.models import Record
from monitoring.privacy.redaction import Redaction

__all__ = ["Ingest"]

_SLICE_BYTES = 128 * 1024
_REDACTING_THREADS = 2


class _Fresh(NamedTuple):
    """The records of a request that will be queued.

    `retried` are those that were sent before, and `places` says where spans stand in their tree.
    """

    records: dict[UUID, Record]
    retried: set[UUID]
    places: dict[UUID, SpanContext]


def unix_ms() -> int:
    """Return the wall clock in Unix milliseconds."""
    return time.time_ns() // 1_000_000


class Ingest:
    """Accepts records durably: when `accept` returns, they are in Redis and will be processed.

    Personal data that a project wants redacted never gets to Redis.
    """

    def __init__(
        self,
        redis: Redis,
        settings: Settings,
        projects: Projects,
        privacy: Privacy,
        *,
        clock: Callable[[], int] = unix_ms,
        count_mark: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Make a service. `count_mark` is called with each mark of each accepted record."""
        self._clock = clock
        self._count_mark = count_mark
        self._projects = projects
        self._privacy = privacy
        self.waiting = Waiting(redis)
        self._idempotency = Idempotency(
            redis, window_hours=settings.idempotency_hours, clock=clock, secret=settings.secret_key
        )
        self.admission = Admission(
            redis,
            max_records=settings.backlog_max_records,
            max_age_seconds=settings.backlog_max_age_seconds,
            limits=projects.backlog_limits,
            shared=projects.are_several,
            count_ids=self._idempotency.count,
            clock=clock,
        )
        self._redacting = FairThreads("redaction", threads=_REDACTING_THREADS)
        self._commit = GroupCommit(redis, reply_to=self.waiting.channel, clock=clock)

    @asynccontextmanager
    async def running(self, tasks: Tasks | None = None) -> AsyncIterator[Ingest]:
        """Run the background tasks during the block; leaving it commits what is pending."""
        tasks = tasks or Tasks()
        try:
            async with in_background(
                self.admission.run(tasks),
                tasks.keep("queue_writes", self._commit.run, essential=True),
                tasks.keep("answers", self.waiting.run),
            ):
                yield self
        finally:
            self._redacting.close()

    async def accept(
        self,
        lines: Sequence[Record | Rejection],
        *,
        project_id: str,
        source: Source,
        keys: Sequence[str | None] | None = None,
        contexts: Sequence[SpanContext | None] | None = None,
        wait_seconds: float = 0,
        kind: str = Kind.LLM,
        guard: str | None = None,
    ) -> Submission:
        """Accept every record that is not already rejected, and wait for the scores if asked to.

        `keys` are idempotency keys aligned with `lines`; where one is None, the record's own id is
        its key. `contexts`, aligned too, say where those records that are spans stand in their
        tree. `guard` is the verdict of the guard about them. Raises Unavailable, and accepts
        nothing, when the queue cannot hold all of them or the project's settings are unknown;
        Overloaded when the project has reached its limit in the queue; and NotFound when there is
        no such project.
        """
        prepared = await self.prepare(
            lines,
            project_id=project_id,
            source=source,
            keys=keys,
            contexts=contexts,
            kind=kind,
            guard=guard,
            when="waited" if wait_seconds > 0 else "soon",
        )
        summaries = await self._keep(project_id, prepared.envelopes, prepared.records, wait_seconds)
        self.count_marks(prepared)
        return Submission(prepared.outcomes, summaries, prepared.records)

    async def prepare(
        self,
        lines: Sequence[Record | Rejection],
        *,
        project_id: str,
        source: Source,
        keys: Sequence[str | None] | None = None,
        contexts: Sequence[SpanContext | None] | None = None,
        kind: str = Kind.LLM,
        guard: str | None = None,
        when: Literal["waited", "soon", "later"] = "soon",
    ) -> Prepared:
        """Return records as the queue takes them, and reserve room for them; as `accept` otherwise.

        Later, the caller keeps them elsewhere until they are queued.
        """
        redaction = (await self._projects.find(project_id)).redaction
        redacting = redaction.on
        if redacting:
            self._privacy.require(redaction)
        screened = await screen(lines, now_ms=self._clock(), searched=redacting and redaction.searches)
        claims = find_claims(screened, keys, of_spans=contexts is not None)
        # A single record is encoded right afterwards, which tells its size.
        many = bool(claims or when == "later" or len(lines) > 1)
        reserved = many and await self._reserve(project_id, screened, len(claims), later=when == "later")
        identified = self._identify(screened)
        if claims:
            await self._recognize(identified, project_id, claims, of_spans=contexts is not None)
        fresh = await _find_fresh(screened, identified, contexts)
        # Without redaction no record is built anew, so that the common case is fast.
        kept = await self._protect(project_id, redaction, fresh.records) if redacting else None
        records = fresh.records if kept is None else {id_: one.record for id_, one in kept.items()}
        envelopes = await _encode(
            fresh, kept, project_id=project_id, source=source, kind=kind, waited=when == "waited", guard=guard
        )
        if not reserved:
            self.admission.admit(project_id, records=len(envelopes), size=sum(map(len, envelopes)))
        outcomes = _outcomes(screened, identified, None if kept is None else records)
        return Prepared(tuple(outcomes), envelopes, records, fresh.retried)

    async def find_accepted(self, project_id: str, client_id: str) -> UUID | None:
        """Return the trace id of a record that was accepted lately, by the id its client gave it.

        The record may still be in the queue. None after the hours for which ids are remembered.
        Raises Unavailable when Redis cannot be used.
        """
        return await self._idempotency.find(project_id, client_key(client_id))

    async def _keep(
        self, project_id: str, envelopes: Sequence[bytes], ids: Iterable[UUID], wait_seconds: float
    ) -> dict[UUID, Summary]:
        """Queue envelopes durably; returns the summaries that arrive within the waiting time."""
        if not envelopes:
            return {}
        if wait_seconds <= 0:
            await self._commit.keep(project_id, envelopes, waited=False)
            return {}
        waiters = [self.waiting.expect(trace_id) for trace_id in ids]
        try:
            await self._commit.keep(project_id, envelopes, waited=True)
            begun = asyncio.get_running_loop().time()
            summaries = await _collect(waiters, wait_seconds)
            self._commit.note_answer(asyncio.get_running_loop().time() - begun)
        finally:
            for waiter in waiters:
                waiter.cancel()
        return summaries

    def count_marks(self, prepared: Prepared) -> None:
        """Count the marks of records that are kept now and were not before."""
        for trace_id, record in prepared.records.items():
            if record.marks and trace_id not in prepared.retried:
                for mark in record.marks:
                    self._count_mark(mark)

    async def _protect(
        self, project_id: str, redaction: Redaction, records: dict[UUID, Record]
    ) -> dict[UUID, Protected]:
        """Redact records in a thread, a slice at a time, in turns with other projects."""
        kept: dict[UUID, Protected] = {}
        for part, size in _slices(records):
            kept |= await self._redacting.take(
                project_id, size, partial(self._privacy.protect, project_id, redaction, part)
            )
        return kept

    async def _reserve(
        self, project_id: str, lines: Sequence[Record | Rejection], ids: int, *, later: bool
    ) -> bool:
        """Refuse records for which there is no room, before any of them is in Redis.

        Returns whether room was reserved.
        """
        if later:
            self.admission.admit_later(project_id, size=await measure(lines), ids=ids)
            return True
        records = sum(isinstance(line, Record) for line in lines)
        if not ids:
            self.admission.check(project_id, records=records)
            return False
        self.admission.admit(project_id, records=records, size=await measure(lines), ids=ids)
        return True

    def _identify(self, lines: Sequence[Record | Rejection]) -> list[Accepted | None]:
        """Give each record a fresh trace id; None for what was rejected."""
        minted = mint_many(self._clock(), len(lines))
        return [
            Accepted(fresh, duplicate=False) if isinstance(line, Record) else None
            for line, fresh in zip(lines, minted, strict=True)
        ]

    async def _recognize(
        self,
        identified: list[Accepted | None],
        project_id: str,
        claims: Mapping[int, str],
        *,
        of_spans: bool,
    ) -> None:
        """Replace the ids of records that were sent before by those of their first attempt."""
        claiming = [fresh.trace_id for index in claims if (fresh := identified[index])]
        known = await self._idempotency.claim(project_id, list(claims.values()), claiming, of_spans=of_spans)
        for index, earlier in zip(claims, known, strict=True):
            if earlier is not None:
                identified[index] = Accepted(earlier, duplicate=True)


def _slices(records: Mapping[UUID, Record]) -> Iterator[tuple[dict[UUID, Record], int]]:
    """Yield records in parts of few bytes, or of one record, with the number of bytes."""
    part: dict[UUID, Record] = {}
    size = 0
    for trace_id, record in records.items():
        length = len(encode(record))
        if part and size + length > _SLICE_BYTES:
            yield part, size
            part, size = {}, 0
        part[trace_id] = record
        size += length
    if part:
        yield part, size


async def _find_fresh(
    lines: Sequence[Record | Rejection],
    identified: Sequence[Accepted | None],
    contexts: Sequence[SpanContext | None] | None,
) -> _Fresh:
    """Return the records to be queued. Of lines with the same id only the first is queued."""
    fresh = _Fresh({}, set(), {})

    def work(part: slice) -> None:
        for line, accepted in zip(lines[part], identified[part], strict=True):
            if isinstance(line, Record) and accepted and accepted.trace_id not in fresh.records:
                fresh.records[accepted.trace_id] = line
                if accepted.duplicate:
                    fresh.retried.add(accepted.trace_id)

    def place(part: slice) -> None:
        for accepted, context in zip(identified[part], (contexts or ())[part], strict=True):
            if accepted and context:
                fresh.places.setdefault(accepted.trace_id, context)

    await in_turns(len(lines), work)
    if contexts is not None:
        await in_turns(len(lines), place)
    return fresh


async def _encode(
    fresh: _Fresh,
    kept: Mapping[UUID, Protected] | None,
    *,
    project_id: str,
    source: Source,
    kind: str,
    waited: bool,
    guard: str | None,
) -> list[bytes]:
    """Return the records of a request in the form for the queue.

    `kept` are the redacted records, None without redaction.
    """
    envelopes: list[bytes] = []
    ids = [*(fresh.records if kept is None else kept)]
    nowhere = SpanContext(kind=kind, trace_id=b"", span_id=b"")

    def work(part: slice) -> None:
        for trace_id in ids[part]:
            record, pii, sealed = (
                kept[trace_id] if kept is not None else (fresh.records[trace_id], None, None)
            )
            place = fresh.places.get(trace_id, nowhere)
            envelope = Envelope(
                trace_id=trace_id,
                project_id=project_id,
                source=source,
                record=record,
                kind=place.kind,
                otel_trace_id=place.trace_id or None,
                otel_span_id=place.span_id or None,
                otel_parent_span_id=place.parent_span_id,
                response_key=place.response_key,
                retried=trace_id in fresh.retried,
                waited=waited,
                guard=guard,
                pii=pii,
                sealed=sealed,
            )
            envelopes.append(encode(envelope))

    await in_turns(len(ids), work)
    return envelopes


def _outcomes(
    lines: Sequence[Record | Rejection],
    identified: Sequence[Accepted | None],
    kept: Container[UUID] | None,
) -> Iterator[Accepted | Rejection]:
    """Yield the outcome of each line. `kept` holds the redacted records, None without redaction."""
    for number, (line, accepted) in enumerate(zip(lines, identified, strict=True), start=1):
        if isinstance(line, Rejection):
            yield line
        elif accepted is not None:
            refused = kept is not None and accepted.trace_id not in kept
            yield Rejection(number, None, UNREDACTABLE) if refused else accepted


async def _collect(waiters: Sequence[asyncio.Future[Summary]], seconds: float) -> dict[UUID, Summary]:
    """Return the summaries that arrive within `seconds`."""
    if not waiters:
        return {}
    done, _ = await asyncio.wait(waiters, timeout=seconds)
    summaries = (waiter.result() for waiter in done)
    return {summary.trace_id: summary for summary in summaries}
