"""Keeping a body as an evaluation: its parts while it comes, and its job when it is whole."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from app.errors import Conflict, Overloaded, Unavailable
from app.ingest import Ingest
from app.jobs.kinds import JobKind
from app.schemas.queued import Batch, encode
from app.schemas.records import Rejection
from app.storage.access.projects import lock_settings
from app.storage.engine import Engine, reading, writing
from app.storage.evaluations.parts import (
    Part,
    add_part,
    delete_parts_of,
    hold_parts,
    waiting_bytes,
)
from app.storage.upkeep.jobs import Job, add_job, read_job
from app.uploading.reading import Reading
from monitoring.models import Record

__all__ = ["Item", "Upload", "Uploads", "evaluation_job"]

PART_ITEMS: Final = 500
PART_BYTES: Final = 1024 * 1024
_WAITING_BYTES: Final = 4 * 1024**3
_RETRY_SECONDS: Final = 5
_LATER_SECONDS: Final = 60

Item = tuple[int, Record, int]


class Uploads:
    """Lets at most `at_once` long bodies of this process come, and `of_project` of one project."""

    def __init__(self, *, at_once: int = 3, of_project: int = 1) -> None:
        self._at_once = at_once
        self._of_project = of_project
        self._running: Counter[str] = Counter()

    @asynccontextmanager
    async def admit(self, engine: Engine, project_id: str) -> AsyncIterator[None]:
        """Hold a place among them during the block; raises Overloaded if none is free.

        So it does if 4 GiB of the project wait for the queue.
        """
        if self._running[project_id] >= self._of_project or self._running.total() >= self._at_once:
            raise Overloaded(
                "Another long evaluation is being received; send this one when it has ended.",
                retry_after=_RETRY_SECONDS,
            )
        self._running[project_id] += 1
        try:
            async with reading(engine) as connection:
                waiting = await waiting_bytes(connection, project_id)
            if waiting > _WAITING_BYTES:
                raise Overloaded(
                    "Evaluations of this project wait with 4 GiB; send more when some have ended.",
                    retry_after=_LATER_SECONDS,
                )
            yield
        finally:
            self._running[project_id] -= 1
            self._running += Counter()  # forgets projects without uploads


class Upload:
    """One body of any length, whose items become parts of 500 items or a mebibyte."""

    def __init__(self, engine: Engine, ingest: Ingest, project_id: str, job_id: UUID, read: Reading) -> None:
        self._engine = engine
        self._ingest = ingest
        self._project_id = project_id
        self._job_id = job_id
        self.reading = read
        self._open: list[Item] = []
        self._size = 0
        self._parts = 0
        self._items = 0

    async def begin(self) -> None:
        """Delete what an earlier try with the same id left; raises Conflict if one succeeded."""
        async with writing(self._engine) as connection:
            if await read_job(connection, self._project_id, self._job_id):
                raise Conflict("An evaluation with this Idempotency-Key was accepted meanwhile.")
            await delete_parts_of(connection, self._project_id, self._job_id)

    async def add(self, items: Sequence[Item]) -> None:
        """Take items, and store each part that is full.

        Raises what `Ingest.accept` raises about room, and Unavailable.
        """
        for item in items:
            self._open.append(item)
            self._size += item[2]
            if len(self._open) == PART_ITEMS or self._size >= PART_BYTES:
                await self._store()

    async def finish(self, now: datetime) -> Job | None:
        """Store the rest and the job; returns it, or None if no item was accepted."""
        await self._store()
        if not self._items:
            return None
        job = evaluation_job(self._job_id, self._items, self.reading.rejected, self.reading.errors, now)
        async with writing(self._engine) as connection:
            await lock_settings(connection, self._project_id)
            if await hold_parts(connection, self._project_id, self._job_id) != (self._parts, self._items):
                raise Unavailable("Parts of this body were lost, and nothing was accepted; send it again.")
            if await read_job(connection, self._project_id, self._job_id):
                raise Conflict("An evaluation with this Idempotency-Key was accepted meanwhile.")
            await add_job(connection, self._project_id, job)
        return job

    async def abandon(self) -> None:
        """Delete what was stored. If that fails, upkeep does it an hour later."""
        async with writing(self._engine) as connection:
            if not await read_job(connection, self._project_id, self._job_id):
                await delete_parts_of(connection, self._project_id, self._job_id)

    async def _store(self) -> None:
        items, self._open, self._size = self._open, [], 0
        if not items:
            return
        prepared = await self._ingest.prepare(
            [record for _, record, _ in items], project_id=self._project_id, source="evaluate", when="later"
        )
        lines: list[int] = []
        ids: list[UUID] = []
        for (line, _, _), outcome in zip(items, prepared.outcomes, strict=True):
            if isinstance(outcome, Rejection):
                self.reading.reject(line, outcome.field, outcome.message)
            else:
                lines.append(line)
                ids.append(outcome.trace_id)
        if not ids:
            return
        batch = Batch(envelopes=tuple(msgspec.Raw(one) for one in prepared.envelopes))
        part = Part(
            part=self._parts + 1,
            first_item=self._items + 1,
            lines=lines,
            trace_ids=ids,
            payload=await asyncio.to_thread(encode, batch),
        )
        async with writing(self._engine) as connection:
            await add_part(connection, self._project_id, self._job_id, part)
        self._ingest.count_marks(prepared)
        self._parts += 1
        self._items += len(ids)


def evaluation_job(
    job_id: UUID, total: int, rejected: int, errors: Sequence[Rejection], now: datetime
) -> Job:
    """Return the job of an evaluation with `total` accepted items."""
    return Job(
        job_id=job_id,
        kind=JobKind.EVALUATE,
        state="running",
        total=total,
        parameters={"rejected": rejected, "errors": [one._asdict() for one in errors]},
        created_at=now,
    )
