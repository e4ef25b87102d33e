"""Deletion of everything that belongs to one user or to one call, wherever it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.traces import Trace
from app.storage.traces.counted import COUNTED, counted_trace
from app.storage.traces.text_blocks import drop_blocks

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
# A span that restates an erased call has its texts, and perhaps not its owner.
_RESTATING = text("SELECT trace_id FROM traces WHERE project_id = :project_id AND restates = ANY(:trace_ids)")
# The bounds let Postgres skip the partitions of other days.
_DELETE = text(
    "DELETE FROM traces AS t WHERE project_id = :project_id AND trace_id = ANY(:trace_ids) "  # noqa: S608 names of columns
    f"AND trace_id BETWEEN :first AND :last RETURNING {COUNTED}, tableoid::regclass::text AS partition"
)
# Giving disk space back uses Postgres' statistics, which must know these deletions at once.
_TELL_STATISTICS = text("SELECT pg_stat_force_next_flush()")
# Texts that wait for a span to join it are deleted too. Their ids stay, so that a retry restores
# nothing.
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
    text("DELETE FROM labels WHERE project_id = :project_id AND trace_id = ANY(:trace_ids)"),
    text("DELETE FROM review_claims WHERE project_id = :project_id AND trace_id = ANY(:trace_ids)"),
    text("DELETE FROM dataset_items WHERE project_id = :project_id AND trace_id = ANY(:trace_ids)"),
)
_DELETE_OPINIONS = text("DELETE FROM feedback WHERE project_id = :project_id AND user_id = ANY(:user_ids)")
# An unreadable letter names nobody and has its own id, but its bytes may still contain both.
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
# One statement has one snapshot, so every trace is either in a deleted row or in the result.
_REPLACE_USER = text(
    "WITH gone AS (DELETE FROM rollups WHERE project_id = :project_id AND dimension = 'user' "  # noqa: S608 names of columns
    f"AND value = ANY(:user_ids)) SELECT {COUNTED} FROM traces AS t "
    "WHERE project_id = :project_id AND user_id = ANY(:user_ids)"
)


class DeletedTraces(msgspec.Struct, frozen=True):
    """Deleted traces without their texts, and the partitions that held them."""

    traces: list[Trace]
    partitions: set[str]


async def traces_of_user(
    connection: AsyncConnection, project_id: str, user_ids: Sequence[str], *, before: UUID, most: int
) -> list[UUID]:
    """Return the ids of a user's oldest traces, accepted before the moment in the id `before`."""
    rows = await connection.execute(
        _OF_USER, {"project_id": project_id, "user_ids": list(user_ids), "before": before, "most": most}
    )
    return [UUID(bytes=trace_id.bytes) for trace_id in rows.scalars()]


async def count_traces(
    connection: AsyncConnection, project_id: str, user_ids: Sequence[str], *, before: UUID
) -> int:
    """Return how many traces of a user were accepted before the moment in the id `before`."""
    parameters = {"project_id": project_id, "user_ids": list(user_ids), "before": before}
    return int(await connection.scalar(_COUNT, parameters) or 0)


async def delete_traces(
    connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]
) -> DeletedTraces:
    """Delete traces, the scores, labels and opinions about them, and the spans that restate them.

    Returns the traces that were stored.
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
    await drop_blocks(connection, project_id, trace_ids)
    await connection.execute(_TELL_STATISTICS)
    return DeletedTraces([counted_trace(row) for row in rows], {row.partition for row in rows})


async def delete_opinions(connection: AsyncConnection, project_id: str, user_ids: Sequence[str]) -> int:
    """Delete a user's opinions about any trace; returns their number."""
    found = await connection.execute(_DELETE_OPINIONS, {"project_id": project_id, "user_ids": list(user_ids)})
    return found.rowcount


async def delete_letters(connection: AsyncConnection, project_id: str, owner: str | UUID) -> int:
    """Delete the dead letters of a user or of one trace, with payloads; returns their number."""
    statement = _DELETE_LETTERS_OF_USER if isinstance(owner, str) else _DELETE_LETTERS_OF_TRACE
    encoded = msgspec.msgpack.encode("user_id" if isinstance(owner, str) else "trace_id")
    trace = encoded + msgspec.msgpack.encode(owner)
    found = await connection.execute(statement, {"project_id": project_id, "owner": owner, "trace": trace})
    return found.rowcount


async def forget_name(
    connection: AsyncConnection, project_id: str, dimension: str, values: Sequence[str]
) -> None:
    """Delete names from the list of names that were seen."""
    if values:
        await connection.execute(
            _FORGET_NAME, {"project_id": project_id, "dimension": dimension, "values": list(values)}
        )


async def replace_user_rollups(
    connection: AsyncConnection, project_id: str, user_ids: Sequence[str]
) -> list[Trace]:
    """Delete every rollup row of a user; returns the stored traces, which must be counted again."""
    rows = await connection.execute(_REPLACE_USER, {"project_id": project_id, "user_ids": list(user_ids)})
    return [counted_trace(row) for row in rows]
