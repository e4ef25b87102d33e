"""Erasing one user's data, or one call, everywhere: stored, given up, or still in the queue.

Records that wait in the queue cannot be taken out of their jobs. So the erasure first deletes what
is stored. Then it waits until every job that was queued by then is done, and deletes what these
jobs stored. Records that are accepted after the request are new data and stay.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec
from redis.asyncio import Redis

from app.figures.aggregation import aggregate, difference
from app.jobs.runner import Step
from app.queue import queued_tokens
from app.schemas.ids import first_id
from app.schemas.queued import Batch, decode_batch, decode_envelope, encode
from app.schemas.traces import Trace
from app.storage.budgets.definitions import delete_budgets_of_user
from app.storage.budgets.spending import count_spending
from app.storage.engine import Connection, Engine
from app.storage.evaluations.parts import PartPlace, lock_payloads, replace_payload
from app.storage.locks import UPKEEP, wait_lock
from app.storage.rollups.batches import halt_batches
from app.storage.rollups.folding import fold_batches
from app.storage.rollups.writing import append_deltas
from app.storage.traces.erasure import (
    count_traces,
    delete_letters,
    delete_opinions,
    delete_traces,
    forget_name,
    replace_user_rollups,
    traces_of_user,
)
from app.storage.traces.span_parts import delete_parts
from app.storage.upkeep.jobs import Job
from app.storage.upkeep.reclaim import reclaim

__all__ = ["Erasure", "Target"]

_BATCH = 500
_PARTS = 20  # each holds up to 500 records
_WAIT = timedelta(seconds=1)
# Ids have a resolution of a millisecond, so an id of the request's millisecond may be older than
# it.
_TICK = timedelta(milliseconds=1)

_Phase = Literal["parts", "stored", "queued", "late", "names", "disk"]


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is erased: a trace, or a user with all ids that are stored for the user."""

    user_ids: tuple[str, ...] = ()
    trace_id: UUID | None = None

    @property
    def owners(self) -> tuple[str | UUID, ...]:
        """The ids by which something belongs to the target."""
        return self.user_ids if self.trace_id is None else (self.trace_id,)


class _Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of an erasure: its phase, the jobs it waits for, and counts of deletions."""

    phase: _Phase = "parts"
    after: PartPlace | None = None
    total: int | None = None
    waits_for: tuple[str, ...] = ()
    traces: int = 0
    opinions: int = 0
    letters: int = 0


class Erasure:
    """Handles jobs of kind `erase`."""

    def __init__(self, engine: Engine, redis: Redis, descriptive: Collection[str]) -> None:
        self._engine = engine
        self._redis = redis
        self._descriptive = descriptive

    async def step(self, connection: Connection, project_id: str, job: Job) -> Step:
        """Delete one batch, or check once whether the queued jobs are done, or free disk space."""
        target = msgspec.convert(job.parameters, Target)
        cursor = msgspec.convert(job.cursor, _Cursor) if job.cursor else _Cursor()
        wait = timedelta()
        match cursor.phase:
            case "parts":
                cursor = await self._take_out(connection, project_id, target, cursor)
                if cursor.phase == "stored":
                    cursor = await self._delete(connection, project_id, job, target, cursor, then="queued")
            case "stored":
                cursor = await self._delete(connection, project_id, job, target, cursor, then="queued")
            case "queued":
                queued = await queued_tokens(self._redis, project_id)
                if set(cursor.waits_for) & set(queued):
                    wait = _WAIT
                else:
                    cursor = msgspec.structs.replace(cursor, phase="late", waits_for=())
            case "late":
                cursor = await self._delete(connection, project_id, job, target, cursor, then="names")
            case "names":
                cursor = await self._forget(connection, project_id, target, cursor)
            case "disk":
                await reclaim(self._engine)
                found = {"traces": cursor.traces, "feedback": cursor.opinions, "dead_letters": cursor.letters}
                return Step(cursor.traces, total=cursor.traces, finished=True, forget=True, result=found)
        return Step(cursor.traces, cursor.total, _builtins(cursor), wait)

    async def _take_out(
        self, connection: Connection, project_id: str, target: Target, cursor: _Cursor
    ) -> _Cursor:
        """Take the target out of evaluations that wait for the queue.

        What the queue has of them already is waited for, as all that it has.
        """
        found = await lock_payloads(connection, project_id, cursor.after, _PARTS)
        for place, payload in found:
            kept = [one for one in decode_batch(payload).envelopes if not _belongs(one, target)]
            if len(kept) < len(decode_batch(payload).envelopes):
                await replace_payload(connection, project_id, place, encode(Batch(envelopes=tuple(kept))))
        if len(found) < _PARTS:
            return msgspec.structs.replace(cursor, phase="stored", after=None)
        return msgspec.structs.replace(cursor, after=found[-1][0])

    async def _delete(
        self, connection: Connection, project_id: str, job: Job, target: Target, cursor: _Cursor, then: _Phase
    ) -> _Cursor:
        """Delete a batch of traces and what belongs to them.

        When none is left, delete dead letters.
        """
        before = first_id(job.created_at + _TICK)
        if target.trace_id is not None:
            ids = [target.trace_id]
        else:
            ids = await traces_of_user(connection, project_id, target.user_ids, before=before, most=_BATCH)
            if cursor.total is None:
                total = await count_traces(connection, project_id, target.user_ids, before=before)
                cursor = msgspec.structs.replace(cursor, total=total)
        deleted = await delete_traces(connection, project_id, ids)
        await self._take_back(connection, project_id, deleted.traces)
        cursor = msgspec.structs.replace(cursor, traces=cursor.traces + len(deleted.traces))
        if len(ids) == _BATCH:
            return cursor
        for owner in target.owners:
            if isinstance(owner, str):
                await delete_parts(connection, project_id, owner)
        letters = sum([await delete_letters(connection, project_id, owner) for owner in target.owners])
        # The queue is read after the letters are deleted, so that one that was replayed just before
        # is waited for.
        waits_for = await queued_tokens(self._redis, project_id) if then == "queued" else ()
        return msgspec.structs.replace(
            cursor, phase=then, letters=cursor.letters + letters, waits_for=tuple(waits_for)
        )

    async def _take_back(self, connection: Connection, project_id: str, traces: Sequence[Trace]) -> None:
        await append_deltas(connection, difference(traces, [], self._descriptive))
        await count_spending(connection, project_id, traces, [])
        sessions = {trace.session_id for trace in traces if trace.session_id}
        await forget_name(connection, project_id, "session", sorted(sessions))

    async def _forget(
        self, connection: Connection, project_id: str, target: Target, cursor: _Cursor
    ) -> _Cursor:
        """Delete the user's name elsewhere: in opinions, and in rollups of deleted calls."""
        opinions = 0
        if target.user_ids:
            opinions = await delete_opinions(connection, project_id, target.user_ids)
            await forget_name(connection, project_id, "user", target.user_ids)
            await delete_budgets_of_user(connection, project_id, target.user_ids)
            # Folding replaces rows. Rows that it is about to write would escape a deletion, and so
            # would batches.
            await wait_lock(connection, UPKEEP)
            await halt_batches(connection)
            while await fold_batches(connection, project_id):
                pass
            kept = await replace_user_rollups(connection, project_id, target.user_ids)
            deltas = aggregate(kept, self._descriptive)
            await append_deltas(
                connection, [d for d in deltas if d.dimension == "user" and d.value in target.user_ids]
            )
        return msgspec.structs.replace(cursor, phase="disk", opinions=opinions)


def _belongs(envelope: msgspec.Raw, target: Target) -> bool:
    read = decode_envelope(envelope)
    return read.trace_id == target.trace_id or read.record.user_id in target.user_ids


def _builtins(cursor: _Cursor) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(cursor)
    return found
