"""The one way in: every route, importer and helper hands its records to `Ingest`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Container, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from redis.asyncio import Redis

from app.config import Settings
from app.ingest.admission import Admission
from app.ingest.background import in_background
from app.ingest.group_commit import GroupCommit
from app.ingest.idempotency import Idempotency
from app.ingest.waiting import Waiting
from app.privacy import UNREDACTABLE, Privacy, Protected
from app.projects import Projects
from app.schemas.ids import mint_many
from app.schemas.queued import LLM, Envelope, Source, SpanContext, Summary, encode
from app.schemas.records import Rejection
from monitoring.models import Record
from monitoring.redaction import Redaction

__all__ = ["Accepted", "Ingest", "Submission"]

_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
_LATEST_AHEAD = timedelta(days=1)
_IMPOSSIBLE = "timestamp lies before 2020 or more than a day ahead of the server's clock"
# Lines that are worked on at once: a few milliseconds, in which nobody else has a turn.
_PART = 500
_WHOLE = (slice(0, _PART),)


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
    ) -> None:
        self._clock = clock
        self._projects = projects
        self._privacy = privacy
        self.waiting = Waiting(redis)
        self.admission = Admission(
            redis,
            max_records=settings.backlog_max_records,
            max_age_seconds=settings.backlog_max_age_seconds,
            limits=projects.backlog_limits,
            clock=clock,
        )
        self._idempotency = Idempotency(redis, window_hours=settings.idempotency_hours)
        self._commit = GroupCommit(redis, reply_to=self.waiting.channel, clock=clock)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Ingest]:
        """Run the background tasks for the length of the block; leaving it commits what is pending."""
        async with in_background(self.admission.run(), self._commit.run(), self.waiting.run()):
            yield self

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
        screened = await self._screen(lines)
        # First without their size, which is known when they are encoded: a refusal leaves no ids in Redis.
        self.admission.check(project_id, records=sum(isinstance(line, Record) for line in screened))
        identified = await self._identify(screened, project_id, keys)
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
            await self._keep(project_id, envelopes, waited=waited)
            begun = asyncio.get_running_loop().time()
            summaries = await _collect(waiters, wait_seconds)
            if waited:
                self._commit.note_answer(asyncio.get_running_loop().time() - begun)
        finally:
            for waiter in waiters:
                waiter.cancel()
        outcomes = _outcomes(screened, identified, None if kept is None else records)
        return Submission(tuple(outcomes), summaries, records)

    async def _protect(
        self, project_id: str, redaction: Redaction, records: dict[UUID, Record]
    ) -> dict[UUID, Protected]:
        """Redact records beside the event loop; raises Unavailable without a key that it needs."""
        self._privacy.require(redaction)
        return await asyncio.to_thread(self._privacy.protect, project_id, redaction, records)

    async def _keep(self, project_id: str, envelopes: Sequence[bytes], *, waited: bool) -> None:
        if envelopes:
            self.admission.admit(project_id, records=len(envelopes), size=sum(map(len, envelopes)))
            await self._commit.keep(project_id, envelopes, waited=waited)

    async def _screen(self, lines: Sequence[Record | Rejection]) -> list[Record | Rejection]:
        """Reject moments that no clock of a live system gives."""
        screened: list[Record | Rejection] = []
        for part in _parts(len(lines)):
            if part.start:
                await asyncio.sleep(0)
            screened += self._screen_part(lines[part], part.start + 1)
        return screened

    def _screen_part(self, lines: Sequence[Record | Rejection], first: int) -> Iterator[Record | Rejection]:
        latest = None
        for number, line in enumerate(lines, start=first):
            if isinstance(line, Rejection) or line.timestamp is None:
                yield line
                continue
            latest = latest or datetime.fromtimestamp(self._clock() / 1000, UTC) + _LATEST_AHEAD
            possible = _EARLIEST <= line.timestamp <= latest
            yield line if possible else Rejection(number, "timestamp", _IMPOSSIBLE)

    async def _identify(
        self, lines: Sequence[Record | Rejection], project_id: str, keys: Sequence[str | None] | None
    ) -> list[Accepted | None]:
        """Give each record a trace id: a fresh one, or that of its first try; None where rejected."""
        found: list[Accepted | None] = []
        for part in _parts(len(lines)):
            if part.start:
                await asyncio.sleep(0)
            found += await self._identify_part(lines[part], project_id, keys[part] if keys else None)
        return found

    async def _identify_part(
        self, lines: Sequence[Record | Rejection], project_id: str, keys: Sequence[str | None] | None
    ) -> list[Accepted | None]:
        minted = mint_many(self._clock(), len(lines))
        found: list[Accepted | None] = []
        claims: dict[int, str] = {}
        for index, (line, fresh) in enumerate(zip(lines, minted, strict=True)):
            if not isinstance(line, Record):
                found.append(None)
                continue
            found.append(Accepted(fresh, duplicate=False))
            if claim := (keys[index] if keys else None) or line.id:
                claims[index] = claim
        if claims:
            claiming = [minted[index] for index in claims]
            known = await self._idempotency.claim(project_id, list(claims.values()), claiming)
            for index, earlier in zip(claims, known, strict=True):
                if earlier is not None:
                    found[index] = Accepted(earlier, duplicate=True)
        return found


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
