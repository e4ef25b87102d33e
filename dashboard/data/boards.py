"""What the page of boards reads: the boards of the project, and the charts of one of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final, NamedTuple

from app.access.decisions import etag_of
from app.errors import InvalidParameter, MonitorError
from app.figures.charted import MEASURES, find_measure
from app.filters import parse_filter
from app.filters.grouping import parse_group_by
from app.filters.owners import with_stored_forms
from app.reports.charted import Charted, read_charted
from app.reports.quality import score_names
from app.schemas.boards import Board, BoardChart
from app.storage.access.boards import read_boards
from app.storage.engine import Connection
from app.storage.rollups.reading import read_measures
from dashboard.data.queries import Queries
from dashboard.data.shared import Shared
from dashboard.data.view import View

__all__ = ["BoardsFound", "BoardsReader", "ChartFound", "tag_of"]

_CHART_SECONDS: Final = 15.0
_NAMES_SECONDS: Final = 60.0
_LONGEST_ID: Final = 64


class ChartFound(NamedTuple):
    """A chart and its figures, or in `problem` why they cannot be read."""

    chart: BoardChart
    found: Charted | None = None
    problem: str = ""


class BoardsFound(NamedTuple):
    """The boards by name, the chosen one with its charts, and the measures that charts may have.

    `wanted` is the id that the address names although there is no such board.
    """

    boards: list[Board]
    board: Board | None
    charts: list[ChartFound]
    measures: list[str]
    wanted: str = ""
    removing: bool = False


def tag_of(board: Board | None) -> str | None:
    """Return the entity tag with which the API changes a board as it was read."""
    return etag_of(board.to_file()) if board else None


class BoardsReader:
    """Reads boards; a chart is read again after some seconds, whoever looks at it."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._charts: Shared[ChartFound] = Shared(_CHART_SECONDS)
        self._names: Shared[list[str]] = Shared(_NAMES_SECONDS)

    async def read(self, view: View, fields: Mapping[str, str]) -> BoardsFound:
        """Return what the page shows; `fields` may name `board`. Raises as `Queries.read`."""
        wanted = fields.get("board", "")[:_LONGEST_ID]
        boards = await self._queries.read(
            view.project_id, lambda connection: read_boards(connection, view.project_id)
        )
        # Without a choice, the first board is shown.
        chosen = next((one for one in boards if one.board_id == wanted), None)
        shown = chosen or (boards[0] if boards and not wanted else None)
        charts = [await self._chart(view, chart) for chart in (shown.charts if shown else ())]
        names = await self._names.get(
            (view.project_id, view.period, view.start, view.end), lambda: self._measures(view)
        )
        missing = wanted if wanted and chosen is None else ""
        return BoardsFound(boards, shown, charts, names, missing, "remove" in fields and chosen is not None)

    async def _chart(self, view: View, chart: BoardChart) -> ChartFound:
        return await self._charts.get((view, chart), lambda: self._read_chart(view, chart))

    async def _read_chart(self, view: View, chart: BoardChart) -> ChartFound:
        measure, queries = find_measure(chart.measure), self._queries
        try:
            if measure is None:
                return ChartFound(chart, problem=f"There is no measure {chart.measure}.")
            dimensions = parse_group_by([chart.split])
            chosen = view.chosen(queries.clock(), queries.privacy)
            stored = partial(queries.privacy.stored_forms, view.project_id)
            own = with_stored_forms(parse_filter(chart.filter), stored)
            chosen = chosen._replace(filter=chosen.filter & own)
            by = dimensions[0] if dimensions else None
            found = await queries.figures(
                view.project_id, lambda connection: read_charted(connection, chosen, measure, by, view.tz())
            )
        except InvalidParameter as error:
            if view.filter:
                parse_filter(view.filter)  # a mistake in the frame's filter is told by the frame
            return ChartFound(chart, problem=error.detail)
        except MonitorError as error:
            return ChartFound(chart, problem=f"{error.detail} It is read again by itself.")
        return ChartFound(chart, found)

    async def _measures(self, view: View) -> list[str]:
        """Return the names of all measures: those of every project, scores and flags."""

        async def ask(connection: Connection) -> list[str]:
            window = view.window(self._queries.clock())
            known = await read_measures(connection, view.project_id, window, view.source)
            scores = [f"score:{name}" for name in score_names(known)]
            flags = sorted(name for name in known if name.startswith("flag:"))
            named = [name for name in (*scores, *flags) if find_measure(name)]
            return [*MEASURES, *named]

        return await self._queries.figures(view.project_id, ask)
