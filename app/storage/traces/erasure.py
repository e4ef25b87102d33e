"""Deleting what belongs to one person or to one call, wherever it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.traces import Trace
from app.storage.traces.counted import COUNTED, counted_trace

__all__ = [
    "DeletedTraces",
    "count_traces",
    "delete_letters",
    "delete_opinions",
    "delete_traces",
    "forget_name",
    "replace_user_rollups",
    "traces_of_user",
]

_OF_USER = text("""
SELECT trace_id FROM traces
WHERE project_id = :project_id AND user_id = ANY(:user_ids) AND trace_id < :before
ORDER BY trace_id LIMIT :most
""")
_COUNT = text("""
SELECT count(*) FROM traces WHERE project_id = :project_id AND user_id = ANY(:user_ids) AND trace_id < :before
""")
# What tells of an erased call once more has its texts, and its owner perhaps not.
_RESTATING = text("SELECT trace_id FROM traces WHERE project_id = :project_id AND restates = ANY(:trace_ids)")
# The bounds let Postgres leave out the partitions of other days.
_DELETE = text(
    "DELETE FROM traces AS t WHERE project_id = :project_id AND trace_id = ANY(:trace_ids) "  # noqa: S608 names of columns
    f"AND trace_id BETWEEN :first AND :last RETURNING {COUNTED}, tableoid::regclass::text AS partition"
)
# So that giving disk back, which goes by Postgres' statistics, sees these deletions at once.
_TELL_STATISTICS = text("SELECT pg_stat_force_next_flush()")
# Texts that wait for a span of theirs to join them go too; their ids stay, so that a retry brings nothing back.
_DELETE_BESIDE = (
    text("""
    UPDATE span_parts AS p SET payload = NULL FROM traces AS t
    WHERE t.project_id = :project_id AND t.trace_id = ANY(:trace_ids) AND p.project_id = t.project_id
    AND (p.response_key = t.response_key
        OR (p.response_key IS NULL AND p.otel_trace_id = t.otel_trace_id
            AND p.otel_span_id IN (t.otel_span_id, '')))
    """),
    text("DELETE FROM scores WHERE project_id = :project_id AND trace_id = ANY(:trace_ids)"),
    text("DELETE FROM feedback WHERE project_id = :project_id AND trace_id = ANY(:trace_ids)"),
)
_DELETE_OPINIONS = text("DELETE FROM feedback WHERE project_id = :project_id AND user_id = ANY(:user_ids)")
# A letter that could not be read names nobody and has an id of its own; its bytes may still hold both.
_DELETE_LETTERS = """
DELETE FROM dead_letters WHERE project_id = :project_id AND (
    {owner} OR (reason = 'unreadable' AND position(CAST(:trace AS bytea) IN payload) > 0)
)
"""
_DELETE_LETTERS_OF_USER = text(_DELETE_LETTERS.format(owner="user_id = :owner"))
_DELETE_LETTERS_OF_TRACE = text(_DELETE_LETTERS.format(owner="trace_id = :owner"))
_FORGET_NAME = text("""
DELETE FROM observed_values
WHERE project_id = :project_id AND dimension = :dimension AND value = ANY(:values)
""")
# One statement is one snapshot: no trace is counted in a row that is deleted here and left out of what stays.
_REPLACE_USER = text(
    "WITH gone AS (DELETE FROM rollups WHERE project_id = :project_id AND dimension = 'user' "  # noqa: S608 names of columns
    f"AND value = ANY(:user_ids)) SELECT {COUNTED} FROM traces AS t "
    "WHERE project_id = :project_id AND user_id = ANY(:user_ids)"
)


class DeletedTraces(msgspec.Struct, frozen=True):
    """Traces that are gone, without their texts, and the partitions that held them."""

    traces: list[Trace]
    partitions: set[str]


async def traces_of_user(
    connection: AsyncConnection, project_id: str, user_ids: Sequence[str], *, before: UUID, most: int
) -> list[UUID]:
    """Return the ids of a user's oldest traces, accepted before the moment that `before` carries."""
    rows = await connection.execute(
        _OF_USER, {"project_id": project_id, "user_ids": list(user_ids), "before": before, "most": most}
    )
    return [UUID(bytes=trace_id.bytes) for trace_id in rows.scalars()]


async def count_traces(
    connection: AsyncConnection, project_id: str, user_ids: Sequence[str], *, before: UUID
) -> int:
    """Return how many traces of a user were accepted before the moment that `before` carries."""
    parameters = {"project_id": project_id, "user_ids": list(user_ids), "before": before}
    return int(await connection.scalar(_COUNT, parameters) or 0)


async def delete_traces(
    connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]
) -> DeletedTraces:
    """Delete traces with the scores and opinions about them, and spans that tell of them once more.

    Returns those that were stored.
    """
    if not trace_ids:
        return DeletedTraces([], set())
    named = {"project_id": project_id, "trace_ids": list(trace_ids)}
    restating = (UUID(bytes=one.bytes) for one in (await connection.execute(_RESTATING, named)).scalars())
    trace_ids = list(dict.fromkeys((*trace_ids, *restating)))
    parameters = {"project_id": project_id, "trace_ids": trace_ids}
    for statement in _DELETE_BESIDE:
        await connection.execute(statement, parameters)
    bounds = {"first": min(trace_ids), "last": max(trace_ids)}
    rows = (await connection.execute(_DELETE, parameters | bounds)).all()
    await connection.execute(_TELL_STATISTICS)
    return DeletedTraces([counted_trace(row) for row in rows], {row.partition for row in rows})


async def delete_opinions(connection: AsyncConnection, project_id: str, user_ids: Sequence[str]) -> int:
    """Delete what a user said about any trace; returns how many opinions there were."""
    found = await connection.execute(_DELETE_OPINIONS, {"project_id": project_id, "user_ids": list(user_ids)})
    return found.rowcount


async def delete_letters(connection: AsyncConnection, project_id: str, owner: str | UUID) -> int:
    """Delete the dead letters of a user or of one trace, payloads included; returns how many there were."""
    statement = _DELETE_LETTERS_OF_USER if isinstance(owner, str) else _DELETE_LETTERS_OF_TRACE
    encoded = msgspec.msgpack.encode("user_id" if isinstance(owner, str) else "trace_id")
    trace = encoded + msgspec.msgpack.encode(owner)
    found = await connection.execute(statement, {"project_id": project_id, "owner": owner, "trace": trace})
    return found.rowcount


async def forget_name(
    connection: AsyncConnection, project_id: str, dimension: str, values: Sequence[str]
) -> None:
    """Forget that names were seen."""
    if values:
        await connection.execute(
            _FORGET_NAME, {"project_id": project_id, "dimension": dimension, "values": list(values)}
        )


async def replace_user_rollups(
    connection: AsyncConnection, project_id: str, user_ids: Sequence[str]
) -> list[Trace]:
    """Delete every rollup row of a user; returns the traces that are stored and must be counted again."""
    rows = await connection.execute(_REPLACE_USER, {"project_id": project_id, "user_ids": list(user_ids)})
    return [counted_trace(row) for row in rows]
