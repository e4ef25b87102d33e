"""Reading stored traces: a single one, or a list in pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import product
from math import prod
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Executable,
    Row,
    Select,
    Uuid,
    column,
    func,
    literal,
    select,
    text,
    true,
    tuple_,
    union_all,
    values,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import InvalidParameter
from app.filters import Filter
from app.filters.conditions import And, Comparison, Condition, Operator
from app.schemas.columns import COLUMNS, PROMISED_NAMES, TEXT_ARRAYS
from app.schemas.kinds import COUNTED_KINDS
from app.schemas.listed import ListedTrace, Restating, TreeNode
from app.schemas.traces import Trace, scores_from_json
from app.storage.engine import is_overdue
from app.storage.tables import traces
from app.storage.traces.filtering import where
from app.storage.traces.text_search import (
    MOST_ROUNDS,
    MOST_SCANNED,
    Range,
    next_ranges,
    text_search,
)

__all__ = [
    "FoundTraces",
    "flags_by_id",
    "lock_traces",
    "read_begin",
    "read_bounded_page",
    "read_page",
    "read_restating",
    "read_trace",
    "read_traces",
    "read_tree",
]

_PREVIEW_CHARACTERS = 240
_LONGEST_NAME = 512
_LONGEST_ERROR = 1_000
_LIST_TIMEOUT = "5s"
_MOST_OWNERS = 4
_RANGES_AT_ONCE = 16

_STORED_NAMES = {promised: stored for stored, promised in PROMISED_NAMES.items()}
_SPAN_NAME = traces.c.metadata["span.name"].astext


def _shown(name: str, cut: Mapping[str, int]) -> ColumnElement[Any]:
    """Return a column under its promised name; a text in `cut` is shortened."""
    column: ColumnElement[Any] = traces.c[_STORED_NAMES.get(name, name)] if name != "name" else _SPAN_NAME
    return (func.left(column, cut[name]) if name in cut else column).label(name)


_FULL = [traces.c[one.name] for one in COLUMNS]
_CUT = dict.fromkeys(("prompt", "response", "error"), _PREVIEW_CHARACTERS) | {"name": _LONGEST_NAME}
_LISTED = [_shown(name, _CUT) for name in ListedTrace.__struct_fields__]
_LISTED_ARRAYS = ("safety_flags", "marks", "tags")
_NODE = [
    _shown(name, {"name": _LONGEST_NAME, "error": _LONGEST_ERROR}) for name in TreeNode.__struct_fields__
]
_MOST_RESTATING = 100


class FoundTraces(NamedTuple):
    """Some traces, the newest first.

    `searched_to` is None where older ones were looked for as well. Otherwise texts were searched
    down to this id alone, and the next page begins before it.
    """

    rows: list[ListedTrace]
    searched_to: UUID | None = None


async def read_trace(connection: AsyncConnection, project_id: str, trace_id: UUID) -> Trace | None:
    """Return a stored trace with all columns, None if there is none."""
    found = await read_traces(connection, project_id, [trace_id])
    return found[0] if found else None


async def read_traces(connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]) -> list[Trace]:
    """Return those of the traces that are stored, with all columns and in no order."""
    rows = await connection.execute(
        select(*_FULL).where(traces.c.project_id == project_id, traces.c.trace_id.in_(trace_ids))
    )
    return [_trace(row) for row in rows]


async def flags_by_id(
    connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]
) -> dict[UUID, tuple[str, ...]]:
    """Return the flags of those of the traces that are stored, without dismissed ones."""
    if not trace_ids:
        return {}
    rows = await connection.execute(
        select(traces.c.trace_id, traces.c.flags).where(
            traces.c.project_id == project_id,
            traces.c.trace_id.in_(trace_ids),
            traces.c.trace_id.between(min(trace_ids), max(trace_ids)),
        )
    )
    return {row.trace_id: tuple(row.flags) for row in rows}


async def read_restating(connection: AsyncConnection, project_id: str, trace_id: UUID) -> list[Restating]:
    """Return the first hundred spans that restate a stored call."""
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
    """Return stored traces by id, with all columns, and locked until the transaction ends."""
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
    """Return spans of the OpenTelemetry trace of a stored row, by time of beginning and id.

    There are at most `limit` of them, those after the moment and id in `after`. The result is empty
    if the row is not stored, and only the row if it is not a span.
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
    chosen: Filter,
    *,
    before: UUID | None = None,
    limit: int = 50,
) -> list[ListedTrace]:
    """Return the newest traces that a filter lets pass, in order of receipt.

    They are older than `before` if it is given. Raises InvalidParameter when the filter leaves too
    much to search.
    """
    found: list[ListedTrace] = []
    while len(found) < limit:
        page = await read_bounded_page(
            connection, project_id, chosen, before=before, limit=limit - len(found)
        )
        found += page.rows
        if page.searched_to is None:
            break
        before = page.searched_to
    return found


async def read_bounded_page(
    connection: AsyncConnection,
    project_id: str,
    chosen: Filter,
    *,
    before: UUID | None = None,
    limit: int = 50,
) -> FoundTraces:
    """Return a page as `read_page` does, but search the texts of a bounded number of calls for it.

    Texts are read of calls in those blocks that may hold what is searched for, and of at most
    MOST_SCANNED calls that are in no block yet.
    """
    search = text_search(chosen)
    if search is None:
        return FoundTraces(await _read_rows(connection, _page(project_id, chosen, before, limit)))
    rows: list[ListedTrace] = []
    left = MOST_SCANNED
    for _ in range(MOST_ROUNDS):
        found = await next_ranges(connection, project_id, search, before=before, left=left)
        for at in range(0, len(found.ranges), _RANGES_AT_ONCE):
            each = found.ranges[at : at + _RANGES_AT_ONCE]
            rows += await _read_rows(connection, _within(project_id, chosen, each, limit - len(rows)))
            if len(rows) == limit:
                return FoundTraces(rows)
        before, left = found.reached, found.left
        if found.is_cut or before <= search.oldest:
            break
    return FoundTraces(rows, before if before is not None and before > search.oldest else None)


async def _read_rows(connection: AsyncConnection, statement: Executable) -> list[ListedTrace]:
    try:
        await connection.execute(text(f"SET LOCAL statement_timeout = '{_LIST_TIMEOUT}'"))
        rows: Sequence[Any] = (await connection.execute(statement)).all()
    except DBAPIError as error:
        if not is_overdue(error):
            raise
        raise InvalidParameter(
            f"The search for these traces takes longer than {_LIST_TIMEOUT}; narrow time_period, or add a model, user or session."
        ) from error
    return [_listed(row) for row in rows]


def _within(project_id: str, chosen: Filter, ranges: Sequence[Range], limit: int) -> Select[Any]:
    """Return the statement for the newest traces in some ranges of ids."""
    ids = values(column("first", Uuid()), column("until", Uuid()), name="ranges").data([*ranges])
    part = (
        select(*_LISTED)
        .where(
            traces.c.project_id == project_id,
            traces.c.trace_id >= ids.c.first,
            traces.c.trace_id < ids.c.until,
            where(chosen),
        )
        .order_by(traces.c.trace_id.desc())
        .limit(limit)
        .lateral("part")
    )
    return select(part).select_from(ids.join(part, true())).order_by(part.c.trace_id.desc()).limit(limit)


def _page(
    project_id: str, chosen: Filter, before: UUID | None, limit: int
) -> Select[Any] | CompoundSelect[Any]:
    """Return the statement for a page: one part for every form of an id, each in index order."""
    parts = []
    for one in _by_owner(chosen):
        part = select(*_LISTED).where(traces.c.project_id == project_id, where(one))
        if before is not None:
            part = part.where(traces.c.trace_id < before)
        parts.append(part.order_by(traces.c.trace_id.desc()).limit(limit))
    if len(parts) == 1:
        return parts[0]
    return union_all(*parts).order_by(text("trace_id DESC")).limit(limit)


def _by_owner(chosen: Filter) -> list[Filter]:
    """Return filters that together let the same traces pass, each for one user and one session."""
    condition = chosen.condition
    parts = condition.parts if isinstance(condition, And) else (condition,)
    options = [_forms(part) for part in parts if part is not None]
    if prod(map(len, options)) > _MOST_OWNERS:
        return [chosen]
    return [Filter(And(found)) if len(found) > 1 else Filter(*found) for found in product(*options)]


def _forms(condition: Condition) -> list[Condition]:
    match condition:
        case Comparison("user" | "session" as field, Operator.IN, values):
            return [Comparison(field, Operator.IN, (value,)) for value in values]
    return [condition]


async def read_begin(connection: AsyncConnection, project_id: str, source: str = "live") -> datetime | None:
    """Return the moment of the earliest stored call, None when there is none."""
    moment: datetime | None = await connection.scalar(
        select(func.min(traces.c.occurred_at)).where(
            traces.c.project_id == project_id, traces.c.source == source, traces.c.kind.in_(COUNTED_KINDS)
        )
    )
    return moment


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
    return ListedTrace(**{**values, **{name: tuple(values[name]) for name in _LISTED_ARRAYS}})
