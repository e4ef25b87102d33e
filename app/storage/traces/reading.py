"""Reading stored traces: one, or a list page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Row,
    Select,
    any_,
    func,
    literal,
    select,
    text,
    tuple_,
    union_all,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import InvalidParameter
from app.schemas.columns import COLUMNS, PROMISED_NAMES, TEXT_ARRAYS
from app.schemas.ids import first_id
from app.schemas.kinds import COUNTED_KINDS
from app.schemas.listed import Filters, ListedTrace, Restating, TreeNode
from app.schemas.traces import Trace, scores_from_json
from app.storage.engine import is_overdue
from app.storage.tables import traces

__all__ = [
    "lock_traces",
    "read_begin",
    "read_page",
    "read_restating",
    "read_trace",
    "read_traces",
    "read_tree",
    "stored_ids",
]

_PREVIEW_CHARACTERS = 240
_LONGEST_NAME = 512
_LONGEST_ERROR = 1_000
_LIST_TIMEOUT = "5s"
# Acceptance refuses a moment that lies further ahead of the receipt that an id carries.
_LATEST_AHEAD = timedelta(days=1)

_STORED_NAMES = {promised: stored for stored, promised in PROMISED_NAMES.items()}
_SPAN_NAME = traces.c.metadata["span.name"].astext


def _shown(name: str, cut: Mapping[str, int]) -> ColumnElement[Any]:
    """Return a column under its promised name, the beginning of it where it is `cut` to so many characters."""
    column: ColumnElement[Any] = traces.c[_STORED_NAMES.get(name, name)] if name != "name" else _SPAN_NAME
    return (func.left(column, cut[name]) if name in cut else column).label(name)


_FULL = [traces.c[one.name] for one in COLUMNS]
_LISTED = [
    _shown(name, {"prompt": _PREVIEW_CHARACTERS, "response": _PREVIEW_CHARACTERS})
    for name in ListedTrace.__struct_fields__
]
_NODE = [
    _shown(name, {"name": _LONGEST_NAME, "error": _LONGEST_ERROR}) for name in TreeNode.__struct_fields__
]
_MOST_RESTATING = 100


async def read_trace(connection: AsyncConnection, project_id: str, trace_id: UUID) -> Trace | None:
    """Return a stored trace whole, None when there is none."""
    found = await read_traces(connection, project_id, [trace_id])
    return found[0] if found else None


async def read_traces(connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]) -> list[Trace]:
    """Return those of the traces that are stored, whole and in no order."""
    rows = await connection.execute(
        select(*_FULL).where(traces.c.project_id == project_id, traces.c.trace_id.in_(trace_ids))
    )
    return [_trace(row) for row in rows]


async def stored_ids(connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the ids under which a trace is stored."""
    if not trace_ids:
        return set()
    rows = await connection.execute(
        select(traces.c.trace_id).where(
            traces.c.project_id == project_id,
            traces.c.trace_id.in_(trace_ids),
            traces.c.trace_id.between(min(trace_ids), max(trace_ids)),
        )
    )
    return set(rows.scalars())


async def read_restating(connection: AsyncConnection, project_id: str, trace_id: UUID) -> list[Restating]:
    """Return the first hundred spans that tell once more of a stored call."""
    rows = await connection.execute(
        select(traces.c.trace_id, traces.c.restates_because.label("because"))
        .where(traces.c.project_id == project_id, traces.c.restates == trace_id)
        .order_by(traces.c.trace_id)
        .limit(_MOST_RESTATING)
    )
    return [Restating(**row._asdict()) for row in rows]


async def lock_traces(
    connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]
) -> dict[UUID, Trace]:
    """Return stored traces by id, whole and locked until the transaction ends."""
    if not trace_ids:
        return {}
    rows = await connection.execute(
        select(*_FULL)
        .where(traces.c.project_id == project_id, traces.c.trace_id.in_(trace_ids))
        .order_by(traces.c.trace_id)
        .with_for_update()
    )
    return {row.trace_id: _trace(row) for row in rows}


async def read_tree(
    connection: AsyncConnection,
    project_id: str,
    trace_id: UUID,
    *,
    after: tuple[datetime, UUID] | None = None,
    limit: int,
) -> list[TreeNode]:
    """Return spans of the OpenTelemetry trace that a stored row belongs to, by time of beginning and id.

    At most `limit` of them, those behind the moment and id of `after`. Empty when the row is not stored; the row
    alone when it is no span.
    """
    own = (
        await connection.execute(
            select(traces.c.otel_trace_id).where(
                traces.c.project_id == project_id, traces.c.trace_id == trace_id
            )
        )
    ).first()
    if own is None:
        return []
    belongs = traces.c.trace_id == trace_id
    if own.otel_trace_id is not None:
        belongs = traces.c.otel_trace_id == own.otel_trace_id
    order = (traces.c.occurred_at, traces.c.trace_id)
    found = select(*_NODE).where(traces.c.project_id == project_id, belongs).order_by(*order).limit(limit)
    if after is not None:
        found = found.where(tuple_(*order) > tuple_(*map(literal, after)))
    return [TreeNode(**row._asdict()) for row in await connection.execute(found)]


async def read_page(
    connection: AsyncConnection,
    project_id: str,
    filters: Filters,
    *,
    before: UUID | None = None,
    limit: int = 50,
) -> list[ListedTrace]:
    """Return the newest calls in order of their receipt, older than `before` where it is given.

    Raises InvalidParameter when the filters leave too much to look through.
    """
    try:
        await connection.execute(text(f"SET LOCAL statement_timeout = '{_LIST_TIMEOUT}'"))
        rows: Sequence[Any] = (await connection.execute(_page(project_id, filters, before, limit))).all()
    except DBAPIError as error:
        if not is_overdue(error):
            raise
        raise InvalidParameter(
            f"Finding these traces takes longer than {_LIST_TIMEOUT}; narrow time_period, or add a model, user or session."
        ) from error
    return [_listed(row) for row in rows]


def _page(
    project_id: str, filters: Filters, before: UUID | None, limit: int
) -> Select[Any] | CompoundSelect[Any]:
    """Return the statement for a page, with one part for every form of an id, each in the order of its index."""
    parts = []
    for user_id, session_id in product(filters.user_ids or (None,), filters.session_ids or (None,)):
        part = select(*_LISTED).where(traces.c.project_id == project_id, *_conditions(filters))
        owned = ((traces.c.user_id, user_id), (traces.c.session_id, session_id))
        part = part.where(*(column == value for column, value in owned if value is not None))
        if before is not None:
            part = part.where(traces.c.trace_id < before)
        parts.append(part.order_by(traces.c.trace_id.desc()).limit(limit))
    if len(parts) == 1:
        return parts[0]
    return union_all(*parts).order_by(text("trace_id DESC")).limit(limit)


async def read_begin(connection: AsyncConnection, project_id: str, source: str = "live") -> datetime | None:
    """Return the moment of the earliest stored call, None when there is none."""
    moment: datetime | None = await connection.scalar(
        select(func.min(traces.c.occurred_at)).where(
            traces.c.project_id == project_id, traces.c.source == source, traces.c.kind.in_(COUNTED_KINDS)
        )
    )
    return moment


def _conditions(filters: Filters) -> Iterator[ColumnElement[bool]]:
    yield traces.c.kind.in_(COUNTED_KINDS)
    equal = {
        traces.c.source: filters.source,
        traces.c.model_name: filters.model,
        traces.c.template_id: filters.template_id,
        traces.c.topic: filters.topic,
        traces.c.is_safe: filters.is_safe,
    }
    for column, value in equal.items():
        if value is not None:
            yield column == value
    if filters.flag is not None:
        # A flag makes a trace unsafe, and unsafe ones have an index.
        yield traces.c.is_safe.is_(False)
        yield literal(filters.flag) == any_(traces.c.flags)
    if filters.min_quality is not None:
        yield traces.c.overall_quality >= filters.min_quality
    if filters.max_quality is not None:
        yield traces.c.overall_quality <= filters.max_quality
    if filters.start is not None:
        yield traces.c.occurred_at >= filters.start
        yield traces.c.trace_id >= first_id(filters.start - _LATEST_AHEAD)
    if filters.end is not None:
        yield traces.c.occurred_at < filters.end


def _trace(row: Row[Any]) -> Trace:
    values = row._asdict()
    for name in TEXT_ARRAYS:
        values[name] = tuple(values[name])
    values["messages"] = tuple(values["messages"] or ())
    values["metadata"] = values["metadata"] or {}
    values["scores"] = scores_from_json(values["scores"])
    return Trace(**values)


def _listed(row: Row[Any]) -> ListedTrace:
    values = row._asdict()
    return ListedTrace(**{**values, **{name: tuple(values[name]) for name in ("safety_flags", "marks")}})
