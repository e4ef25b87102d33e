"""Group commit: whatever arrived while the previous write was in flight becomes the next one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from app.errors import MonitorError
from app.ingest.outage import redis_required
from app.queue import JobName, NewJob, stage
from app.schemas.queued import Batch, encode

__all__ = ["GroupCommit"]

logger = logging.getLogger(__name__)

JOB_RECORDS = 512
JOB_BYTES = 2 * 1024 * 1024
# A job that somebody waits for holds up others who wait, so it is smaller: half a second of the slowest text. A
# record beyond that is waited for among the bulk.
WAITED_BYTES = 256 * 1024
# A job costs a worker milliseconds whatever it holds. While answers take longer than this, records whose
# senders wait anyway are held for half of the excess, so that they share jobs and the workers catch up.
_QUICK_SECONDS = 0.02
_LONGEST_HOLD_SECONDS = 0.02
_MEMORY = 8  # answers over which their time is averaged


class _Group(NamedTuple):
    project_id: str
    waited: bool
    envelopes: Sequence[bytes]
    kept: asyncio.Future[None]


class _Kind(NamedTuple):
    """What goes into one job: records of one project, served before bulk or not, with answers heard or not."""

    project_id: str
    hurried: bool
    heard: bool


class GroupCommit:
    """Writes envelopes to the queue, many requests in one MULTI, and answers each when it is kept.

    `reply_to` is the channel on which this process hears results; `clock` returns Unix milliseconds.
    """

    def __init__(self, redis: Redis, *, reply_to: str, clock: Callable[[], int]) -> None:
        self._redis = redis
        self._reply_to = reply_to
        self._clock = clock
        self._pending: list[_Group] = []
        self._wake = asyncio.Event()
        self._answer_seconds = 0.0

    async def keep(self, project_id: str, envelopes: Sequence[bytes], *, waited: bool) -> None:
        """Return when every envelope is durably queued; raises Unavailable when none is."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append(_Group(project_id, waited, envelopes, kept))
        self._wake.set()
        await kept

    def note_answer(self, seconds: float) -> None:
        """Take note of how long a request waited for its scores."""
        self._answer_seconds += (seconds - self._answer_seconds) / _MEMORY

    async def run(self) -> None:
        """Commit what arrives until cancelled, then commit what is left."""
        try:
            while True:
                await self._wake.wait()
                await self._hold()
                await self._commit()
        finally:
            last = asyncio.ensure_future(self._commit())
            while not last.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.shield(last)

    async def _hold(self) -> None:
        """Let more requests that wait for scores join, as long as workers are slow and nobody else came."""
        excess = self._answer_seconds - _QUICK_SECONDS
        end = asyncio.get_running_loop().time() + min(excess / 2, _LONGEST_HOLD_SECONDS)
        while all(group.waited for group in self._pending):
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                return
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), left)

    async def _commit(self) -> None:
        groups, self._pending = self._pending, []
        self._wake.clear()
        if not groups:
            return
        try:
            with redis_required():
                async with self._redis.pipeline(transaction=True) as pipe:
                    await self._stage(pipe, groups)
                    await pipe.execute()
        except Exception as error:  # this task must outlive whatever it was: every later request waits for it
            if not isinstance(error, MonitorError):
                logger.exception("a group could not be written")
            for group in groups:
                if not group.kept.done():
                    group.kept.set_exception(error)
        else:
            for group in groups:
                if not group.kept.done():
                    group.kept.set_result(None)

    async def _stage(self, pipe: Pipeline, groups: Sequence[_Group]) -> None:
        """Add the jobs to a MULTI, with a turn for others after each: one may have two megabytes."""
        now_ms = self._clock()
        for number, job in enumerate(self._jobs(groups, now_ms)):
            if number:
                await asyncio.sleep(0)
            stage(pipe, [job], now_ms=now_ms)

    def _jobs(self, groups: Sequence[_Group], now_ms: int) -> Iterator[NewJob]:
        merged: dict[_Kind, list[bytes]] = defaultdict(list)
        for group in groups:
            for kind, envelopes in _sort(group):
                merged[kind].extend(envelopes)
        for (project_id, hurried, heard), envelopes in merged.items():
            for part in _cut(envelopes, WAITED_BYTES if hurried else JOB_BYTES):
                batch = Batch(
                    envelopes=tuple(msgspec.Raw(envelope) for envelope in part),
                    reply_to=self._reply_to if heard else None,
                )
                payload = encode(batch)
                name = JobName.new(project_id, len(part), len(payload), waited=hurried, now_ms=now_ms)
                yield NewJob(name, payload)


def _sort(group: _Group) -> Iterator[tuple[_Kind, Sequence[bytes]]]:
    """Yield the envelopes of a group by the kind of job that they belong into."""
    if not group.waited:
        yield _Kind(group.project_id, hurried=False, heard=False), group.envelopes
        return
    large = [envelope for envelope in group.envelopes if len(envelope) > WAITED_BYTES]
    if large:
        yield _Kind(group.project_id, hurried=False, heard=True), large
        group = group._replace(envelopes=[one for one in group.envelopes if len(one) <= WAITED_BYTES])
    yield _Kind(group.project_id, hurried=True, heard=True), group.envelopes


def _cut(envelopes: Sequence[bytes], most: int) -> Iterator[list[bytes]]:
    """Cut envelopes into jobs of at most JOB_RECORDS records and, unless one alone is larger, `most` bytes."""
    part: list[bytes] = []
    size = 0
    for envelope in envelopes:
        if part and (len(part) == JOB_RECORDS or size + len(envelope) > most):
            yield part
            part, size = [], 0
        part.append(envelope)
        size += len(envelope)
    if part:
        yield part
