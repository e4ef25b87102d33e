"""What must be true of the tenant when everything has come to rest.

Rows are compared with what was acknowledged, and figures with rows.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import asyncpg
import httpx

from tests.abuse.stage import TENANT, Stage, bearer

__all__ = ["Presence", "figures_that_differ", "presence"]

_PRESENCE = """
WITH acknowledged AS (SELECT * FROM unnest($2::text[], $3::uuid[]) AS a(client_id, trace_id)),
kept AS (SELECT (SELECT count(*) FROM traces t
    WHERE t.project_id = $1 AND t.trace_id = a.trace_id AND t.client_id = a.client_id) AS rows FROM acknowledged a),
spans AS (SELECT (SELECT count(*) FROM traces t
    WHERE t.project_id = $1 AND t.otel_span_id = s.span_id) AS rows FROM unnest($4::bytea[]) AS s(span_id)),
guarded AS (SELECT (SELECT count(*) FROM traces t
    WHERE t.project_id = $1 AND t.trace_id = g.trace_id) AS rows FROM unnest($5::uuid[]) AS g(trace_id)),
every AS (SELECT rows FROM kept UNION ALL SELECT rows FROM spans UNION ALL SELECT rows FROM guarded)
SELECT count(*) AS acknowledged, count(*) FILTER (WHERE rows = 0) AS missing,
    count(*) FILTER (WHERE rows > 1) AS doubled FROM every
"""
_DOUBLED_IDS = """
SELECT count(*) FROM (SELECT client_id FROM traces WHERE project_id = $1 AND client_id IS NOT NULL
    GROUP BY client_id HAVING count(*) > 1) AS d
"""
_FIGURES = """
SELECT count(*)::int AS records, count(overall_quality)::int AS evaluated, avg(overall_quality) AS quality,
    count(safety_score)::int AS assessed, count(*) FILTER (WHERE is_safe = false)::int AS violations,
    coalesce(sum(cost_usd), 0)::float8 AS cost
FROM traces WHERE project_id = $1 AND kind = 'llm' AND source = 'live'
"""


class Presence(NamedTuple):
    """How many records were acknowledged, and how many are stored never or more than once."""

    acknowledged: int
    missing: int
    doubled: int
    doubled_ids: int


async def presence(stage: Stage) -> Presence:
    """Look for every acknowledged record and span of the tenant."""
    tenant = stage.tenant
    connection = await asyncpg.connect(stage.database_url)
    try:
        row = await connection.fetchrow(
            _PRESENCE,
            TENANT,
            list(tenant.acknowledged),
            list(tenant.acknowledged.values()),
            tenant.spans,
            tenant.guarded,
        )
        assert row
        return Presence(**row, doubled_ids=await connection.fetchval(_DOUBLED_IDS, TENANT))
    finally:
        await connection.close()


async def figures_that_differ(stage: Stage) -> dict[str, tuple[Any, Any]]:
    """Compare what /metrics/* say about the tenant with its rows; returns what differs, by name."""
    connection = await asyncpg.connect(stage.database_url)
    try:
        row = await connection.fetchrow(_FIGURES, TENANT)
        assert row
    finally:
        await connection.close()
    told = {name: await _read(stage, name) for name in ("quality", "safety", "cost", "relevance")}
    pairs = {
        "evaluations": (told["quality"]["total_evaluations"], row["evaluated"]),
        "average quality": (told["quality"]["average_quality"], row["quality"]),
        "interactions": (told["safety"]["total_interactions"], row["assessed"]),
        "violations": (told["safety"]["safety_violations"], row["violations"]),
        "cost": (told["cost"]["total_cost_usd"], row["cost"]),
    }
    return {name: pair for name, pair in pairs.items() if not _equal(*pair)}


async def _read(stage: Stage, name: str) -> Any:
    async with httpx.AsyncClient(headers=bearer(stage.keys.tenant), timeout=30) as client:
        answer = await client.get(f"{stage.stack.api}/metrics/{name}", params={"time_period": "24h"})
    assert answer.status_code == httpx.codes.OK, f"/metrics/{name} answers {answer.status_code}"
    return answer.json()


def _equal(one: Any, other: Any) -> bool:
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
