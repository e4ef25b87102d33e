"""Calls whose price nobody knew when they were stored."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.traces import Trace
from app.storage.traces.counted import COUNTED, counted_trace

__all__ = ["projects_to_price", "read_unpriced", "set_prices"]

_READ = text(
    f"SELECT {COUNTED} FROM traces AS t WHERE project_id = :project_id AND pricing_status = 'unknown' "  # noqa: S608 names of columns
    "AND trace_id > :after ORDER BY trace_id LIMIT :most"
)
_PROJECTS = text("""
SELECT project_id FROM projects AS p
WHERE EXISTS (
    SELECT 1 FROM traces AS t WHERE t.project_id = p.project_id AND t.pricing_status = 'unknown'
) AND NOT EXISTS (
    SELECT 1 FROM jobs AS j
    WHERE j.project_id = p.project_id AND j.kind = :kind AND j.parameters ->> 'table' = :table
)
""")
_SET = text("""
UPDATE traces AS t SET cost_usd = found.cost, price_source = found.source, pricing_status = 'priced'
FROM unnest(CAST(:ids AS uuid[]), CAST(:costs AS numeric[]), CAST(:sources AS text[])) AS found (id, cost, source)
WHERE t.project_id = :project_id AND t.trace_id = found.id AND t.trace_id BETWEEN :first AND :last
    AND t.pricing_status = 'unknown'
RETURNING t.trace_id
""")


async def projects_to_price(connection: AsyncConnection, kind: str, table: str) -> list[str]:
    """Return the projects with calls without a price for which no job of `kind` has tried this table."""
    rows = await connection.execute(_PROJECTS, {"kind": kind, "table": table})
    return list(rows.scalars())


async def read_unpriced(
    connection: AsyncConnection, project_id: str, *, after: UUID, most: int
) -> list[Trace]:
    """Return the oldest traces without a price behind `after`, without their texts."""
    rows = await connection.execute(_READ, {"project_id": project_id, "after": after, "most": most})
    return [counted_trace(row) for row in rows]


async def set_prices(
    connection: AsyncConnection, project_id: str, prices: Mapping[UUID, tuple[Decimal, str]]
) -> set[UUID]:
    """Store what calls cost and which table says so; returns those that are still stored and had no price."""
    if not prices:
        return set()
    rows = await connection.execute(
        _SET,
        {
            "project_id": project_id,
            "ids": list(prices),
            "costs": [cost for cost, _ in prices.values()],
            "sources": [source for _, source in prices.values()],
            "first": min(prices),
            "last": max(prices),
        },
    )
    return {UUID(bytes=trace_id.bytes) for trace_id in rows.scalars()}
