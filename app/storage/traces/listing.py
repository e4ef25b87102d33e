"""What a list of traces needs beside its rows: their number, further columns, and neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Executable, Select, Text, cast, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.filters import Filter
from app.filters.fields import FieldType, find_field
from app.storage.engine import is_overdue, limit_statements
from app.storage.tables import traces
from app.storage.traces.filtering import field_value, where

__all__ = ["MOST_COUNTED", "Neighbours", "count_of_user", "count_traces", "read_neighbours", "read_values"]

MOST_COUNTED: Final = 10_000
"""The number up to which the traces of a list are counted."""
_SECONDS: Final = 2
_LONGEST_VALUE: Final = 240
_TEXTS: Final = frozenset({FieldType.TEXT, FieldType.JSON})


class Neighbours(NamedTuple):
    """The traces received next after and last before another one, None at the ends of a list."""

    newer: UUID | None = None
    older: UUID | None = None


async def count_traces(connection: AsyncConnection, project_id: str, chosen: Filter) -> int | None:
    """Return how many traces a filter lets pass, at most one more than MOST_COUNTED.

    The result is None if Postgres needs more than two seconds.
    """
    found = select(traces.c.trace_id).where(traces.c.project_id == project_id, where(chosen))
    return await _count(connection, found)


async def count_of_user(connection: AsyncConnection, project_id: str, user_ids: Sequence[str]) -> int | None:
    """Return how many traces of all periods and kinds a user has; bounds as `count_traces`."""
    found = select(traces.c.trace_id).where(traces.c.project_id == project_id, traces.c.user_id.in_(user_ids))
    return await _count(connection, found)


async def read_neighbours(
    connection: AsyncConnection, project_id: str, chosen: Filter, trace_id: UUID
) -> Neighbours:
    """Return the neighbours of a trace in a list, which need not hold the trace itself.

    A neighbour that Postgres does not find within two seconds counts as missing.
    """
    found = select(traces.c.trace_id).where(traces.c.project_id == project_id, where(chosen)).limit(1)
    newer = found.where(traces.c.trace_id > trace_id).order_by(traces.c.trace_id)
    older = found.where(traces.c.trace_id < trace_id).order_by(traces.c.trace_id.desc())
    return Neighbours(*[_only(await _in_time(connection, one)) for one in (newer, older)])


async def read_values(
    connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID], names: Sequence[str]
) -> dict[UUID, dict[str, Any]]:
    """Return the values of fields of the filter language for each of the traces.

    Long texts are cut at 240 characters. Names of no field are left out.
    """
    columns = {name: column for name in names if (column := _value(name)) is not None}
    if not columns or not trace_ids:
        return {}
    rows = await connection.execute(
        select(
            traces.c.trace_id, *(column.label(f"v{i}") for i, column in enumerate(columns.values()))
        ).where(
            traces.c.project_id == project_id,
            traces.c.trace_id.in_(trace_ids),
            traces.c.trace_id.between(min(trace_ids), max(trace_ids)),
        )
    )
    return {UUID(bytes=trace_id.bytes): dict(zip(columns, values, strict=True)) for trace_id, *values in rows}


async def _count(connection: AsyncConnection, found: Select[Any]) -> int | None:
    number = select(func.count()).select_from(found.limit(MOST_COUNTED + 1).subquery())
    rows = await _in_time(connection, number)
    return int(rows[0][0]) if rows else None


def _value(name: str) -> ColumnElement[Any] | None:
    named = find_field(name)
    if named is None or (named[0].name.endswith(".") and not named[1]):
        return None
    field, key = named
    value = field_value(field.column, key)
    return func.left(cast(value, Text()), _LONGEST_VALUE) if field.type in _TEXTS else value


def _only(rows: Sequence[Any]) -> UUID | None:
    return UUID(bytes=rows[0][0].bytes) if rows else None


async def _in_time(connection: AsyncConnection, statement: Executable) -> Sequence[Any]:
    """Return the rows of a statement, none if it takes too long."""
    try:
        async with connection.begin_nested():
            await limit_statements(connection, _SECONDS)
            return (await connection.execute(statement)).all()
    except DBAPIError as error:
        if not is_overdue(error):
            raise
        return ()
