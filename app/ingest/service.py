"""The one way in: every route, importer and helper hands its records to `Ingest`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Container, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from redis.asyncio import Redis

from app.config import Settings
from app.fair_threads import FairThreads
from app.ingest.admission import Admission
from app.ingest.group_commit import GroupCommit
from app.ingest.idempotency import Idempotency, client_key
from app.ingest.waiting import Waiting
from app.privacy import UNREDACTABLE, Privacy, Protected
from app.projects import Projects
from app.schemas.ids import mint_many
from app.schemas.queued import LLM, Envelope, Source, SpanContext, Summary, encode
from app.schemas.records import Rejection
from app.supervision import Tasks, in_background
from monitoring.models import Record
from monitoring.redaction import Redaction

__all__ = ["Accepted", "Ingest", "Submission"]

_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
_LATEST_AHEAD = timedelta(days=1)
# What an envelope adds to its record: ids, kind and marks.
_ENVELOPE_BYTES = 150
_IMPOSSIBLE = "timestamp lies before 2020 or more than a day ahead of the server's clock"
# Lines that are worked on at once: a few milliseconds, in which nobody else has a turn.
_PART = 500
_WHOLE = (slice(0, _PART),)
# Where personal data is looked for: card numbers alone take 1.5 s per MiB of a core, ordinary text 0.01 s (2026-11-29).
_SEARCHED_BYTES = 1024 * 1024
_SLICE_BYTES = 128 * 1024
_REDACTING_THREADS = 2


class Accepted(NamedTuple):
    """A record that is kept: its trace id, and whether its client id had been seen before."""

    trace_id: UUID
    duplicate: bool


class Submission(NamedTuple):
    """What became of each line, aligned with the request, and the scores that came in time.

    `records` are those that were queued, by trace id and as they were queued: redacted where the project
    asks for it.
    """

    outcomes: tuple[Accepted | Rejection, ...]
    summaries: dict[UUID, Summary]
    records: dict[UUID, Record]


def unix_ms() -> int:
    """Return the wall clock in Unix milliseconds."""
    return time.time_ns() // 1_000_000


class Ingest:
    """Accepts records durably: after `accept` returns they are in Redis and will be scored and stored.

    What a project wants redacted never gets there.
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
        """`count_mark` hears each mark of each record that is kept, which say what was noticed while reading it."""
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
        """Run the background tasks for the length of the block; leaving it commits what is pending."""
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
        kind: str = LLM,
        guard: str | None = None,
    ) -> Submission:
        """Keep every record that is not already rejected, and wait for their scores if asked to.

        `keys` are idempotency keys aligned with `lines`; where None, the record's own id counts. `contexts`,
        aligned too, say where records stand that are spans. `guard` is what the guard said about them. Raises
        Unavailable, and keeps nothing, when the queue cannot take all of them or the project's settings are
        not known, Overloaded when the project may have no more waiting, and NotFound when there is no such
        project.
        """
        redaction = (await self._projects.find(project_id)).redaction
        if redaction.on:
            self._privacy.require(redaction)
        screened = await self._screen(lines)
        if redaction.searches:
            screened = [_refuse_long(number, line) for number, line in enumerate(screened, start=1)]
        claims = _claims(screened, keys, of_spans=contexts is not None)
        reserved = await self._reserve(project_id, screened, len(claims))
        identified = await self._identify(screened, project_id, claims, of_spans=contexts is not None)
        waited = wait_seconds > 0
        fresh, retried = await _find_fresh(screened, identified)
        # Without redaction nothing is built anew: this is every record's way.
        kept = await self._protect(project_id, redaction, fresh) if redaction.on else None
        records = fresh if kept is None else {trace_id: kept[trace_id].record for trace_id in kept}
        places = await _places(identified, contexts) if contexts else {}

        def envelope(trace_id: UUID, record: Record) -> bytes:
            return encode(
                Envelope(
                    trace_id=trace_id,
                    project_id=project_id,
                    source=source,
                    record=record,
                    retried=bool(retried) and trace_id in retried,
                    waited=waited,
                    guard=guard,
                    pii=kept[trace_id].pii if kept else None,
                    sealed=kept[trace_id].sealed if kept else None,
                    **(places.get(trace_id) or {"kind": kind}),
                )
            )

        envelopes: list[bytes] = []
        waiting = list(records.items())
        for part in _parts(len(waiting)):
            if part.start:
                await asyncio.sleep(0)
            envelopes += [envelope(trace_id, record) for trace_id, record in waiting[part]]
        waiters = [self.waiting.expect(trace_id) for trace_id in records] if waited else []
        try:
            if not reserved:
                self.admission.admit(project_id, records=len(envelopes), size=sum(map(len, envelopes)))
            if envelopes:
                await self._commit.keep(project_id, envelopes, waited=waited)
                self._count_marks(records, retried)
            begun = asyncio.get_running_loop().time()
            summaries = await _collect(waiters, wait_seconds)
            if waited:
                self._commit.note_answer(asyncio.get_running_loop().time() - begun)
        finally:
            for waiter in waiters:
                waiter.cancel()
        outcomes = _outcomes(screened, identified, None if kept is None else records)
        return Submission(tuple(outcomes), summaries, records)

    def _count_marks(self, records: Mapping[UUID, Record], retried: Container[UUID]) -> None:
        for trace_id, record in records.items():
            if record.marks and trace_id not in retried:
                for mark in record.marks:
                    self._count_mark(mark)

    async def _protect(
        self, project_id: str, redaction: Redaction, records: dict[UUID, Record]
    ) -> dict[UUID, Protected]:
        """Redact records beside the event loop, a slice at a time, in turns with other projects."""
        kept: dict[UUID, Protected] = {}
        for part, size in _slices(records):
            kept |= await self._redacting.take(
                project_id, size, partial(self._privacy.protect, project_id, redaction, part)
            )
        return kept

    async def _reserve(self, project_id: str, lines: Sequence[Record | Rejection], ids: int) -> bool:
        """Refuse what there is no room for before anything of it is in Redis; tells whether room is reserved.

        Where ids have to be remembered first, the size of the records is told by encoding them once more, which
        is a hundredth of what accepting them costs.
        """
        records = [line for line in lines if isinstance(line, Record)]
        if not ids:
            self.admission.check(project_id, records=len(records))
            return False
        size = 0
        for part in _parts(len(records)):
            if part.start:
                await asyncio.sleep(0)
            size += sum(len(encode(record)) + _ENVELOPE_BYTES for record in records[part])
        self.admission.admit(project_id, records=len(records), size=size, ids=ids)
        return True

    async def _screen(self, lines: Sequence[Record | Rejection]) -> list[Record | Rejection]:
        """Reject moments that no clock of a live system gives."""
        latest = datetime.fromtimestamp(self._clock() / 1000, UTC) + _LATEST_AHEAD
        screened: list[Record | Rejection] = []
        for part in _parts(len(lines)):
            if part.start:
                await asyncio.sleep(0)
            for number, line in enumerate(lines[part], start=part.start + 1):
                possible = (
                    isinstance(line, Rejection)
                    or line.timestamp is None
                    or _EARLIEST <= line.timestamp <= latest
                )
                screened.append(line if possible else Rejection(number, "timestamp", _IMPOSSIBLE))
        return screened

    async def _identify(
        self,
        lines: Sequence[Record | Rejection],
        project_id: str,
        claims: Mapping[int, str],
        *,
        of_spans: bool,
    ) -> list[Accepted | None]:
        """Give each record a trace id: a fresh one, or that of its first try; None where rejected."""
        minted = mint_many(self._clock(), len(lines))
        found: list[Accepted | None] = [
            Accepted(fresh, duplicate=False) if isinstance(line, Record) else None
            for line, fresh in zip(lines, minted, strict=True)
        ]
        if claims:
            claiming = [minted[index] for index in claims]
            known = await self._idempotency.claim(
                project_id, list(claims.values()), claiming, of_spans=of_spans
            )
            for index, earlier in zip(claims, known, strict=True):
                if earlier is not None:
                    found[index] = Accepted(earlier, duplicate=True)
        return found


def _claims(
    lines: Sequence[Record | Rejection], keys: Sequence[str | None] | None, *, of_spans: bool
) -> dict[int, str]:
    """Return the idempotency keys of records by their index: those of the request, else their own ids.

    The keys of spans are ours, all others a client's.
    """
    claims: dict[int, str] = {}
    for index, line in enumerate(lines):
        if isinstance(line, Record):
            key = keys[index] if keys else None
            if key and of_spans:
                claims[index] = key
            elif given := key or line.id:
                claims[index] = client_key(given)
    return claims


def _refuse_long(number: int, line: Record | Rejection) -> Record | Rejection:
    """Reject a record that is too long to be searched for personal data while others wait."""
    if isinstance(line, Rejection) or len(encode(line)) <= _SEARCHED_BYTES:
        return line
    return Rejection(
        number,
        None,
        f"the project redacts personal data, and of such records one has at most {_SEARCHED_BYTES} bytes: cut it, or "
        "let the project drop texts",
    )


def _slices(records: Mapping[UUID, Record]) -> Iterator[tuple[dict[UUID, Record], int]]:
    """Yield records in parts of few bytes or one record, with their bytes."""
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


def _parts(count: int) -> Sequence[slice]:
    """Return the parts of a list, between which everybody else is to have a turn."""
    return [slice(start, start + _PART) for start in range(0, count, _PART)] if count > _PART else _WHOLE


async def _find_fresh(
    lines: Sequence[Record | Rejection], identified: Sequence[Accepted | None]
) -> tuple[dict[UUID, Record], set[UUID]]:
    """Return the records to queue by trace id, and which of them had been sent before."""
    fresh: dict[UUID, Record] = {}
    retried: set[UUID] = set()
    for part in _parts(len(lines)):
        if part.start:
            await asyncio.sleep(0)
        for line, accepted in zip(lines[part], identified[part], strict=True):
            # A second line with the id of an earlier one shares its fate and is not queued again.
            if isinstance(line, Record) and accepted and accepted.trace_id not in fresh:
                fresh[accepted.trace_id] = line
                if accepted.duplicate:
                    retried.add(accepted.trace_id)
    return fresh, retried


async def _places(
    identified: Sequence[Accepted | None], contexts: Sequence[SpanContext | None]
) -> dict[UUID, dict[str, Any]]:
    """Return, by trace id, the fields of envelopes that say where their record stands in a trace."""
    places: dict[UUID, dict[str, Any]] = {}
    for part in _parts(len(identified)):
        if part.start:
            await asyncio.sleep(0)
        for accepted, context in zip(identified[part], contexts[part], strict=True):
            # Of lines with one id the first counts.
            if accepted and context and accepted.trace_id not in places:
                places[accepted.trace_id] = {
                    "kind": context.kind,
                    "otel_trace_id": context.trace_id or None,
                    "otel_span_id": context.span_id or None,
                    "otel_parent_span_id": context.parent_span_id,
                    "response_key": context.response_key,
                }
    return places


def _outcomes(
    lines: Sequence[Record | Rejection],
    identified: Sequence[Accepted | None],
    kept: Container[UUID] | None,
) -> Iterator[Accepted | Rejection]:
    """Yield what became of each line; `kept` are those that could be redacted, None where nothing is."""
    for number, (line, accepted) in enumerate(zip(lines, identified, strict=True), start=1):
        if isinstance(line, Rejection):
            yield line
        elif accepted is not None:
            refused = kept is not None and accepted.trace_id not in kept
            yield Rejection(number, None, UNREDACTABLE) if refused else accepted


async def _collect(waiters: Sequence[asyncio.Future[Summary]], seconds: float) -> dict[UUID, Summary]:
    """Return the summaries that come within `seconds`."""
    if not waiters:
        return {}
    done, _ = await asyncio.wait(waiters, timeout=seconds)
    summaries = (waiter.result() for waiter in done)
    return {summary.trace_id: summary for summary in summaries}
