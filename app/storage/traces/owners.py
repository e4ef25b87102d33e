"""Reading what users and sessions did: who was active last, what they did, and conversations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import Text, cast, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import InvalidParameter
from app.schemas.ids import first_id
from app.schemas.kinds import COUNTED_KINDS
from app.schemas.owners import Activity, Turn
from app.storage.engine import is_overdue, limit_statements
from app.storage.tables import traces
from app.storage.traces.filtering import LATEST_AHEAD
from app.storage.traces.sampling import Chosen

__all__ = [
    "MOST_LISTED",
    "MOST_OF_OWNER",
    "MOST_TURNS",
    "Owner",
    "read_activity",
    "read_latest",
    "read_turns",
]

Owner = Literal["user_id", "session_id"]
MOST_OF_OWNER: Final = 1_000
"""The number of newest calls of one user or session that are looked at."""
MOST_LISTED: Final = 200
"""The same of each of many users or sessions in a list."""
MOST_TURNS: Final = 2_000
"""The number of calls of one conversation that are put in order: the first received."""
_NEWEST_CALLS: Final = 5_000
_SECONDS: Final = 4
_TEXT: Final = 1_500

# The bound of ids lets Postgres skip the partitions of other days.
_ACTIVITY: Final = """
SELECT wanted.owner, found.* FROM unnest(CAST(:owners AS text[])) AS wanted (owner) CROSS JOIN LATERAL (
    WITH calls AS (
        SELECT user_id, cost_usd, prompt_tokens, completion_tokens, overall_quality, error IS NOT NULL AS failed,
               flags, occurred_at
        FROM traces
        WHERE project_id = :project_id AND {column} = wanted.owner AND source = :source AND kind = ANY(:kinds)
            AND occurred_at >= :start AND occurred_at < :end AND trace_id >= :first_id
        ORDER BY trace_id DESC LIMIT :most
    )
    SELECT max(user_id) AS user_id, count(*) AS calls, count(cost_usd) AS priced, sum(cost_usd) AS cost_usd,
           CAST(coalesce(sum(prompt_tokens), 0) AS bigint) AS prompt_tokens,
           CAST(coalesce(sum(completion_tokens), 0) AS bigint) AS completion_tokens,
           avg(overall_quality) AS average_quality, min(overall_quality) AS worst_quality,
           count(*) FILTER (WHERE failed) AS errors, min(occurred_at) AS first, max(occurred_at) AS last,
           ARRAY(SELECT DISTINCT flag FROM calls AS c, unnest(c.flags) AS flag ORDER BY flag LIMIT 20) AS flags
    FROM calls
) AS found WHERE found.calls > 0
"""
_TURNS: Final = text("""
SELECT * FROM (
    SELECT trace_id, occurred_at AS timestamp, model_name, user_id, left(prompt, :length) AS prompt,
           left(response, :length) AS response, left(error, :length) AS error, cost_usd, prompt_tokens,
           completion_tokens, response_time_ms, overall_quality AS quality_score, safety_score, is_safe,
           flags AS safety_flags
    FROM traces
    WHERE project_id = :project_id AND session_id = ANY(:sessions) AND source = :source AND kind = ANY(:kinds)
    ORDER BY trace_id LIMIT :most
) AS turns ORDER BY timestamp, trace_id OFFSET :begin LIMIT :limit
""")


async def read_latest(connection: AsyncConnection, chosen: Chosen, owner: Owner, most: int) -> list[str]:
    """Return the users or sessions of the newest chosen calls, the latest first.

    The newest five thousand calls are looked at. Raises InvalidParameter if that takes long.
    """
    column = traces.c[owner]
    calls = (
        chosen.ids()
        .with_only_columns(column.label("owner"), traces.c.trace_id)
        .where(column.is_not(None))
        .order_by(traces.c.trace_id.desc())
        .limit(_NEWEST_CALLS)
        .subquery()
    )
    latest = func.max(cast(calls.c.trace_id, Text()))
    found = select(calls.c.owner).group_by(calls.c.owner).order_by(latest.desc()).limit(most)
    return [row.owner for row in await _in_time(connection, found, {})]


async def read_activity(
    connection: AsyncConnection,
    chosen: Chosen,
    owner: Owner,
    owners: Sequence[str],
    *,
    most: int = MOST_OF_OWNER,
) -> list[Activity]:
    """Return what users or sessions did in the window, in their order, whatever the filter is.

    Of each the `most` newest calls are read. Raises InvalidParameter if that takes long.
    """
    if not owners:
        return []
    parameters = {
        "owners": list(owners),
        "project_id": chosen.project_id,
        "source": chosen.source,
        "kinds": sorted(COUNTED_KINDS),
        "start": chosen.window.start,
        "end": chosen.window.end,
        "first_id": first_id(chosen.window.start - LATEST_AHEAD),
        "most": most,
    }
    rows = await _in_time(connection, text(_ACTIVITY.format(column=owner)), parameters)
    found = {row.owner: Activity(**{**row._asdict(), "flags": tuple(row.flags)}) for row in rows}
    return [found[one] for one in owners if one in found]


async def read_turns(
    connection: AsyncConnection,
    project_id: str,
    sessions: Sequence[str],
    source: str,
    *,
    begin: int = 0,
    limit: int,
) -> list[Turn]:
    """Return the calls of a conversation by time, from the place `begin` on.

    `sessions` are the forms of one id. Raises InvalidParameter if finding them takes long.
    """
    parameters = {
        "project_id": project_id,
        "sessions": list(sessions),
        "source": source,
        "kinds": sorted(COUNTED_KINDS),
        "most": MOST_TURNS,
        "begin": begin,
        "limit": limit,
        "length": _TEXT,
    }
    return [
        Turn(
            **{
                **row._asdict(),
                "trace_id": UUID(bytes=row.trace_id.bytes),
                "safety_flags": tuple(row.safety_flags),
            }
        )
        for row in await _in_time(connection, _TURNS, parameters)
    ]


async def _in_time(connection: AsyncConnection, statement: Any, parameters: dict[str, Any]) -> Sequence[Any]:
    try:
        await limit_statements(connection, _SECONDS)
        return (await connection.execute(statement, parameters)).all()
    except DBAPIError as error:
        if not is_overdue(error):
            raise
        raise InvalidParameter(
            f"Finding these calls takes longer than {_SECONDS} seconds; choose a shorter period or a narrower filter."
        ) from error
