"""The evaluate task: one queue job in, its records scored and stored, and every failure sorted.

A try that ended without a word (the process died) is seen by its successor in a counter of our own; the job
is then halved until the culprit is alone. Trouble of Postgres or Redis counts as no try at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from arq import Retry
from arq.constants import job_key_prefix
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.errors import Unavailable
from app.events import Event, publish_event, publish_replies
from app.projects import Projects
from app.queue import EVALUATE_QUEUE, JobName, NewJob, stage
from app.schemas.dead_letters import DeadReason
from app.schemas.ids import mint
from app.schemas.kinds import COUNTED_KINDS, PART_KINDS
from app.schemas.projects import ProjectSettings
from app.schemas.queued import Batch, Envelope, Summary, decode_batch, decode_envelope, encode
from app.schemas.traces import Trace, summarise
from app.storage.engine import DATABASE_ERRORS, REFUSALS, is_outage, is_refusal
from app.storage.ledger.dead_letters import DeadLetter
from workers.evaluation.attempts import Attempts
from workers.evaluation.storing import Job, Storing
from workers.scheduling import RETRY_SECONDS
from workers.scoring import Scoring, Unscorable
from workers.spans.inheritance import inherit

__all__ = ["DEADLINE_SECONDS", "PATIENCE_SECONDS", "Evaluation"]

logger = logging.getLogger(__name__)

# A record is to blame for long scoring alone, whatever else takes long is trouble of Postgres or Redis.
PATIENCE_SECONDS = 14
DEADLINE_SECONDS = 10
_SLICES = 10
_LAST_ATTEMPT = 3
_SHOWN_TRACES = 20


class _Opened(NamedTuple):
    """The envelopes of a job, letters for those that cannot be read, and how many none stands for."""

    envelopes: list[Envelope]
    unreadable: list[DeadLetter]
    reply_to: str | None = None
    unread: int = 0


class _OverdueError(Exception):
    """Scoring took longer than the deadline."""


class Evaluation:
    """Runs evaluate jobs with the resources of one worker process.

    `outage` is called when a server does not answer, `clock` returns Unix
    milliseconds.
    """

    def __init__(
        self,
        redis: Redis,
        storing: Storing,
        executor: Executor,
        scoring: Scoring,
        projects: Projects,
        attempts: Attempts,
        *,
        outage: Callable[[], None],
        clock: Callable[[], int],
    ) -> None:
        self._redis = redis
        self._storing = storing
        self._executor = executor
        self._idle = asyncio.Semaphore(1)
        self._scoring = scoring
        self._projects = projects
        self._attempts = attempts
        self._outage = outage
        self._clock = clock

    async def evaluate(self, context: dict[str, Any], payload: bytes) -> None:
        """Score and store one job; returns normally whenever the job is done with, also by halving it.

        It leaves in no other way than that, by Retry or cancelled: at anything else arq drops the job.
        """
        name = JobName.parse(context["job_id"])
        try:
            await _within(PATIENCE_SECONDS, self._begin(name, payload))
        except asyncio.CancelledError:
            await asyncio.shield(self._attempts.end(name))
            raise
        except Exception as error:
            blameless = _blames_server(error)
            if blameless:
                logger.warning("job %s waits for Postgres or Redis: %s", name, type(error).__name__)
                self._outage()
            else:
                logger.exception("job %s could not be settled and is tried again", name)
            await self._attempts.end(name, forget=blameless)
            raise Retry(defer=RETRY_SECONDS) from error
        await self._attempts.end(name)

    async def _begin(self, name: JobName, payload: bytes) -> None:
        number = await self._attempts.begin(name)
        if number > 1 and await self._storing.settled_records(name.project_id, str(name)):
            # All that was missing is arq's acknowledgement, and perhaps what follows the settlement.
            await self._storing.follow_up(name.project_id, self._open(name, payload).envelopes)
            return
        await self._attempt(name, payload, number)

    async def _attempt(self, name: JobName, payload: bytes, attempts: int) -> None:
        if attempts > 1 and (name.records > 1 or attempts > _LAST_ATTEMPT):
            await self._isolate(
                name, payload, attempts, DeadReason.PROCESS_DIED, "a worker died while scoring it"
            )
            return
        try:
            await self._process(name, payload)
        except _OverdueError:
            detail = f"not scored within {DEADLINE_SECONDS} s"
            await self._isolate(name, payload, attempts, DeadReason.DEADLINE, detail)
        except Exception as error:
            if _blames_server(error):
                raise
            logger.exception("job %s failed", name)
            await self._isolate(name, payload, attempts, type(error).__name__, str(error))

    async def _process(self, name: JobName, payload: bytes) -> None:
        opened = self._open(name, payload)
        known = await self._known(name, opened.envelopes)
        known_ids = {summary.trace_id for summary in known}
        unknown = [envelope for envelope in opened.envelopes if envelope.trace_id not in known_ids]
        parts = [envelope for envelope in unknown if envelope.kind in PART_KINDS]
        spans = inherit([envelope for envelope in unknown if envelope.kind not in PART_KINDS])
        fresh = await self._storing.relate(name.project_id, spans)
        settings = await self._projects.find(name.project_id)
        results = await self._score(name, fresh, settings)
        traces = [result for result in results if isinstance(result, Trace)]
        dead = opened.unreadable + [
            _letter(name, result.envelope, result.reason, result.detail, attempts=1)
            for result in results
            if isinstance(result, Unscorable)
        ]
        again = frozenset(envelope.trace_id for envelope in fresh if envelope.retried)
        job = Job(name.project_id, str(name), traces, dead, len(known), opened.unread, again, parts)
        stored = await self._store(job, fresh)
        await self._storing.follow_up(name.project_id, spans)
        if stored is None:
            if await self._storing.settled_records(name.project_id, str(name)) == 0:
                await self._split(name, decode_batch(payload))
            return
        calls = [trace for trace in stored if trace.kind in COUNTED_KINDS]
        await self._announce(opened, [*map(summarise, calls), *known])

    async def _score(
        self, name: JobName, envelopes: Sequence[Envelope], settings: ProjectSettings
    ) -> list[Trace | Unscorable]:
        # The deadline runs from the moment the thread is free: who waits behind a slow job is not slow.
        await self._idle.acquire()
        self._attempts.note_scoring(name)
        scoring = asyncio.get_running_loop().run_in_executor(
            self._executor, self._scoring.score, envelopes, str(name), settings
        )
        scoring.add_done_callback(lambda _: self._rest())
        if await _ended(scoring, DEADLINE_SECONDS):
            return scoring.result()
        raise _OverdueError

    def _rest(self) -> None:
        self._attempts.note_scoring(None)
        self._idle.release()

    def _open(self, name: JobName, payload: bytes) -> _Opened:
        try:
            batch = decode_batch(payload)
        except msgspec.MsgspecError as error:
            letter = self._unreadable(name, bytes(payload), str(error))
            return _Opened([], [letter], unread=name.records - 1)
        envelopes, unreadable = [], []
        for raw in batch.envelopes:
            try:
                envelopes.append(decode_envelope(raw))
            except msgspec.MsgspecError as error:
                unreadable.append(self._unreadable(name, bytes(raw), str(error)))
        return _Opened(envelopes, unreadable, batch.reply_to)

    def _unreadable(self, name: JobName, payload: bytes, detail: str) -> DeadLetter:
        return DeadLetter(
            project_id=name.project_id,
            trace_id=mint(self._clock()),
            job_id=str(name),
            reason=DeadReason.UNREADABLE,
            detail=detail,
            attempts=1,
            payload=payload,
        )

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
            _letter(name, envelope, found.reason, found.detail, attempts=1)
            for envelope in envelopes
            if (found := refused.get(envelope.trace_id))
        ]
        kept = [trace for trace in job.traces if trace.trace_id not in refused]
        outcome = await self._storing.store(job._replace(traces=kept, dead=[*job.dead, *letters]))
        return kept if outcome else None

    async def _announce(self, opened: _Opened, summaries: Sequence[Summary]) -> None:
        """Answer who waits and tell live views; both are news, so their loss is no failure of the job."""
        waited = {envelope.trace_id for envelope in opened.envelopes if envelope.waited}
        try:
            if opened.reply_to and waited:
                answers = [summary for summary in summaries if summary.trace_id in waited]
                await publish_replies(self._redis, opened.reply_to, answers)
            if summaries:
                shown = msgspec.to_builtins(list(summaries[-_SHOWN_TRACES:]), builtin_types=(Decimal,))
                project_id = opened.envelopes[0].project_id
                data = {"traces": shown, "records": len(summaries)}
                await publish_event(self._redis, Event("trace", project_id, data))
        except (RedisError, OSError) as error:
            logger.warning("news of %d records was lost: %s", len(summaries), type(error).__name__)

    async def _isolate(self, name: JobName, payload: bytes, attempts: int, reason: str, detail: str) -> None:
        """Halve a job that failed as a whole, or bury the record that is left alone."""
        opened = self._open(name, payload)
        if name.records > 1 and len(opened.envelopes) > 1:
            await self._split(name, decode_batch(payload))
            return
        letters = [_letter(name, envelope, reason, detail, attempts) for envelope in opened.envelopes]
        dead = [*letters, *opened.unreadable]
        await self._storing.store(Job(name.project_id, str(name), [], dead, 0, opened.unread))

    async def _split(self, name: JobName, batch: Batch) -> None:
        """Replace a job by two halves: first in Postgres, where no other try can settle it then, then in Redis.

        Their names follow from its own, so that a second replacement after a crash changes nothing.
        """
        if not await self._storing.replace(name.project_id, str(name)):
            return
        middle = len(batch.envelopes) // 2
        halves = []
        for side, part in (("a", batch.envelopes[:middle]), ("b", batch.envelopes[middle:])):
            payload = encode(Batch(envelopes=part, reply_to=batch.reply_to))
            half = JobName(name.project_id, len(part), f"{name.token}{side}", len(payload))
            halves.append(NewJob(half, payload))
        async with self._redis.pipeline(transaction=True) as pipe:
            stage(pipe, halves, now_ms=self._clock(), instead=name)
            pipe.delete(f"{job_key_prefix}{name}")
            pipe.zrem(EVALUATE_QUEUE, str(name))
            await pipe.execute()
        logger.warning("job %s was halved to find the record that fails", name)


async def _within(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    """Await `work` for at most `seconds`; raises TimeoutError then, without waiting for its cancellation.

    A driver whose server hangs may not end when it is cancelled, and what it still writes is settled once.
    """
    task = asyncio.ensure_future(work)
    try:
        if not await _ended(task, seconds):
            raise TimeoutError
        task.result()
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_forget)


async def _ended(work: asyncio.Future[Any], seconds: float) -> bool:
    """Wait for `work`, at most `seconds`; a time in which this process was halted counts as one slice.

    Nobody is blamed for a virtual machine that was moved or a laptop that slept.
    """
    for _ in range(_SLICES):
        if (await asyncio.wait([work], timeout=seconds / _SLICES))[0]:
            return True
    return False


def _blames_server(error: Exception) -> bool:
    """Tell whether Postgres or Redis failed, so that waiting helps and no record is to blame."""
    database = isinstance(error, DATABASE_ERRORS) and not is_refusal(error)
    return database or is_outage(error) or isinstance(error, RedisError | Unavailable)


def _forget(task: asyncio.Future[None]) -> None:
    """Take note of how an abandoned attempt ended, so that asyncio does not report it as overlooked."""
    if not task.cancelled() and (error := task.exception()):
        logger.warning("an attempt that had been given up ended with %s", type(error).__name__)


def _letter(name: JobName, envelope: Envelope, reason: str, detail: str, attempts: int) -> DeadLetter:
    return DeadLetter(
        project_id=envelope.project_id,
        trace_id=envelope.trace_id,
        job_id=str(name),
        reason=reason,
        detail=detail.replace("\0", "�")[:2000],
        attempts=attempts,
        payload=encode(envelope),
        user_id=envelope.record.user_id,
    )
