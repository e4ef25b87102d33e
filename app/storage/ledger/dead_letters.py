"""Records that cannot be stored or scored, kept whole with the reason, to be looked at and replayed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.tables import dead_letters, traces

__all__ = ["DeadLetter", "bury", "exhume"]


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One record that was given up: why, after how many tries, and its queued bytes.

    `user_id` repeats whose record it is, so that it is found when that user's data is erased; None where
    the record names nobody or cannot be read.
    """

    project_id: str
    trace_id: UUID
    job_id: str
    reason: str
    detail: str
    attempts: int
    payload: bytes
    user_id: str | None = None


async def bury(connection: AsyncConnection, project_id: str, letters: Sequence[DeadLetter]) -> int:
    """Store the dead letters of records that are not stored as traces; returns how many those are.

    A record that was given up before keeps one letter: of its last time, with the tries of all.
    """
    if not letters:
        return 0
    ids = [letter.trace_id for letter in letters]
    stored = await connection.scalars(
        select(traces.c.trace_id).where(traces.c.project_id == project_id, traces.c.trace_id.in_(ids))
    )
    lost = {letter.trace_id: letter for letter in letters}
    for trace_id in stored:
        del lost[trace_id]
    if lost:
        statement = insert(dead_letters)
        news = {name: statement.excluded[name] for name in ("job_id", "reason", "detail", "payload")}
        tries = dead_letters.c.attempts + statement.excluded.attempts
        await connection.execute(
            statement.on_conflict_do_update(
                index_elements=["project_id", "trace_id"],
                set_={**news, "attempts": tries, "created_at": func.now(), "replayed_at": None},
            ),
            [msgspec.structs.asdict(letter) for letter in lost.values()],
        )
    return sum(letter.trace_id in lost for letter in letters)


async def exhume(connection: AsyncConnection, project_id: str, trace_ids: Collection[UUID]) -> None:
    """Remove the dead letters of records that are stored now."""
    if trace_ids:
        await connection.execute(
            delete(dead_letters).where(
                dead_letters.c.project_id == project_id, dead_letters.c.trace_id.in_(trace_ids)
            )
        )
