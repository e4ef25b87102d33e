"""The page of boards: which there are, and the charts of one of them."""

from __future__ import annotations

from typing import Any, Final

from dash import dcc, html

from app.errors import InvalidParameter
from app.figures.charted import find_measure
from app.reports.charted import MOST_LINES, Line
from app.schemas.boards import MOST_CHARTS, BoardChart
from dashboard.data.boards import BoardsFound, ChartFound, tag_of
from dashboard.data.view import View, search_of, with_condition, with_fields
from dashboard.drawing.board_figures import board_figure, describe_lines, line_colors, name_of, value_text
from dashboard.drawing.components import aria, attributes, chart, chart_links, notice
from dashboard.drawing.confirmation import confirmation
from dashboard.drawing.formatting import clip, count
from dashboard.drawing.theme import Palette

__all__ = ["NEW", "PATH", "boards_parts"]

PATH: Final = "/boards"
NEW: Final = "+"
"""The choice of a board that does not exist yet; no board has this id."""
_LONGEST: Final = 60
_HEIGHT: Final = 210
_ACTS: Final = (("up", "Move earlier"), ("down", "Move later"), ("edit", "Change"), ("remove", "Remove"))


def boards_parts(found: BoardsFound, view: View, colors: Palette) -> dict[str, Any]:
    """Return every part of the page."""
    board = found.board
    offered = [{"value": one.board_id, "label": clip(one.name, _LONGEST)} for one in found.boards]
    return {
        "boards": _choices(found, view),
        "head": _head(found, view),
        "charts": [_card(one, place, view, colors) for place, one in enumerate(found.charts)],
        "shown": board and {"id": board.board_id, "tag": tag_of(board)},
        "board": board.board_id if board else NEW,
        "offered": [*offered, {"value": NEW, "label": "a new board"}],
        "measures": found.measures,
    }


def _choices(found: BoardsFound, view: View) -> Any:
    if not found.boards:
        return None
    shown = found.board.board_id if found.board else ""
    links = [
        html.Li(
            dcc.Link(
                clip(one.name, _LONGEST),
                href=f"{PATH}{search_of(view, board=one.board_id)}",
                className="offered",
            ),
            **(aria(current="true") if one.board_id == shown else {}),
        )
        for one in found.boards
    ]
    return html.Nav(html.Ul(links, className="offers"), **aria(label="Boards"))


def _head(found: BoardsFound, view: View) -> Any:
    board = found.board
    if found.wanted:
        gone = "It was removed, or it is a board of another project. Choose one above, or make one below."
        return notice("There is no such board", gone, color="gray")
    if board is None:
        told = (
            "A board holds charts of your choice. Open Quality, Safety, Cost or Models and press the small board "
            "beside a chart; or add a chart above, or import a file."
        )
        return notice("There is no board yet", told, color="gray")
    parts: list[Any] = [
        html.H2(board.name),
        html.Span(f"{len(board.charts)} of at most {MOST_CHARTS} charts", className="remark"),
        dcc.Link(
            "Remove the board",
            href=f"{PATH}{search_of(view, board=board.board_id, remove='1')}",
            className="plain",
        ),
    ]
    head = html.Div(parts, className="boards-head")
    if found.removing:
        keep = f"{PATH}{search_of(view, board=board.board_id)}"
        question = f"Remove the board {clip(board.name, _LONGEST)} for everybody in the project?"
        return [head, confirmation("board", question, "Remove it", keep)]
    if board.charts:
        return head
    hint = "Press the small board beside a chart of another page, or add a chart above."
    return [head, notice("This board has no chart yet", hint, color="gray")]


def _card(one: ChartFound, place: int, view: View, colors: Palette) -> Any:
    wanted, measure = one.chart, find_measure(one.chart.measure)
    about = " · ".join(_about(one))
    heading = html.Div(
        [
            html.H2(wanted.title),
            html.Div(about, className="remark"),
            chart_links(wanted.measure, wanted.split, where=wanted.filter, boards=False),
        ],
        className="heading",
    )
    content: list[Any]
    if one.found is None or measure is None:
        content = [html.P(one.problem, className="remark", role="status")]
    elif not any(line.whole[0] for line in one.found.lines):
        content = [
            html.P(
                "No call of this time has it. Choose a longer period or another filter.", className="remark"
            )
        ]
    else:
        name = f"board-chart-{place}"
        figure = chart(name, height=_HEIGHT)
        shown = board_figure(one.found, measure, colors)
        content = [
            _with_figure(figure, shown, describe_lines(one.found, measure, wanted.title)),
            html.Ul(
                [
                    _key(line, color, one, view)
                    for line, color in zip(one.found.lines, line_colors(colors), strict=False)
                ],
                className="keys",
            ),
        ]
    return html.Section(
        [heading, *content, _arrange(wanted, place)], className="card", id=f"board-card-{place}"
    )


def _with_figure(figure: Any, shown: Any, text: str) -> Any:
    holder, _, caption = figure.children
    holder.children.figure = shown
    caption.children = text
    return figure


def _about(one: ChartFound) -> list[str]:
    chart_, measure = one.chart, find_measure(one.chart.measure)
    told = [measure.title if measure else chart_.measure]
    if chart_.split:
        told.append(f"by {clip(chart_.split, _LONGEST)}")
        if one.found and one.found.groups > MOST_LINES:
            told.append(f"{MOST_LINES} of {count(one.found.groups)} with most calls")
    if chart_.filter:
        told.append(f"only {clip(chart_.filter, 120)}")
    if one.found and one.found.read:
        told.append(f"of the newest {count(one.found.read)} calls")
    return told


def _key(line: Line, color: str, one: ChartFound, view: View) -> Any:
    """Return one line of the legend; its name leads to the calls."""
    measure = find_measure(one.chart.measure)
    number, value = line.whole
    if measure is None:
        return None
    said = value_text(measure, value)
    of = "" if measure.unit == "calls" else f"{'in' if measure.how == 'sum' else 'of'} {count(number)} calls"
    name = name_of(line, measure) if line.value or not one.chart.split else f"no {one.chart.split}"
    return html.Li(
        [
            html.Span(className="swatch", style={"background": color}, **aria(hidden="true")),
            dcc.Link(clip(name, _LONGEST), href=_calls(line, one.chart, view), title="Show these calls"),
            html.Span(said, className="number"),
            html.Span(of, className="remark"),
        ]
    )


def _calls(line: Line, wanted: BoardChart, view: View) -> str:
    """Return the address of the calls behind a line."""
    both = " and ".join(f"({part})" for part in (view.filter, wanted.filter) if part)
    search = with_fields(search_of(view), filter=both or None)
    try:
        if wanted.split:
            search = with_condition(search, wanted.split, line.value)
    except InvalidParameter:
        return f"/traces{search}"
    return f"/traces{search}"


def _arrange(wanted: BoardChart, place: int) -> Any:
    buttons = [
        html.Button(
            title,
            type="button",
            className="plain",
            **attributes(
                data_act=act, data_place=str(place), aria_label=f"{title}: {clip(wanted.title, _LONGEST)}"
            ),
        )
        for act, title in _ACTS
    ]
    return html.Details([html.Summary("Arrange"), html.Div(buttons, className="arrange")])
