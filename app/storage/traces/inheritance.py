"""What stored spans of a trace say of their owner, and giving it to the spans inside them.

Of each trace a bounded number of spans is read, by the index on its id, and nothing of a trace that one job holds whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.inherited import INHERITED_NAMES, SHARED_NAME, SHARED_PREFIXES, Kin
from app.schemas.traces import Trace
from app.storage.traces.counted import COUNTED, counted_trace
from app.storage.traces.places import MOST_PLACES
from app.storage.traces.writing import array_literal

__all__ = ["Heir", "give", "lock_counted", "read_kin", "read_shared", "read_shared_traces"]

# The bounds of ids let Postgres leave out the partitions of other days.
_SHARED_TRACES = text("""
SELECT wanted.otel_trace_id FROM unnest(CAST(:otel_trace_ids AS bytea[])) AS wanted (otel_trace_id)
WHERE EXISTS (
    SELECT FROM traces WHERE project_id = :project_id AND otel_trace_id = wanted.otel_trace_id
        AND trace_id BETWEEN :since AND :until AND trace_id <> ALL(:own)
)
""")
_KIN = text("""
SELECT found.* FROM unnest(CAST(:otel_trace_ids AS bytea[])) AS wanted (otel_trace_id) CROSS JOIN LATERAL (
    SELECT trace_id, otel_trace_id, otel_span_id, otel_parent_span_id, kind, user_id, session_id, tags, marks
    FROM traces WHERE project_id = :project_id AND otel_trace_id = wanted.otel_trace_id
        AND trace_id BETWEEN :since AND :until
    ORDER BY trace_id DESC LIMIT :most
) AS found
""")
_SHARED = text("""
SELECT t.trace_id, said.shared FROM traces AS t CROSS JOIN LATERAL (
    SELECT jsonb_object_agg(key, value) AS shared FROM jsonb_each(t.metadata)
    WHERE key = ANY(CAST(:names AS text[])) OR key ^@ ANY(CAST(:prefixes AS text[]))
) AS said
WHERE t.project_id = :project_id AND t.trace_id = ANY(:trace_ids) AND t.trace_id BETWEEN :first AND :last
    AND jsonb_typeof(t.metadata) = 'object' AND said.shared IS NOT NULL
""")
_LOCK = text(
    f"SELECT {COUNTED} FROM traces AS t WHERE project_id = :project_id AND trace_id = ANY(:trace_ids) "  # noqa: S608 names of columns
    "AND trace_id BETWEEN :first AND :last ORDER BY trace_id FOR UPDATE"
)
_GIVE = text("""
UPDATE traces AS t SET
    user_id = found.user_id, session_id = found.session_id,
    tags = CAST(found.tags AS text[]), marks = CAST(found.marks AS text[]),
    metadata = CASE WHEN found.shared IS NULL THEN t.metadata
        ELSE COALESCE(t.metadata, '{}') || CAST(found.shared AS jsonb) END
FROM unnest(CAST(:ids AS uuid[]), CAST(:users AS text[]), CAST(:sessions AS text[]), CAST(:tags AS text[]),
    CAST(:marks AS text[]), CAST(:shared AS text[])) AS found (id, user_id, session_id, tags, marks, shared)
WHERE t.project_id = :project_id AND t.trace_id = found.id AND t.trace_id BETWEEN :first AND :last
""")
_json = msgspec.json.Encoder().encode


class Heir(msgspec.Struct, frozen=True):
    """A stored span with what it is given: its owner as it is to be, and metadata beside its own."""

    trace: Trace
    shared: Mapping[str, Any]


async def read_shared_traces(
    connection: AsyncConnection,
    project_id: str,
    otel_trace_ids: Sequence[bytes],
    own: Sequence[UUID],
    *,
    since: UUID,
    until: UUID,
) -> list[bytes]:
    """Return those of the traces of which others than the rows `own` are stored, between the moments of two ids."""
    parameters = {
        "project_id": project_id,
        "otel_trace_ids": otel_trace_ids,
        "own": own,
        "since": since,
        "until": until,
    }
    return list((await connection.execute(_SHARED_TRACES, parameters)).scalars())


async def read_kin(
    connection: AsyncConnection, project_id: str, otel_trace_ids: Sequence[bytes], *, since: UUID, until: UUID
) -> list[Kin]:
    """Return spans of traces that were accepted between the moments that two ids carry.

    Of a trace with more than MOST_PLACES those that were accepted last.
    """
    parameters = {
        "project_id": project_id,
        "otel_trace_ids": otel_trace_ids,
        "since": since,
        "until": until,
        "most": MOST_PLACES,
    }
    return [
        Kin(**{**row._asdict(), "tags": tuple(row.tags), "marks": tuple(row.marks)})
        for row in await connection.execute(_KIN, parameters)
    ]


async def read_shared(
    connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]
) -> dict[UUID, dict[str, Any]]:
    """Return by id those metadata of stored spans that are about a whole trace, of spans that have some."""
    if not trace_ids:
        return {}
    parameters = {
        "project_id": project_id,
        "trace_ids": trace_ids,
        "first": min(trace_ids),
        "last": max(trace_ids),
        "names": [SHARED_NAME, INHERITED_NAMES],
        "prefixes": list(SHARED_PREFIXES),
    }
    return {row.trace_id: row.shared for row in await connection.execute(_SHARED, parameters)}


async def lock_counted(
    connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]
) -> dict[UUID, Trace]:
    """Return stored traces by id, without their texts, and locked until the transaction ends."""
    parameters = {
        "project_id": project_id,
        "trace_ids": trace_ids,
        "first": min(trace_ids),
        "last": max(trace_ids),
    }
    traces = map(counted_trace, await connection.execute(_LOCK, parameters))
    return {trace.trace_id: trace for trace in traces}


async def give(connection: AsyncConnection, project_id: str, heirs: Sequence[Heir]) -> None:
    """Write what spans are given: user, session, tags and marks as they are, metadata added to their own.

    The caller holds locks on them.
    """
    traces = [heir.trace for heir in heirs]
    ids = [trace.trace_id for trace in traces]
    await connection.execute(
        _GIVE,
        {
            "project_id": project_id,
            "ids": ids,
            "users": [trace.user_id for trace in traces],
            "sessions": [trace.session_id for trace in traces],
            "tags": [array_literal(trace.tags) for trace in traces],
            "marks": [array_literal(trace.marks) for trace in traces],
            "shared": [_json(heir.shared).decode() if heir.shared else None for heir in heirs],
            "first": min(ids),
            "last": max(ids),
        },
    )
