"""Mending what was stored before numbers had bounds: traces, batches that were set aside, and figures of a day."""

# ruff: noqa: S608 - fragments are constants of this module; what a caller gives is a bound parameter

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.kinds import COUNTED_KINDS
from app.schemas.traces import Trace
from app.storage.traces.counted import COUNTED, counted_trace
from monitoring.bounds import MOST_MILLISECONDS, MOST_TOKENS, MOST_USD, MOST_VALUE
from monitoring.marks import Mark

__all__ = [
    "NUMBERS",
    "Mended",
    "clear_numbers",
    "drop_batch",
    "faulty_batches",
    "limit_time",
    "mend_traces",
    "projects_to_mend",
    "read_counted",
    "traces_of_day",
]

NUMBERS = ("response_time_ms", "time_to_first_token_ms", "cost_usd")
"""The measures of rollups that are made of what applications report, beside the columns of costs and tokens."""

_TOKENS = (
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
_MOST: dict[str, object] = {
    "response_time_ms": MOST_MILLISECONDS,
    "time_to_first_token_ms": MOST_MILLISECONDS,
    "overall_quality": MOST_VALUE,
    "safety_score": MOST_VALUE,
    **dict.fromkeys(_TOKENS, MOST_TOKENS),
}
# NaN is greater than any number in Postgres.
_BEYOND = {name: f"NOT coalesce(t.{name} BETWEEN 0 AND {most}, true)" for name, most in _MOST.items()}
# What was made of a count that is left out is left out too.
_COST = " OR ".join(
    [f"NOT coalesce(t.cost_usd BETWEEN 0 AND {MOST_USD}, true)", *(_BEYOND[name] for name in _TOKENS)]
)
_ANY = f"({' OR '.join([_COST, *_BEYOND.values()])})"
_FIND = text(
    f"SELECT trace_id FROM traces AS t WHERE project_id = :project_id AND trace_id > :after AND {_ANY} "
    "ORDER BY trace_id LIMIT :most"
)
_MEND = text(
    "UPDATE traces AS t SET "
    + ", ".join(
        f"{name} = CASE WHEN {beyond} THEN NULL ELSE t.{name} END" for name, beyond in _BEYOND.items()
    )
    + f", pricing_status = CASE WHEN t.cost_usd IS NOT NULL AND ({_COST}) THEN 'out_of_range' ELSE t.pricing_status END"
    f", cost_usd = CASE WHEN {_COST} THEN NULL ELSE t.cost_usd END"
    f", marks = CASE WHEN '{Mark.NUMBER_OUT_OF_RANGE}' = ANY(t.marks) THEN t.marks ELSE t.marks || '{Mark.NUMBER_OUT_OF_RANGE}'::text END"
    " WHERE project_id = :project_id AND trace_id = ANY(:trace_ids) AND trace_id BETWEEN :first AND :last"
    f" AND {_ANY} RETURNING (occurred_at AT TIME ZONE 'UTC')::date"
)
_PROJECTS = text(f"SELECT DISTINCT project_id FROM traces AS t WHERE {_ANY} ORDER BY 1")
_FAULTY = text(
    "SELECT batch_id, calls FROM rollup_batches WHERE project_id = :project_id AND faulty ORDER BY 1"
)
_DROP = text("DELETE FROM rollup_batches WHERE project_id = :project_id AND batch_id = :batch_id AND faulty")

_LIMIT = text("SELECT set_config('statement_timeout', :limit, true)")
_HALT = text("LOCK TABLE rollups IN SHARE ROW EXCLUSIVE MODE")
_OF_DAY = "project_id = :project_id AND {moment} >= :start AND {moment} < :end"


def _cleared(column: str) -> str:
    return (
        f"{column} = (SELECT coalesce(array_agg(CASE WHEN u.measure = ANY(:numbers) THEN 0 ELSE u.value END"
        f" ORDER BY u.place), '{{}}') FROM unnest(r.{column}, r.measures) WITH ORDINALITY AS u (value, measure, place))"
    )


def _cleared_bins(column: str) -> str:
    return (
        f"{column} = (SELECT coalesce(array_agg(u.value ORDER BY u.place)"
        " FILTER (WHERE r.measures[u.measure] <> ALL(:numbers)), '{}')"
        f" FROM unnest(r.{column}, r.bin_measures) WITH ORDINALITY AS u (value, measure, place))"
    )


_CLEAR = text(
    "UPDATE rollups AS r SET priced = 0, cost_usd = 0, prompt_tokens = 0, completion_tokens = 0, "
    + ", ".join(
        [
            *(_cleared(column) for column in ("counts", "sums", "hits")),
            *(_cleared_bins(column) for column in ("bin_measures", "bins", "bin_counts")),
        ]
    )
    + f" WHERE {_OF_DAY.format(moment='bucket')}"
)
# The index by time begins with project and source.
_IDS = text(
    f"SELECT trace_id FROM traces WHERE {_OF_DAY.format(moment='occurred_at')} "
    "AND source IN ('live', 'evaluate', 'import') AND kind = ANY(:kinds) ORDER BY occurred_at"
)
_READ = text(
    f"SELECT {COUNTED} FROM traces AS t WHERE project_id = :project_id AND trace_id = ANY(:trace_ids) "
    "AND trace_id BETWEEN :first AND :last"
)


class Mended(NamedTuple):
    """Traces that lost numbers: how many, on which days they happened, and the last id, None when none is left."""

    traces: int
    days: list[date]
    after: UUID | None


async def limit_time(connection: AsyncConnection, longest: timedelta) -> None:
    """Let no statement of this transaction take longer."""
    await connection.execute(_LIMIT, {"limit": str(longest // timedelta(milliseconds=1))})


async def projects_to_mend(connection: AsyncConnection) -> list[str]:
    """Return the projects with traces that hold a number beyond its bound; it looks at every trace."""
    return list((await connection.execute(_PROJECTS)).scalars())


async def mend_traces(connection: AsyncConnection, project_id: str, *, after: UUID, most: int) -> Mended:
    """Leave out, and mark, what is beyond its bound in at most so many traces behind `after`."""
    found = (
        (await connection.execute(_FIND, {"project_id": project_id, "after": after, "most": most}))
        .scalars()
        .all()
    )
    if not found:
        return Mended(0, [], None)
    ids = {"project_id": project_id, "trace_ids": [*found], "first": found[0], "last": found[-1]}
    days = (await connection.execute(_MEND, ids)).scalars().all()
    return Mended(len(days), sorted(set(days)), UUID(bytes=found[-1].bytes))


async def faulty_batches(connection: AsyncConnection, project_id: str) -> list[tuple[int, bytes]]:
    """Return the batches of a project that could not be added up, by number, as `app.figures.calls` encodes them."""
    rows = await connection.execute(_FAULTY, {"project_id": project_id})
    return [(row.batch_id, row.calls) for row in rows]


async def drop_batch(connection: AsyncConnection, project_id: str, batch_id: int) -> bool:
    """Remove a batch that was set aside; tells whether it was still there."""
    found = await connection.execute(_DROP, {"project_id": project_id, "batch_id": batch_id})
    return found.rowcount > 0


async def clear_numbers(connection: AsyncConnection, project_id: str, day: date) -> None:
    """Take durations, costs and tokens out of a project's figures of one day (UTC).

    Whoever writes rollups waits until the transaction ends, so that what is added meanwhile is counted once.
    """
    await connection.execute(_HALT)
    await connection.execute(_CLEAR, {"project_id": project_id, "numbers": [*NUMBERS], **_bounds(day)})


async def traces_of_day(connection: AsyncConnection, project_id: str, day: date) -> list[UUID]:
    """Return the calls that happened on a day (UTC), in order of time."""
    parameters = {"project_id": project_id, "kinds": sorted(COUNTED_KINDS), **_bounds(day)}
    return [UUID(bytes=one.bytes) for one in (await connection.execute(_IDS, parameters)).scalars()]


async def read_counted(
    connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]
) -> list[Trace]:
    """Return traces as rollups count them, without texts."""
    ids = {"trace_ids": [*trace_ids], "first": min(trace_ids), "last": max(trace_ids)}
    return [counted_trace(row) for row in await connection.execute(_READ, {"project_id": project_id, **ids})]


def _bounds(day: date) -> dict[str, datetime]:
    start = datetime.combine(day, time.min, tzinfo=UTC)
    return {"start": start, "end": start + timedelta(days=1)}
