"""The calls that a figure is computed from where no rollup holds it: a bounded number of rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.filters import Filter
from app.filters.parameters import filter_of
from app.schemas.ids import first_id, minted_at
from app.schemas.listed import Filters
from app.storage.engine import is_overdue
from app.storage.tables import traces
from app.storage.traces.filtering import where
from monitoring.statistics.trends import Window

__all__ = ["MOST_CALLS", "MOST_SCORED", "NEWEST_ROWS", "Chosen", "Sample", "every", "take_sample"]

MOST_CALLS: Final = 100_000
"""The number of calls that sums are computed from. If there are more, the newest are taken."""
MOST_SCORED: Final = 20_000
"""The same for reports that read the scores of each call, which costs ten times as much."""
NEWEST_ROWS: Final = 10_000
"""The number of newest rows that are looked at where finding the calls takes too long."""
_TIMEOUT = text("SET LOCAL statement_timeout = '4s'")
# A record may be received a day before the moment that its sender gave it.
_LATEST_AHEAD = timedelta(days=1)
# A call that is received later than this after the end of its period, such as an imported one, is
# in a sample only where the others are too few. So a search need not walk through all later calls.
_PUNCTUAL = timedelta(hours=1)
_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)


class Chosen(NamedTuple):
    """The calls of a project in a window, of one source, that a filter lets pass."""

    project_id: str
    window: Window
    source: str = "live"
    filter: Filter = Filter()

    def ids(self) -> Select[tuple[UUID]]:
        """Return the query for the ids of these calls."""
        window = Filters(source=self.source, start=self.window.start, end=self.window.end)
        condition = where(filter_of(window) & self.filter)
        return select(traces.c.trace_id).where(traces.c.project_id == self.project_id, condition)


class Sample(NamedTuple):
    """The chosen calls whose ids lie from `oldest` to `newest`.

    `read` is None if these are all chosen calls. Otherwise it is the number of newest calls that
    were taken, or of newest rows that were looked at, and `since` is when the oldest was received.
    """

    chosen: Chosen
    oldest: UUID
    newest: UUID
    since: datetime
    read: int | None = None

    def calls(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Return the query for columns of these calls."""
        within = traces.c.trace_id.between(self.oldest, self.newest)
        return self.chosen.ids().with_only_columns(*columns).where(within)


def every(chosen: Chosen) -> Sample:
    """Return all chosen calls, however many they are, for queries with a bound of their own."""
    return Sample(chosen, first_id(chosen.window.start - _LATEST_AHEAD), _LAST, chosen.window.start)


async def take_sample(connection: AsyncConnection, chosen: Chosen, most: int | None = None) -> Sample:
    """Return the calls to compute figures from.

    They are all chosen calls, but at most `most` (MOST_CALLS unless it is given): the newest that
    were received before an hour after the end of the window, or the newest of all where those are
    fewer. If Postgres needs more than four seconds to find them, they are those among the project's
    NEWEST_ROWS newest rows.
    """
    most = most or MOST_CALLS
    try:
        async with connection.begin_nested():
            await connection.execute(_TIMEOUT)
            return await _newest(connection, chosen, most)
    except DBAPIError as error:
        if not is_overdue(error):
            raise
    rows = select(traces.c.trace_id).where(traces.c.project_id == chosen.project_id)
    oldest = await connection.scalar(rows.order_by(traces.c.trace_id.desc()).offset(NEWEST_ROWS - 1).limit(1))
    begin = _plain(oldest) if oldest is not None else _FIRST
    return Sample(chosen, begin, _LAST, minted_at(begin), NEWEST_ROWS)


async def _newest(connection: AsyncConnection, chosen: Chosen, most: int) -> Sample:
    late = traces.c.trace_id >= first_id(chosen.window.end + _PUNCTUAL)
    found = await _edges(connection, chosen.ids().where(~late), most)
    any_late = select(traces.c.trace_id).where(traces.c.project_id == chosen.project_id, late).limit(1)
    if found.number < most and await connection.scalar(any_late):
        found = await _edges(connection, chosen.ids(), most)
    if not found.number:
        return Sample(chosen, _FIRST, _FIRST, chosen.window.start)
    begin, end = _plain(found.oldest), _plain(found.newest)
    if found.number < most:
        return Sample(chosen, begin, end, chosen.window.start)
    return Sample(chosen, begin, end, minted_at(begin), found.number)


async def _edges(connection: AsyncConnection, ids: Select[tuple[UUID]], most: int) -> Row[Any, Any, Any]:
    found = ids.order_by(traces.c.trace_id.desc()).limit(most).cte("found")
    number = select(func.count()).select_from(found).scalar_subquery().label("number")
    oldest = select(found.c.trace_id).order_by(found.c.trace_id).limit(1).scalar_subquery().label("oldest")
    newest = select(found.c.trace_id).order_by(found.c.trace_id.desc()).limit(1).scalar_subquery()
    return (await connection.execute(select(number, oldest, newest.label("newest")))).one()


def _plain(trace_id: UUID) -> UUID:
    # The driver has a class of its own for ids.
    return UUID(bytes=trace_id.bytes)
