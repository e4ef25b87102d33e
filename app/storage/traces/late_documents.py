"""Stored calls that lack documents which their trace had retrieved before they began."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.kinds import RETRIEVERS
from app.schemas.retrieval import MOST_PASSAGES
from app.storage.traces.places import MOST_PLACES, MOST_RETRIEVERS

__all__ = ["UnservedCall", "read_unserved"]

# Calls without texts of their own cannot be judged again, and one with as many documents as it can have needs no more.
# The bounds of ids let Postgres leave out the partitions of other days.
_UNSERVED = text("""
SELECT calls.trace_id, calls.otel_trace_id, calls.otel_span_id, searches.trace_id AS retriever_id
FROM unnest(CAST(:otel_trace_ids AS bytea[])) AS wanted (otel_trace_id)
CROSS JOIN LATERAL (
    SELECT trace_id, context[1] AS passage,
        occurred_at + make_interval(secs => COALESCE(response_time_ms, 0) / 1000) AS ended FROM traces
    WHERE project_id = :project_id AND otel_trace_id = wanted.otel_trace_id AND trace_id BETWEEN :since AND :until
        AND kind = ANY(:kinds) AND context <> '{}'
    ORDER BY occurred_at, trace_id LIMIT :most_searches
) AS searches
CROSS JOIN LATERAL (
    SELECT trace_id, otel_trace_id, otel_span_id FROM traces
    WHERE project_id = :project_id AND otel_trace_id = wanted.otel_trace_id AND trace_id BETWEEN :since AND :until
        AND (trace_id = ANY(:stored_now) OR searches.trace_id = ANY(:stored_now))
        AND kind = 'llm' AND occurred_at >= searches.ended AND NOT context @> ARRAY[searches.passage]
        AND cardinality(context) < :passages_at_most AND NOT marks && CAST(:textless AS text[])
    ORDER BY trace_id LIMIT :most_calls
) AS calls
""")


class UnservedCall(msgspec.Struct, frozen=True):
    """A stored call that began after a retriever had ended, and does not have its first document."""

    trace_id: UUID
    otel_trace_id: bytes
    otel_span_id: bytes
    retriever_id: UUID


async def read_unserved(
    connection: AsyncConnection,
    project_id: str,
    otel_trace_ids: Sequence[bytes],
    stored_now: Sequence[UUID],
    textless: Sequence[str],
    *,
    since: UUID,
    until: UUID,
) -> list[UnservedCall]:
    """Return calls that lack the documents of a retriever, where either of the two is one of `stored_now`.

    Those with a mark of `textless` are left out. All were accepted between the moments that two ids carry; of each
    trace the first MOST_RETRIEVERS are looked at, and of each of these MOST_PLACES calls.
    """
    parameters = {
        "project_id": project_id,
        "otel_trace_ids": list(otel_trace_ids),
        "stored_now": list(stored_now),
        "since": since,
        "until": until,
        "kinds": sorted(RETRIEVERS),
        "textless": list(textless),
        "passages_at_most": MOST_PASSAGES,
        "most_searches": MOST_RETRIEVERS,
        "most_calls": MOST_PLACES,
    }
    return [UnservedCall(**row._asdict()) for row in await connection.execute(_UNSERVED, parameters)]
