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
from app.storage.tables import review_claims, traces
from app.storage.traces.filtering import where
from app.storage.traces.reviewed import FALSE, REVIEWED, is_done, is_done_by
from app.storage.traces.sampling import Sample

__all__ = ["MOST_COUNTED", "claim_traces", "read_progress", "release_claim"]

MOST_COUNTED: Final = 20_000
"""The number of newest calls of which it is counted how many were looked at."""
_TIMEOUT = text("SET LOCAL statement_timeout = '5s'")
_claims = review_claims.c


async def claim_traces(
    connection: AsyncConnection,
    project_id: str,
    chosen: Filter,
    claimant: str,
    *,
    now: datetime,
    until: datetime,
    limit: int,
    raters: int = 1,
) -> list[Claimed]:
    """Claim the newest calls that a filter lets pass and that wait for this person.

    A call waits until `raters` people have labelled it and most of them agree, and nobody gets it
    again after labelling it. `claimant` is the actor of its labels and, after a line break, a name
    that tells apart who shares a key. The claims that the claimant has already are prolonged, and
    count among the `limit`. A call that another one has claimed is left out until that claim ends.
    """
    await connection.execute(_TIMEOUT)
    await connection.execute(delete(review_claims).where(_claims.expires_at <= now))
    claimed = _claims.project_id == project_id, _claims.claimant == claimant
    mine = select(_claims.trace_id).where(*claimed)
    waits = ~is_done(raters) & ~is_done_by(claimant.partition("\n")[0])
    found = await _waiting(connection, project_id, chosen, waits & traces.c.trace_id.in_(mine), limit)
    if len(found) < limit:
        taken = select(_claims.trace_id).where(_claims.project_id == project_id)
        found += await _waiting(
            connection, project_id, chosen, waits & traces.c.trace_id.not_in(taken), limit - len(found)
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
    """Return the newest calls, without those that another transaction locks."""
    waiting: Any = (
        select(traces.c.trace_id, traces.c.flags)
        .where(traces.c.project_id == project_id, where(chosen), more)
        .order_by(traces.c.trace_id.desc())
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True, of=traces)
    )
    rows = await connection.execute(waiting)
    return [Claimed(trace_id=UUID(bytes=row.trace_id.bytes), flags=tuple(row.flags)) for row in rows]


async def release_claim(connection: AsyncConnection, project_id: str, trace_id: UUID, actor: str) -> None:
    """Let others have a call which this person has labelled."""
    mine = _claims.trace_id == trace_id, func.split_part(_claims.claimant, "\n", 1) == actor
    await connection.execute(delete(review_claims).where(_claims.project_id == project_id, *mine))


async def read_progress(connection: AsyncConnection, sample: Sample) -> ReviewProgress:
    """Return how many of the sampled calls people looked at, and how many had a false alarm."""
    calls = sample.calls(REVIEWED.label("reviewed"), FALSE.label("wrong")).subquery()
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
