"""Signs in the newest calls that somebody was not served well, although nobody says so."""

# ruff: noqa: S608 - fragments are constants of these modules; values of callers are bound

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.feedback import ImplicitSign
from app.schemas.ids import first_id
from app.storage.traces.spending import AT_LIMIT, FINISH, read_in_time
from monitoring.statistics.trends import Window

__all__ = ["MOST_SEARCHED", "read_implicit_feedback"]

MOST_SEARCHED: Final = 2_000
"""The number of newest calls of a period that are searched for signs."""
# A record may be received a day before the moment that its sender gave it.
_LATEST_AHEAD: Final = timedelta(days=1)
# Whoever writes "go on" twice does not repeat a question.
_SHORTEST_QUESTION: Final = 15
_SHOWN: Final = 300
_EXAMPLES: Final = 3
_SEARCHED = f"""
SELECT trace_id, occurred_at, coalesce(session_id, user_id) AS owner, error IS NOT NULL AS failed,
    left(prompt, :shown) AS asked, left(response, :shown) AS begun, right(response, :shown) AS ended,
    length(btrim(prompt)) >= :shortest AS telling, md5(lower(btrim(prompt))) AS question,
    coalesce(scores #>> '{{refusal,label}}' = 'refusal', false) AS refused, 'relevance' = ANY(hits) AS off_topic,
    coalesce(scores #>> '{{coherence,label}}' = 'truncated', false) OR lower({FINISH}) ~ :at_limit AS cut_off
FROM traces
WHERE project_id = :project_id AND source = 'live' AND kind = 'llm'
    AND occurred_at >= :start AND occurred_at < :end AND trace_id >= :first
ORDER BY occurred_at DESC, trace_id DESC LIMIT :most
"""
_REPEATED = """
owner IS NOT NULL AND telling AND NOT failed AND occurred_at - lag(occurred_at) OVER (
    PARTITION BY owner, question, telling, failed ORDER BY occurred_at, trace_id
) <= interval '1 hour'
"""
_NEWEST = "ORDER BY occurred_at DESC, trace_id DESC"
_READ = text(f"""
WITH searched AS MATERIALIZED ({_SEARCHED}),
marked AS (SELECT *, coalesce({_REPEATED}, false) AS repeated FROM searched)
SELECT sign.kind, count(*) AS calls, count(*) FILTER (WHERE sign.there) AS number,
    (array_agg(trace_id {_NEWEST}) FILTER (WHERE sign.there))[1:{_EXAMPLES}] AS trace_ids,
    (array_agg(sign.shown {_NEWEST}) FILTER (WHERE sign.there))[1:{_EXAMPLES}] AS texts
FROM marked CROSS JOIN LATERAL (VALUES
    ('refused', refused, begun), ('off_topic', off_topic, asked),
    ('repeated_question', repeated, asked), ('cut_off', cut_off, ended)
) AS sign (kind, there, shown)
GROUP BY sign.kind ORDER BY sign.kind
""")


async def read_implicit_feedback(
    connection: AsyncConnection, project_id: str, window: Window
) -> list[ImplicitSign]:
    """Return the signs among the newest 2,000 calls of live traffic, each with its count.

    A question counts as repeated where the same user or session asked it within the hour before,
    and got an answer. The result is empty without calls, and if reading takes too long.
    """
    parameters = {
        "project_id": project_id,
        "start": window.start,
        "end": window.end,
        "first": first_id(window.start - _LATEST_AHEAD),
        "most": MOST_SEARCHED,
        "shown": _SHOWN,
        "shortest": _SHORTEST_QUESTION,
        "at_limit": "|".join(AT_LIMIT),
    }
    return [
        ImplicitSign(
            kind=row.kind,
            count=row.number,
            calls=row.calls,
            trace_ids=tuple(UUID(bytes=one.bytes) for one in row.trace_ids or ()),
            texts=tuple(row.texts or ()),
        )
        for row in await read_in_time(connection, _READ, parameters)
    ]
