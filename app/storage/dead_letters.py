"""Records that cannot be stored or scored, kept whole with the reason, to be looked at and replayed."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.tables import dead_letters

__all__ = ["DeadLetter", "bury"]


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One record that was given up: why, after how many tries, and its queued bytes."""

    project_id: str
    trace_id: UUID
    job_id: str
    reason: str
    detail: str
    attempts: int
    payload: bytes


async def bury(connection: AsyncConnection, letters: Sequence[DeadLetter]) -> None:
    """Store dead letters; one that is there already stays as it is."""
    if letters:
        await connection.execute(
            insert(dead_letters).on_conflict_do_nothing(),
            [msgspec.structs.asdict(letter) for letter in letters],
        )
