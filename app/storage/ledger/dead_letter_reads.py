"""Reading dead letters, choosing those to be replayed, and deleting them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.tables import dead_letters

__all__ = [
    "BuriedRecord",
    "Choice",
    "count_dead_letters",
    "dead_ids",
    "mark_replayed",
    "purge",
    "read_dead_letter",
    "read_dead_letters",
]


class BuriedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was given up, without its payload. `replayed_at` is its last replay."""

    trace_id: UUID
    job_id: str
    reason: str
    detail: str
    attempts: int
    created_at: datetime
    replayed_at: datetime | None


class Choice(NamedTuple):
    """Which dead letters of a project are chosen: by id, by reason, or given up before a moment."""

    trace_id: UUID | None = None
    reason: str | None = None
    before: datetime | None = None

    def of(self, project_id: str) -> list[ColumnElement[bool]]:
        """Return the conditions, all of which hold."""
        columns = dead_letters.c
        found = [columns.project_id == project_id]
        if self.trace_id is not None:
            found.append(columns.trace_id == self.trace_id)
        if self.reason is not None:
            found.append(columns.reason == self.reason)
        if self.before is not None:
            found.append(columns.created_at < self.before)
        return found


async def read_dead_letters(
    connection: AsyncConnection,
    project_id: str,
    choice: Choice,
    *,
    after: UUID | None = None,
    limit: int = 50,
) -> list[BuriedRecord]:
    """Return dead letters, the last received first, beginning after the one called `after`."""
    statement = (
        select(*(dead_letters.c[name] for name in BuriedRecord.__struct_fields__))
        .where(*choice.of(project_id))
        .order_by(dead_letters.c.trace_id.desc())
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(dead_letters.c.trace_id < after)
    return [BuriedRecord(**row._asdict()) for row in await connection.execute(statement)]


async def count_dead_letters(connection: AsyncConnection, project_id: str) -> int:
    """Return the number of dead letters of a project."""
    statement = select(func.count()).select_from(dead_letters).where(dead_letters.c.project_id == project_id)
    return await connection.scalar(statement) or 0


async def read_dead_letter(
    connection: AsyncConnection, project_id: str, trace_id: UUID
) -> tuple[BuriedRecord, bytes] | None:
    """Return one dead letter and its queued bytes, None if there is no such letter."""
    names = BuriedRecord.__struct_fields__
    rows = await connection.execute(
        select(*(dead_letters.c[name] for name in (*names, "payload"))).where(
            *Choice(trace_id).of(project_id)
        )
    )
    row = rows.mappings().first()
    if row is None:
        return None
    return BuriedRecord(**{name: row[name] for name in names}), bytes(row["payload"])


async def mark_replayed(
    connection: AsyncConnection, project_id: str, choice: Choice, *, again: bool, limit: int
) -> dict[UUID, bytes]:
    """Note that at most `limit` letters, the oldest first, are queued again; return their payloads.

    Without `again`, those that were replayed before are left out, because they may still be in the
    queue.
    """
    chosen = select(dead_letters.c.trace_id).where(*choice.of(project_id))
    if not again:
        chosen = chosen.where(dead_letters.c.replayed_at.is_(None))
    chosen = chosen.order_by(dead_letters.c.trace_id).limit(limit).with_for_update(skip_locked=True)
    rows: Any = await connection.execute(
        update(dead_letters)
        .where(dead_letters.c.project_id == project_id, dead_letters.c.trace_id.in_(chosen.scalar_subquery()))
        .values(replayed_at=func.now())
        .returning(dead_letters.c.trace_id, dead_letters.c.payload)
    )
    return {row.trace_id: bytes(row.payload) for row in rows}


async def purge(connection: AsyncConnection, project_id: str, choice: Choice) -> int:
    """Delete letters with their payloads; returns how many there were."""
    return (await connection.execute(delete(dead_letters).where(*choice.of(project_id)))).rowcount


async def dead_ids(connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the ids whose records were given up."""
    rows = await connection.execute(
        select(dead_letters.c.trace_id).where(
            dead_letters.c.project_id == project_id, dead_letters.c.trace_id.in_(trace_ids)
        )
    )
    return set(rows.scalars())
