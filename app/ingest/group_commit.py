"""Group commit: everything that arrives during one write to the queue is in the next one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec
from redis.asyncio import Redis

from app.errors import MonitorError
from app.ingest.outage import redis_required
from app.queue import Enqueuing, JobName, NewJob
from app.schemas.queued import Batch, encode

__all__ = ["GroupCommit"]

logger = logging.getLogger(__name__)

JOB_RECORDS = 512
JOB_BYTES = 2 * 1024 * 1024
# A waited job delays other waited jobs, so it is smaller: half a second of the slowest text. A
# larger record is put among the bulk jobs, although its request waits.
WAITED_BYTES = 256 * 1024
# A job costs a worker milliseconds, whatever it holds. While answers take longer than this, waited
# records are held back for half of the excess. So they share jobs, and the workers catch up.
_QUICK_SECONDS = 0.02
_LONGEST_HOLD_SECONDS = 0.02
_MEMORY = 8  # the number of answers whose time is averaged


class _Group(NamedTuple):
    project_id: str
    waited: bool
    envelopes: Sequence[bytes]
    kept: asyncio.Future[None]


class _Kind(NamedTuple):
    """The kind of a job.

    It says which project it belongs to, whether it goes before bulk jobs, and whether requests hear
    its answers.
    """

    project_id: str
    hurried: bool
    heard: bool


class GroupCommit:
    """Writes envelopes to the queue, many requests in one step, and answers when they are queued.

    `reply_to` is the channel on which this process receives results. `clock` returns Unix
    milliseconds.
    """

    def __init__(self, redis: Redis, *, reply_to: str, clock: Callable[[], int]) -> None:
        self._queue = Enqueuing(redis)
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
        """Note how many seconds a request waited for its scores."""
        self._answer_seconds += (seconds - self._answer_seconds) / _MEMORY

    async def run(self) -> None:
        """Commit what arrives until cancelled, then commit the rest."""
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
        """Let more waited records join, while workers are slow and no other request arrived."""
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
                now_ms = self._clock()
                await self._queue.write(self._jobs(groups, now_ms), now_ms=now_ms)
        except (
            Exception
        ) as error:  # this task must survive any error, because every later request waits for it
            if not isinstance(error, MonitorError):
                logger.exception("a group could not be written")
            for group in groups:
                if not group.kept.done():
                    group.kept.set_exception(error)
        else:
            for group in groups:
                if not group.kept.done():
                    group.kept.set_result(None)

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
    """Yield the envelopes of a group by the kind of their job."""
    if not group.waited:
        yield _Kind(group.project_id, hurried=False, heard=False), group.envelopes
        return
    large = [envelope for envelope in group.envelopes if len(envelope) > WAITED_BYTES]
    if large:
        yield _Kind(group.project_id, hurried=False, heard=True), large
        group = group._replace(envelopes=[one for one in group.envelopes if len(one) <= WAITED_BYTES])
    yield _Kind(group.project_id, hurried=True, heard=True), group.envelopes


def _cut(envelopes: Sequence[bytes], most: int) -> Iterator[list[bytes]]:
    """Divide envelopes into jobs of at most JOB_RECORDS records and `most` bytes.

    An envelope that is larger than `most` is a job of its own.
    """
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
