"""Stored calls whose price a project's own table decides anew."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.traces import Trace
from app.storage.traces.counted import COUNTED, counted_trace

__all__ = ["Cost", "cancel_repricing", "list_models", "lock_calls", "set_costs"]

# The index of models is skipped through, so that this takes one look per name and not per call.
_MODELS = text("""
WITH RECURSIVE names (name, number) AS (
    (SELECT model_name, 1 FROM traces WHERE project_id = :project_id AND model_name > :after
     ORDER BY model_name LIMIT 1)
    UNION ALL
    SELECT (
        SELECT model_name FROM traces WHERE project_id = :project_id AND model_name > names.name
        ORDER BY model_name LIMIT 1
    ), number + 1
    FROM names WHERE name IS NOT NULL AND number < :most
)
SELECT name FROM names WHERE name IS NOT NULL ORDER BY number
""")
_CALLS = text(
    f"SELECT {COUNTED}, t.price_source, t.computed_cost_usd FROM traces AS t "  # noqa: S608 names of columns
    "WHERE project_id = :project_id AND model_name = :model AND trace_id > :after "
    "AND pricing_status IN ('priced', 'unknown', 'out_of_range', 'no_usage') "
    "ORDER BY trace_id LIMIT :most FOR NO KEY UPDATE OF t"
)
_SET = text("""
UPDATE traces AS t SET cost_usd = found.cost, pricing_status = found.status, price_source = found.source,
    computed_cost_usd = found.computed
FROM unnest(
    CAST(:ids AS uuid[]), CAST(:costs AS numeric[]), CAST(:statuses AS text[]), CAST(:sources AS text[]),
    CAST(:computed AS numeric[])
) AS found (id, cost, status, source, computed)
WHERE t.project_id = :project_id AND t.trace_id = found.id AND t.trace_id BETWEEN :first AND :last
""")
_CANCEL = text("""
UPDATE jobs SET state = 'cancelled', updated_at = now()
WHERE project_id = :project_id AND kind = :kind AND state IN ('queued', 'running')
RETURNING parameters
""")


class Cost(NamedTuple):
    """What a stored call costs: the columns of the table that say so."""

    usd: Decimal | None
    status: str
    source: str | None
    computed_usd: Decimal | None


async def list_models(
    connection: AsyncConnection, project_id: str, *, after: str, most: int
) -> Sequence[str]:
    """Return the names of models of a project's calls that come after `after`, in order."""
    rows = await connection.execute(_MODELS, {"project_id": project_id, "after": after, "most": most})
    return list(rows.scalars())


async def lock_calls(
    connection: AsyncConnection, project_id: str, model: str, *, after: UUID, most: int
) -> list[Trace]:
    """Return the oldest calls of a model after `after` that can have a price, without their texts.

    Their rows are locked until the transaction ends.
    """
    rows = await connection.execute(
        _CALLS, {"project_id": project_id, "model": model, "after": after, "most": most}
    )
    return [
        msgspec.structs.replace(
            counted_trace(row), price_source=row.price_source, computed_cost_usd=row.computed_cost_usd
        )
        for row in rows
    ]


async def set_costs(connection: AsyncConnection, project_id: str, costs: dict[UUID, Cost]) -> None:
    """Store the costs of calls whose rows the caller has locked."""
    if not costs:
        return
    await connection.execute(
        _SET,
        {
            "project_id": project_id,
            "ids": list(costs),
            "costs": [one.usd for one in costs.values()],
            "statuses": [one.status for one in costs.values()],
            "sources": [one.source for one in costs.values()],
            "computed": [one.computed_usd for one in costs.values()],
            "first": min(costs),
            "last": max(costs),
        },
    )


async def cancel_repricing(connection: AsyncConnection, project_id: str, kind: str) -> list[dict[str, Any]]:
    """End the open jobs of a kind, and return their parameters."""
    rows = await connection.execute(_CANCEL, {"project_id": project_id, "kind": kind})
    return list(rows.scalars())
