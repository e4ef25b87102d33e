"""Looking at dead letters and marking them as replayed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.tables import dead_letters

__all__ = ["BuriedRecord", "dead_ids", "mark_replayed", "read_dead_letters"]


class BuriedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was given up, without its payload; `replayed_at` is when it was last queued again."""

    trace_id: UUID
    job_id: str
    reason: str
    detail: str
    attempts: int
    created_at: datetime
    replayed_at: datetime | None


async def read_dead_letters(
    connection: AsyncConnection, project_id: str, *, before: datetime | None = None, limit: int = 50
) -> list[BuriedRecord]:
    """Return the newest dead letters, older than `before` where it is given."""
    statement = (
        select(*(dead_letters.c[name] for name in BuriedRecord.__struct_fields__))
        .where(dead_letters.c.project_id == project_id)
        .order_by(dead_letters.c.created_at.desc(), dead_letters.c.trace_id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(dead_letters.c.created_at < before)
    return [BuriedRecord(**row._asdict()) for row in await connection.execute(statement)]


async def mark_replayed(connection: AsyncConnection, project_id: str, trace_id: UUID) -> bytes | None:
    """Note that a record is queued again and return its payload, None when there is no such letter."""
    payload: Any = await connection.scalar(
        update(dead_letters)
        .where(dead_letters.c.project_id == project_id, dead_letters.c.trace_id == trace_id)
        .values(replayed_at=func.now())
        .returning(dead_letters.c.payload)
    )
    return None if payload is None else bytes(payload)


async def dead_ids(connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the records that were given up."""
    rows = await connection.execute(
        select(dead_letters.c.trace_id).where(
            dead_letters.c.project_id == project_id, dead_letters.c.trace_id.in_(trace_ids)
        )
    )
    return set(rows.scalars())
