"""What must be true when everything has come to rest.

Rows, dead letters, rollups and the ledger are compared with what was acknowledged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import asyncpg
import redis.asyncio

from app.queue import REDELIVERED_KEY
from app.storage.engine import create_engine
from app.storage.rollups.folding import fold_batches

_PRESENCE = """
WITH acknowledged AS (SELECT * FROM unnest($1::text[], $2::uuid[]) AS a(client_id, trace_id)),
kept AS (
    SELECT a.client_id, a.trace_id,
        (SELECT count(*) FROM traces t WHERE t.project_id = 'default' AND t.trace_id = a.trace_id
            AND t.client_id = a.client_id) AS rows,
        (SELECT count(*) FROM dead_letters d WHERE d.project_id = 'default' AND d.trace_id = a.trace_id) AS letters
    FROM acknowledged a
)
SELECT count(*) FILTER (WHERE rows + letters = 0) AS missing,
    count(*) FILTER (WHERE rows + letters > 1) AS doubled,
    (SELECT count(*) FROM traces t WHERE NOT EXISTS (
        SELECT FROM acknowledged a WHERE a.trace_id = t.trace_id AND a.client_id = t.client_id)) AS unasked
FROM kept
"""
_SUMS = (
    "count(*)::bigint AS records, count(safety_score)::bigint AS assessed, "
    "count(*) FILTER (WHERE is_safe = false)::bigint AS unsafe, count(overall_quality)::bigint AS quality_count, "
    "coalesce(sum(overall_quality), 0) AS quality_sum, count(cost_usd)::bigint AS priced, "
    "coalesce(sum(cost_usd), 0) AS cost_usd, coalesce(sum(prompt_tokens), 0)::bigint AS prompt_tokens, "
    "coalesce(sum(completion_tokens), 0)::bigint AS completion_tokens"
)
_ROLLED = """
SELECT value, sum(records)::bigint AS records, sum(assessed)::bigint AS assessed, sum(unsafe)::bigint AS unsafe,
    sum(quality_count)::bigint AS quality_count, sum(quality_sum) AS quality_sum,
    sum(priced)::bigint AS priced, sum(cost_usd) AS cost_usd, sum(prompt_tokens)::bigint AS prompt_tokens,
    sum(completion_tokens)::bigint AS completion_tokens
FROM rollups WHERE NOT covered AND dimension = $1 GROUP BY value
"""
# For each dimension of the rollups, the expression of its values in the rows.
_DIMENSIONS = {
    "all": ("''", ""),
    "model": ("model_name", ""),
    "user": ("user_id", ""),
    "session": ("session_id", ""),
    "tag": ("tag", ", unnest(tags) AS tag"),
    "flag": ("flag", ", unnest(flags) AS flag"),
    "topic_category": ("scores->'topic_category'->>'label'", ""),
}
# This is far above what another order of adding 10⁶ values changes, and far below one value.
_RELATIVE, _ABSOLUTE = 1e-11, 1e-7
_MEASURED = """
SELECT measure, sum(count)::bigint AS count, sum(total) AS total
FROM rollups, unnest(measures, counts, sums) AS m(measure, count, total)
WHERE NOT covered AND dimension = 'all' AND measure = ANY($1) GROUP BY measure
"""
_SCORED = """
SELECT key AS measure, count(*)::bigint AS count, sum((value->>'value')::float8) AS total
FROM traces, jsonb_each(scores::jsonb) WHERE value->>'value' IS NOT NULL GROUP BY key
"""
_BUDGETS = """
SELECT b.name, stored.cost, stored.calls, spent.cost AS spent, spent.calls AS counted
FROM budgets AS b
CROSS JOIN LATERAL (
    SELECT coalesce(sum(cost_usd), 0) AS cost, count(cost_usd)::bigint AS calls FROM traces AS t
    WHERE t.project_id = b.project_id AND t.source = 'live' AND t.kind IN ('llm', 'embedding')
        AND t.occurred_at >= b.counted_from AND (b.subject = 'project' OR t.model_name = ANY(b.names))
) AS stored
CROSS JOIN LATERAL (
    SELECT coalesce(sum(cost_usd), 0) AS cost, coalesce(sum(calls), 0)::bigint AS calls
    FROM budget_spending AS s WHERE s.project_id = b.project_id AND s.budget_id = b.budget_id
) AS spent
"""
Figures = tuple[Any, ...]


class Proof(NamedTuple):
    """The figures of one database and one Redis at rest."""

    missing: int
    doubled: int
    unasked: int
    rows: int
    letters: int
    redelivered: int
    differences: dict[str, Any]


async def prove(database_url: str, redis_url: str, acknowledged: Mapping[str, str]) -> Proof:
    """Compare stored rows with acknowledged records, and rollups with rows.

    `acknowledged` maps client ids to trace ids.
    """
    engine = create_engine(database_url, application="proof")
    async with engine.begin() as folding:
        while await fold_batches(folding):
            pass
    await engine.dispose()
    connection = await asyncpg.connect(database_url)
    try:
        presence = await connection.fetchrow(_PRESENCE, list(acknowledged), list(acknowledged.values()))
        assert presence
        rows = await connection.fetchval("SELECT count(*) FROM traces")
        letters = await connection.fetchval("SELECT count(*) FROM dead_letters")
        differences = {
            dimension: different
            for dimension, (value, source) in _DIMENSIONS.items()
            if (different := await _compare(connection, dimension, value, source))
        }
        scored = {row["measure"]: tuple(row) for row in await connection.fetch(_SCORED)}
        rolled = {row["measure"]: tuple(row) for row in await connection.fetch(_MEASURED, list(scored))}
        assert scored, "nothing was scored"
        if unequal := _unequal(scored, rolled):
            differences["scores"] = unequal
        budgets = await connection.fetch(_BUDGETS)
        assert budgets, "there is no budget"
        if wrong := [row for row in budgets if (row["cost"], row["calls"]) != (row["spent"], row["counted"])]:
            differences["budgets"] = {row["name"]: tuple(row) for row in wrong}
    finally:
        await connection.close()
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        commands: Any = client
        redelivered = int(await commands.hget(REDELIVERED_KEY, "default") or 0)
    return Proof(**presence, rows=rows, letters=letters, redelivered=redelivered, differences=differences)


async def _compare(connection: asyncpg.Connection, dimension: str, value: str, source: str) -> dict[str, Any]:
    stored = await connection.fetch(
        f"SELECT {value} AS value, {_SUMS} FROM traces{source} WHERE {value} IS NOT NULL GROUP BY 1"  # noqa: S608 made of constants
    )
    rolled = await connection.fetch(_ROLLED, dimension)
    expected = {row["value"]: tuple(row) for row in stored}
    found = {row["value"]: tuple(row) for row in rolled}
    assert expected, f"no row has a {dimension}"
    return _unequal(expected, found)


def _unequal(expected: Mapping[str, Figures], found: Mapping[str, Figures]) -> dict[str, Any]:
    """Return what differs; sums of floats may differ by what another order of adding changes."""
    return {
        name: (expected.get(name), found.get(name))
        for name in {*expected, *found}
        if not _equal(expected.get(name, ()), found.get(name, ()))
    }


def _equal(expected: Figures, found: Figures) -> bool:
    return len(expected) == len(found) and all(
        math.isclose(one, other, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
        if isinstance(one, float)
        else one == other
        for one, other in zip(expected, found, strict=True)
    )
