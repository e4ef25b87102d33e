"""Stored spans that may be about the same call, found by indexes, and what distinguishes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, bindparam, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.spans import WORDING_CHARACTERS, PlacedSpan, Wording
from app.schemas.traces import Trace
from app.storage.tables import traces
from app.storage.traces.places import PLACED
from monitoring.bounds import FIGURES
from monitoring.spending.usage import BILLED_BY

__all__ = ["read_group", "read_similar_calls", "read_stream_parts", "read_wording", "rewrite_calls"]

_MOST_SIMILAR = 16

# The bounds of ids let Postgres leave out the partitions of other days.
_FRESH = """
WITH fresh AS MATERIALIZED (
    SELECT trace_id AS own_id, response_key AS own_key, prompt_tokens AS own_prompt, completion_tokens AS own_completion,
        metadata ->> 'otel.scope' AS own_scope, token_source AS own_source, response_time_ms AS own_ms, occurred_at AS own_moment,
        occurred_at + coalesce(response_time_ms, 0) * interval '1 millisecond' AS own_end,
        count(*) OVER (PARTITION BY response_key) AS tellers
    FROM traces WHERE project_id = :project_id AND trace_id = ANY(:ids) AND trace_id BETWEEN :first AND :last
        AND kind IN ('llm', 'embedding') AND otel_trace_id IS NOT NULL
)
"""
_WITHIN = "project_id = :project_id AND trace_id BETWEEN :since AND :until AND otel_trace_id IS NOT NULL"


def _found(*parts: str, others: str = "true") -> TextClause:
    """Return a statement for spans that one of `parts` finds for a new call, filtered by `others`.

    Each part finds only the few nearest spans.
    """
    wanted = (
        f"SELECT found.* FROM fresh CROSS JOIN LATERAL (SELECT {PLACED} "  # noqa: S608 made of constants
        f"FROM traces WHERE {_WITHIN} AND {part}) AS found WHERE {others}"
        for part in parts
    )
    return text(f"{_FRESH} {' UNION '.join(wanted)}")


# A span around another one began before it, and seldom more than a minute before.
_USAGE = "kind IN ('llm', 'embedding') AND prompt_tokens = own_prompt AND completion_tokens = own_completion"
_SIMILAR_CALLS = _found(
    # If a server gives every response the same id, the id distinguishes nothing.
    f"tellers <= {_MOST_SIMILAR} AND response_key = own_key LIMIT {_MOST_SIMILAR}",
    f"own_scope IS NOT NULL AND {_USAGE} AND occurred_at BETWEEN own_moment - interval '1 minute' AND own_moment "
    f"ORDER BY occurred_at DESC LIMIT {_MOST_SIMILAR}",
    f"own_scope IS NOT NULL AND {_USAGE} AND occurred_at > own_moment AND occurred_at <= own_end ORDER BY occurred_at LIMIT {_MOST_SIMILAR}",
    others="coalesce(found.scope <> own_scope, true)",  # one instrumentation makes one span for a call
)
_STREAMED = (
    "kind = 'llm' AND (response_time_ms = 0 OR (completion_tokens = 0 AND token_source <> 'reported')) "
    "AND CAST(response_time_ms = 0 AS int) = {end}"
)
_STREAM_PARTS = _found(
    f"own_ms = 0 AND {_STREAMED.format(end=0)} "
    "AND occurred_at BETWEEN own_moment - interval '10 minutes' AND own_moment "
    f"ORDER BY occurred_at DESC LIMIT {_MOST_SIMILAR}",
    f"own_completion = 0 AND own_source <> 'reported' AND {_STREAMED.format(end=1)} "
    "AND occurred_at BETWEEN own_end - interval '5 milliseconds' AND own_end + interval '10 minutes' "
    f"ORDER BY occurred_at LIMIT {_MOST_SIMILAR}",
)
# With OR between them neither index would be used.
_GROUP = text(
    f"SELECT {PLACED} FROM traces WHERE {_WITHIN} AND trace_id = ANY(:calls) UNION ALL "  # noqa: S608 made of constants
    f"SELECT {PLACED} FROM traces WHERE project_id = :project_id AND restates = ANY(:calls) AND trace_id >= :since"
)
_WORDING = text("""
SELECT trace_id, metadata ->> 'otel.scope' AS scope, metadata ->> 'service.name' AS service,
    left(prompt, :characters) AS prompt, left(response, :characters) AS response
FROM traces WHERE project_id = :project_id AND trace_id = ANY(:ids) AND trace_id BETWEEN :first AND :last
""")
_REWRITTEN = (
    *FIGURES,
    *BILLED_BY,
    "computed_cost_usd",
    "occurred_at",
    "provider",
    "user_id",
    "session_id",
    "token_source",
    "cost_usd",
    "pricing_status",
    "price_source",
    "marks",
)


async def read_similar_calls(
    connection: AsyncConnection, project_id: str, ids: Sequence[UUID], *, since: UUID, until: UUID
) -> list[PlacedSpan]:
    """Return stored calls that may be the same as one of the calls `ids`.

    They name the same response, or one began within the other and has the same usage.
    """
    return await _read(connection, _SIMILAR_CALLS, project_id, ids, since=since, until=until)


async def read_stream_parts(
    connection: AsyncConnection, project_id: str, ids: Sequence[UUID], *, since: UUID, until: UUID
) -> list[PlacedSpan]:
    """Return the ends of streams that one of the calls `ids` may have requested, and vice versa."""
    return await _read(connection, _STREAM_PARTS, project_id, ids, since=since, until=until)


async def _read(
    connection: AsyncConnection,
    statement: TextClause,
    project_id: str,
    ids: Sequence[UUID],
    *,
    since: UUID,
    until: UUID,
) -> list[PlacedSpan]:
    if not ids:
        return []
    parameters = {
        "project_id": project_id,
        "ids": list(ids),
        "first": min(ids),
        "last": max(ids),
        "since": since,
        "until": until,
    }
    return [PlacedSpan(**row._asdict()) for row in await connection.execute(statement, parameters)]


async def read_group(
    connection: AsyncConnection, project_id: str, calls: Collection[UUID], *, since: UUID, until: UUID
) -> list[PlacedSpan]:
    """Return calls together with the spans that restate them."""
    parameters = {"project_id": project_id, "calls": list(calls), "since": since, "until": until}
    return (
        [PlacedSpan(**row._asdict()) for row in await connection.execute(_GROUP, parameters)] if calls else []
    )


async def read_wording(
    connection: AsyncConnection, project_id: str, ids: Collection[UUID]
) -> dict[UUID, Wording]:
    """Return by id what distinguishes spans, with the first 4,000 characters of their texts."""
    if not ids:
        return {}
    parameters = {
        "project_id": project_id,
        "ids": list(ids),
        "first": min(ids),
        "last": max(ids),
        "characters": WORDING_CHARACTERS,
    }
    rows = await connection.execute(_WORDING, parameters)
    return {_id(row.trace_id): Wording(row.scope, row.service, row.prompt, row.response) for row in rows}


async def rewrite_calls(connection: AsyncConnection, calls: Sequence[Trace]) -> None:
    """Write usage, price, owners, times and marks of stored calls; the caller holds their locks."""
    if not calls:
        return
    written = update(traces).where(
        traces.c.project_id == bindparam("of_project"), traces.c.trace_id == bindparam("of_call")
    )
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _REWRITTEN}
    await connection.execute(
        written.values(values),
        [
            {"of_project": call.project_id, "of_call": call.trace_id}
            | {f"new_{name}": getattr(call, name) for name in _REWRITTEN}
            | {"new_marks": list(call.marks)}
            for call in calls
        ],
    )


def _id(value: Any) -> UUID:
    return UUID(bytes=value.bytes)
