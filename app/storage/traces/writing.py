"""Storing traces, a whole job at once: by COPY if all are new, else by INSERT."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.columns import COLUMNS, TEXT_ARRAYS, ColumnType
from app.schemas.queued import Summary
from app.schemas.traces import Trace, scores_to_json
from app.storage.engine import asyncpg_connection
from app.storage.traces.dismissals import note_replaced
from app.storage.traces.text_blocks import drop_blocks

__all__ = [
    "KnownTraceError",
    "MissingPartitionError",
    "array_literal",
    "copy_traces",
    "insert_traces",
    "replace_traces",
    "stored_summaries",
]

_CHECK_VIOLATION = "23514"


class MissingPartitionError(Exception):
    """An id is of a day that has no partition yet."""


class KnownTraceError(Exception):
    """One of the ids is stored already, or occurs twice among the traces."""


_json = msgspec.json.Encoder().encode


def array_literal(values: Sequence[str]) -> str:
    """Return a Postgres array literal, because unnest would flatten an array of arrays."""
    escaped = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in escaped) + "}"


def _json_text(value: object) -> str | None:
    return _json(value).decode() if value else None


def _scores_text(value: dict[str, Any]) -> str:
    # An evaluator's error message may contain a NUL character, which Postgres cannot store.
    return scores_to_json(value).decode().replace("\\u0000", "\\ufffd")


_ENCODED: Mapping[ColumnType, Callable[[Any], str | None]] = {
    ColumnType.OBJECT: _json_text,
    ColumnType.SCORES: _scores_text,
}
# How each column is sent: as it is, as the literal of an array, or as JSON. All rows have the same
# project and job.
_OF_ALL = ("project_id", "job_id")
_PLAIN = tuple(
    one for one in COLUMNS if one.name not in (*_OF_ALL, *TEXT_ARRAYS) and one.type not in _ENCODED
)
_JSON = tuple((one.name, one.type, _ENCODED[one.type]) for one in COLUMNS if one.type in _ENCODED)


def _statement() -> str:
    encoded = [
        *((name, ColumnType.TEXTS) for name in TEXT_ARRAYS),
        *((name, cast) for name, cast, _ in _JSON),
    ]
    names = [*(one.name for one in _PLAIN), *(name for name, _ in encoded)]
    types = [one.type for one in _PLAIN] + [ColumnType.TEXT] * len(encoded)
    values = [f"t.{one.name}" for one in _PLAIN] + [f"t.{name}::{cast}" for name, cast in encoded]
    arrays = ", ".join(f"${i}::{kind}[]" for i, kind in enumerate(types, start=3))
    return (
        f"INSERT INTO traces (project_id, job_id, {', '.join(names)}) "  # noqa: S608 names of columns, no input
        f"SELECT $1, $2, {', '.join(values)} FROM unnest({arrays}) AS t({', '.join(names)}) "
        "ON CONFLICT (project_id, trace_id) DO NOTHING RETURNING trace_id"
    )


_INSERT = _statement()
_AS_IS = (*_OF_ALL, *(one.name for one in _PLAIN), *TEXT_ARRAYS)
_COPIED = (*_AS_IS, *(name for name, _, _ in _JSON))
_values_as_is = attrgetter(*_AS_IS)
_SUMMARIES = (
    "SELECT trace_id, occurred_at, overall_quality, safety_score, is_safe, flags, cost_usd, "
    "pricing_status, model_name FROM traces WHERE project_id = $1 AND trace_id = ANY($2::uuid[])"
)


async def copy_traces(connection: AsyncConnection, traces: Sequence[Trace]) -> None:
    """Store traces of one project and job that should be new, for 3/4 of the cost of inserting.

    Raises KnownTraceError, MissingPartitionError for ids of a day without a partition, or the
    driver's errors. The transaction must be undone then.
    """
    await connection.exec_driver_sql("SELECT 1")  # begins the transaction
    driver = await asyncpg_connection(connection)
    rows = sorted(traces, key=attrgetter("trace_id"))
    try:
        await driver.copy_records_to_table("traces", columns=_COPIED, records=map(_copied, rows))
    except asyncpg.UniqueViolationError as error:
        raise KnownTraceError(str(error)) from error
    except asyncpg.CheckViolationError as error:
        raise MissingPartitionError(str(error)) from error
    if rows:
        await drop_blocks(connection, rows[0].project_id, [row.trace_id for row in rows])


def _copied(trace: Trace) -> tuple[Any, ...]:
    return (*_values_as_is(trace), *(encode(getattr(trace, name)) for name, _, encode in _JSON))


async def insert_traces(connection: AsyncConnection, traces: Sequence[Trace]) -> set[UUID]:
    """Insert the traces of one project and job; returns the ids that were not stored before.

    Rows are inserted in the order of their ids, so that two transactions never wait for each other.
    Raises MissingPartitionError for ids of a day without a partition, or the driver's errors.
    """
    if not traces:
        return set()
    rows = sorted(traces, key=lambda trace: trace.trace_id)
    columns = [[getattr(row, one.name) for row in rows] for one in _PLAIN]
    columns += [[array_literal(getattr(row, name)) for row in rows] for name in TEXT_ARRAYS]
    columns += [[encode(getattr(row, name)) for row in rows] for name, _, encode in _JSON]
    try:
        inserted = await connection.exec_driver_sql(_INSERT, (rows[0].project_id, rows[0].job_id, *columns))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _CHECK_VIOLATION:
            raise MissingPartitionError(str(error.orig)) from error
        raise
    stored = set(inserted.scalars())
    await drop_blocks(connection, rows[0].project_id, [row.trace_id for row in rows])
    return stored


async def replace_traces(connection: AsyncConnection, traces: Sequence[Trace]) -> None:
    """Replace stored traces of one project under the same ids; the caller holds locks on them.

    What people said about them is applied again soon.
    """
    if not traces:
        return
    project_id = traces[0].project_id
    await connection.exec_driver_sql(
        "DELETE FROM traces WHERE project_id = $1 AND trace_id = ANY($2::uuid[])",
        (project_id, [trace.trace_id for trace in traces]),
    )
    by_job: dict[str, list[Trace]] = defaultdict(list)
    for trace in traces:
        by_job[trace.job_id].append(trace)
    for group in by_job.values():
        await insert_traces(connection, group)
    await note_replaced(connection, project_id, [trace.trace_id for trace in traces])


async def stored_summaries(
    connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]
) -> list[Summary]:
    """Return the summaries of those of the ids that are stored already."""
    rows = await connection.exec_driver_sql(_SUMMARIES, (project_id, list(trace_ids)))
    return [
        Summary(
            trace_id=row["trace_id"],
            timestamp=row["occurred_at"],
            quality_score=row["overall_quality"],
            safety_score=row["safety_score"],
            is_safe=row["is_safe"],
            safety_flags=tuple(row["flags"]),
            cost_usd=row["cost_usd"],
            pricing_status=row["pricing_status"],
            model_name=row["model_name"],
        )
        for row in rows.mappings()
    ]
