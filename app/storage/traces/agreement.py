"""Reading what people and evaluators said of the same calls, for a bounded number of calls."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.agreement import JudgedCall, Said
from app.storage.tables import feedback, labels, traces
from app.storage.traces.sampling import Sample

__all__ = ["MOST_SAID", "read_judged", "read_ratings_of_calls", "read_said"]

MOST_SAID: Final = 20_000
"""The number of newest labels, and of newest calls with feedback, that are compared."""
_AT_ONCE: Final = 1_000
# Nobody rates a call before it was received, and its moment is at most a day ahead of that.
_LATEST_AHEAD: Final = timedelta(days=1)
_SAID = [labels.c[name] for name in Said.__struct_fields__]
# Only values are read, because the evidence in scores may be large.
_JUDGED = text("""
SELECT trace_id, hits, dismissed_hits, overall_quality, (
    SELECT jsonb_object_agg(one.key, CAST(one.value ->> 'value' AS double precision))
    FROM json_each(scores) AS one WHERE json_typeof(one.value -> 'value') = 'number'
) AS given
FROM traces WHERE project_id = :project_id AND trace_id = ANY(:trace_ids) AND trace_id BETWEEN :first AND :last
""")


async def read_said(connection: AsyncConnection, sample: Sample, *, filtered: bool) -> list[Said]:
    """Return the labels of the calls of a window, the newest first, without those of one place.

    `filtered` says that only the sampled calls count, and not all of the window.
    """
    chosen = sample.chosen
    found = (
        select(*_SAID)
        .where(
            labels.c.project_id == chosen.project_id,
            labels.c.occurred_at >= chosen.window.start,
            labels.c.occurred_at < chosen.window.end,
            labels.c.trace_source == chosen.source,
            labels.c.evidence.is_(None),
            *_within(labels.c.trace_id, sample, filtered=filtered),
        )
        .order_by(labels.c.created_at.desc(), labels.c.label_id.desc())
        .limit(MOST_SAID)
    )
    return [
        Said(**{**row._asdict(), "trace_id": UUID(bytes=row.trace_id.bytes)})
        for row in await connection.execute(found)
    ]


async def read_ratings_of_calls(
    connection: AsyncConnection, sample: Sample, *, filtered: bool
) -> dict[UUID, float]:
    """Return the mean rating 1..5 of feedback by call; `filtered` as in `read_said`."""
    chosen = sample.chosen
    same = (traces.c.project_id == feedback.c.project_id) & (traces.c.trace_id == feedback.c.trace_id)
    found: Select[Any] = (
        select(feedback.c.trace_id, func.avg(feedback.c.rating).label("rating"))
        .join(traces, same)
        .where(
            feedback.c.project_id == chosen.project_id,
            feedback.c.created_at >= chosen.window.start - _LATEST_AHEAD,
            traces.c.occurred_at >= chosen.window.start,
            traces.c.occurred_at < chosen.window.end,
            traces.c.source == chosen.source,
            *_within(feedback.c.trace_id, sample, filtered=filtered),
        )
        .group_by(feedback.c.trace_id)
        .order_by(feedback.c.trace_id.desc())
        .limit(MOST_SAID)
    )
    rows = await connection.execute(found)
    return {UUID(bytes=row.trace_id.bytes): float(row.rating) for row in rows}


async def read_judged(
    connection: AsyncConnection, project_id: str, trace_ids: Collection[UUID]
) -> dict[UUID, JudgedCall]:
    """Return what evaluators said of stored calls, by id, with the overall quality as one value."""
    wanted, found = sorted(trace_ids), {}
    for at in range(0, len(wanted), _AT_ONCE):
        ids = wanted[at : at + _AT_ONCE]
        parameters = {"project_id": project_id, "trace_ids": ids, "first": ids[0], "last": ids[-1]}
        for row in await connection.execute(_JUDGED, parameters):
            values = _decoded(row.given)
            if row.overall_quality is not None:
                values["overall_quality"] = row.overall_quality
            dismissed = frozenset(row.dismissed_hits)
            found[UUID(bytes=row.trace_id.bytes)] = JudgedCall(
                values=values, hits=frozenset(row.hits) | dismissed, dismissed=dismissed
            )
    return found


def _decoded(values: Any) -> dict[str, float]:
    return msgspec.json.decode(values) if isinstance(values, str) else dict(values or {})


def _within(trace_id: ColumnElement[Any], sample: Sample, *, filtered: bool) -> Sequence[ColumnElement[bool]]:
    return (trace_id.in_(sample.calls(traces.c.trace_id)),) if filtered else ()
