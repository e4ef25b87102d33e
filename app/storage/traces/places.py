"""Where stored spans stand in their trace, what they retrieved, and calls that become steps.

A limited number of spans of each trace is read, so that a trace with ten thousands costs a job no
more than others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.kinds import RETRIEVERS, STEP
from app.schemas.retrieval import MOST_PASSAGES
from app.schemas.spans import PlacedSpan
from app.schemas.traces import StoredSpan, Trace

__all__ = [
    "MOST_PLACES",
    "MOST_RETRIEVERS",
    "PLACED",
    "accepted_between",
    "become_steps",
    "read_documents",
    "read_places",
]

MOST_PLACES = 2_000
"""The number of spans of one trace that are searched for calls inside others: the last accepted."""
MOST_RETRIEVERS = 256
"""The number of spans of one trace whose documents may be context of its calls: the first begun."""

PLACED = """
trace_id, otel_trace_id, otel_span_id, otel_parent_span_id, kind, model_name, provider, user_id, session_id,
metadata ->> 'otel.scope' AS scope,
occurred_at AS begun, response_time_ms AS lasted_ms, response_key, restates, restates_because, error IS NOT NULL AS failed,
CASE WHEN token_source = 'reported' OR restates IS NOT NULL THEN prompt_tokens END AS prompt_tokens,
CASE WHEN token_source = 'reported' OR restates IS NOT NULL THEN completion_tokens END AS completion_tokens,
coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0) AS cached_tokens,
coalesce(reasoning_tokens, 0) AS reasoning_tokens, 'no_content' = ANY(marks) AS silent,
NOT coalesce(completion_tokens = 0 AND token_source <> 'reported', false) AS answered
"""
"""The columns of `traces` for a PlacedSpan. None of them is large."""

# The bounds of ids let Postgres skip the partitions of other days, including future ones. If the
# order were by the ids themselves, a partition without statistics would be read completely for each
# trace, because its key has them in order.
_PLACES = text(f"""
SELECT found.* FROM unnest(CAST(:otel_trace_ids AS bytea[])) AS wanted (otel_trace_id) CROSS JOIN LATERAL (
    SELECT {PLACED} FROM traces
    WHERE project_id = :project_id AND otel_trace_id = wanted.otel_trace_id AND trace_id BETWEEN :since AND :until
    ORDER BY CAST(trace_id AS text) DESC LIMIT :most
) AS found
""")  # noqa: S608 names of columns
_DOCUMENTS = text("""
SELECT found.* FROM unnest(CAST(:otel_trace_ids AS bytea[]), CAST(:before AS timestamptz[]))
    AS wanted (otel_trace_id, before) CROSS JOIN LATERAL (
    SELECT otel_trace_id, occurred_at, response_time_ms, context[1 : :passages] AS context FROM traces
    WHERE project_id = :project_id AND otel_trace_id = wanted.otel_trace_id AND trace_id BETWEEN :since AND :until
        AND kind = ANY(:kinds) AND context <> '{}' AND occurred_at <= wanted.before
    ORDER BY occurred_at, trace_id LIMIT :most
) AS found
""")
_BECOME = text("""
UPDATE traces AS t SET
    kind = :step, scores = '{}', flags = '{}', hits = '{}', overall_quality = NULL, safety_score = NULL,
    is_safe = NULL, topic = NULL, cost_usd = NULL, pricing_status = 'not_counted', price_source = NULL,
    computed_cost_usd = NULL, token_source = NULL, prompt_tokens = found.prompt, completion_tokens = found.completion,
    restates = found.call, restates_because = found.because
FROM unnest(CAST(:ids AS uuid[]), CAST(:prompts AS bigint[]), CAST(:completions AS bigint[]),
    CAST(:calls AS uuid[]), CAST(:reasons AS text[])) AS found (id, prompt, completion, call, because)
WHERE t.project_id = :project_id AND t.trace_id = found.id AND t.trace_id BETWEEN :first AND :last
""")


async def read_places(
    connection: AsyncConnection, project_id: str, otel_trace_ids: Sequence[bytes], *, since: UUID, until: UUID
) -> list[PlacedSpan]:
    """Return the places of spans that were accepted between the moments of two ids.

    If a trace has more than MOST_PLACES, these are the ones that were accepted last.
    """
    parameters = accepted_between(project_id, otel_trace_ids, since, until)
    return [PlacedSpan(**row._asdict()) for row in await connection.execute(_PLACES, parameters)]


def accepted_between(
    project_id: str, otel_trace_ids: Sequence[bytes], since: UUID, until: UUID
) -> dict[str, Any]:
    """Return the parameters of a statement that reads the spans of traces between two ids."""
    return {
        "project_id": project_id,
        "otel_trace_ids": otel_trace_ids,
        "since": since,
        "until": until,
        "most": MOST_PLACES,
    }


async def read_documents(
    connection: AsyncConnection,
    project_id: str,
    before: Mapping[bytes, datetime],
    *,
    since: UUID,
    until: UUID,
) -> list[StoredSpan]:
    """Return spans that retrieved documents and began by the moment given for their trace.

    They are in order of time.

    They were accepted between the moments of two ids. If a trace has more than MOST_RETRIEVERS, the
    earliest are returned, each with its first MOST_PASSAGES documents.
    """
    parameters = {
        "project_id": project_id,
        "otel_trace_ids": list(before),
        "before": list(before.values()),
        "since": since,
        "until": until,
        "kinds": sorted(RETRIEVERS),
        "passages": MOST_PASSAGES,
        "most": MOST_RETRIEVERS,
    }
    rows = await connection.execute(_DOCUMENTS, parameters)
    return [StoredSpan(**{**row._asdict(), "context": tuple(row.context)}) for row in rows]


async def become_steps(connection: AsyncConnection, project_id: str, steps: Sequence[Trace]) -> None:
    """Write stored calls as the steps that they turned out to be; the caller holds locks on them.

    The tokens of a step are written, and which call it restates.
    """
    if not steps:
        return
    ids = [step.trace_id for step in steps]
    await connection.execute(
        _BECOME,
        {
            "project_id": project_id,
            "step": STEP,
            "ids": ids,
            "prompts": [step.prompt_tokens for step in steps],
            "completions": [step.completion_tokens for step in steps],
            "calls": [step.restates for step in steps],
            "reasons": [step.restates_because for step in steps],
            "first": min(ids),
            "last": max(ids),
        },
    )
