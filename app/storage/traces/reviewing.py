"""The calls that wait for a person: claiming them, and how many were looked at."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.filters import Filter
from app.schemas.labels import Claimed, ReviewProgress
from app.storage.tables import labels, review_claims, traces
from app.storage.traces.filtering import where
from app.storage.traces.reviewed import REVIEWED, labelled
from app.storage.traces.sampling import Sample

__all__ = ["MOST_COUNTED", "claim_traces", "read_progress"]

MOST_COUNTED: Final = 20_000
"""The number of newest calls of which it is counted how many were looked at."""
_TIMEOUT = text("SET LOCAL statement_timeout = '5s'")
_claims = review_claims.c
_FALSE = labelled(labels.c.label == "false_alarm", labels.c.flag.is_not(None))


async def claim_traces(
    connection: AsyncConnection,
    project_id: str,
    chosen: Filter,
    claimant: str,
    *,
    now: datetime,
    until: datetime,
    limit: int,
) -> list[Claimed]:
    """Claim the newest calls that a filter lets pass and nobody looked at, the newest first.

    The claims that the claimant has already are prolonged, and count among the `limit`. A call that
    another one has claimed is left out until that claim expires.
    """
    await connection.execute(_TIMEOUT)
    await connection.execute(delete(review_claims).where(_claims.expires_at <= now))
    claimed = _claims.project_id == project_id, _claims.claimant == claimant
    mine = select(_claims.trace_id).where(*claimed)
    found = await _waiting(connection, project_id, chosen, traces.c.trace_id.in_(mine), limit)
    if len(found) < limit:
        taken = select(_claims.trace_id).where(_claims.project_id == project_id)
        found += await _waiting(
            connection, project_id, chosen, traces.c.trace_id.not_in(taken), limit - len(found)
        )
    if not found:
        return []
    claim = insert(review_claims).values(
        [
            {"project_id": project_id, "trace_id": one.trace_id, "claimant": claimant, "expires_at": until}
            for one in found
        ]
    )
    prolonged = claim.on_conflict_do_update(
        index_elements=("project_id", "trace_id"),
        set_={"expires_at": until},
        where=_claims.claimant == claimant,
    ).returning(_claims.trace_id)
    kept = {UUID(bytes=one.bytes) for one in (await connection.execute(prolonged)).scalars()}
    return sorted((one for one in found if one.trace_id in kept), key=lambda one: one.trace_id, reverse=True)


async def _waiting(
    connection: AsyncConnection, project_id: str, chosen: Filter, more: ColumnElement[bool], limit: int
) -> list[Claimed]:
    """Return calls that nobody looked at, without those that another transaction locks."""
    waiting: Any = (
        select(traces.c.trace_id, traces.c.flags)
        .where(traces.c.project_id == project_id, where(chosen), ~REVIEWED, more)
        .order_by(traces.c.trace_id.desc())
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True, of=traces)
    )
    rows = await connection.execute(waiting)
    return [Claimed(trace_id=UUID(bytes=row.trace_id.bytes), flags=tuple(row.flags)) for row in rows]


async def read_progress(connection: AsyncConnection, sample: Sample) -> ReviewProgress:
    """Return how many of the sampled calls people looked at, and how many had a false alarm."""
    calls = sample.calls(REVIEWED.label("reviewed"), _FALSE.label("wrong")).subquery()
    row = (
        await connection.execute(
            select(
                func.count().label("calls"),
                func.count().filter(calls.c.reviewed).label("reviewed"),
                func.count().filter(calls.c.wrong).label("false_alarms"),
            ).select_from(calls)
        )
    ).one()
    return ReviewProgress(**row._asdict())
