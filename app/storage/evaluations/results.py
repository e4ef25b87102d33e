"""The results of an evaluation in the order of its items. Postgres writes them as JSON."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.dataset_tables import evaluation_parts
from monitoring.experiments.answers import QUALITY

__all__ = ["read_results"]

_parts = evaluation_parts.c

# Of the scores only the values are shown. The calls have the rest.
_ROWS: Final = """
SELECT convert_to(row_to_json(r)::text, 'UTF8') FROM (
    SELECT i.line, i.trace_id,
        CASE WHEN t.trace_id IS NOT NULL THEN 'scored' WHEN d.trace_id IS NOT NULL THEN 'failed'
            WHEN :settled THEN 'deleted' ELSE 'pending' END AS state,
        t.occurred_at AS timestamp, t.model_name, t.overall_quality AS quality_score, t.safety_score,
        t.is_safe, {flags} AS safety_flags, t.cost_usd, t.pricing_status, d.reason AS error, {scores} AS scores
    FROM unnest(CAST(:lines AS int[]), CAST(:ids AS uuid[])) WITH ORDINALITY AS i(line, trace_id, n)
    LEFT JOIN (
        SELECT * FROM traces
        WHERE project_id = :project_id AND trace_id = ANY(CAST(:ids AS uuid[]))
        AND trace_id BETWEEN :first AND :last
    ) AS t ON t.trace_id = i.trace_id
    LEFT JOIN (
        SELECT * FROM dead_letters WHERE project_id = :project_id AND trace_id = ANY(CAST(:ids AS uuid[]))
    ) AS d ON d.trace_id = i.trace_id
    ORDER BY n
) AS r
"""
_SCORES: Final = (
    "(SELECT json_object_agg(s.key, s.value -> 'value') "  # noqa: S608 constants, no input
    f"FROM json_each(t.scores) AS s WHERE s.key <> '{QUALITY}')"
)
_NESTED: Final = text(_ROWS.format(flags="t.flags", scores=_SCORES))
_FLAT: Final = text(_ROWS.format(flags="t.flags", scores=f"{_SCORES}::text"))


async def read_results(
    connection: AsyncConnection, project_id: str, job_id: UUID, after: int, most: int, *, flat: bool
) -> list[bytes]:
    """Return at most `most` results after an item, each as a line of JSON; fewer inside of a part.

    Items count from 1. With `flat`, scores are a text of JSON.
    """
    found = await connection.execute(
        select(_parts.first_item, _parts.lines, _parts.trace_ids, _parts.state)
        .where(
            _parts.project_id == project_id,
            _parts.job_id == job_id,
            _parts.first_item + _parts["items"] > after + 1,
        )
        .order_by(_parts.part)
        .limit(1)
    )
    row = found.first()
    if row is None:
        return []
    begin = after + 1 - row.first_item
    ids = [UUID(bytes=one.bytes) for one in row.trace_ids[begin : begin + most]]
    given = {
        "project_id": project_id,
        "lines": row.lines[begin : begin + most],
        "ids": ids,
        "first": min(ids),
        "last": max(ids),
        "settled": row.state == "settled",
    }
    return list((await connection.execute(_FLAT if flat else _NESTED, given)).scalars())
