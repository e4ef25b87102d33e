"""Boards on the page: what is drawn, what a change makes of a file, and what is not overwritten."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import httpx
import pytest
from plotly.io.json import to_json_plotly

from app.errors import InvalidRecord, PreconditionFailed
from app.figures.charted import MEASURES, find_measure
from app.reports.charted import Charted, Line
from app.schemas.boards import SCHEMA, Board, BoardChart
from dashboard.board_changes import Place, change_board, make_board
from dashboard.data.board_edits import (
    empty_board,
    ids_for,
    put_chart,
    read_upload,
    rearrange,
    renamed,
    title_for,
)
from dashboard.data.boards import BoardsFound, ChartFound, tag_of
from dashboard.data.view import View
from dashboard.drawing.board_figures import board_figure, describe_lines
from dashboard.drawing.boards import boards_parts
from dashboard.drawing.theme import palette
from tests.unit.dashboard.components import links, text
from tests.unit.dashboard.settings_rig import Api

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
COLORS = palette("light")
EVIL = "<img src=x onerror=alert(1)>"
STARTS = tuple(NOW - timedelta(hours=hour) for hour in (2, 1, 0))
COST = BoardChart(title="Cost by team", measure="cost", split="metadata.team", filter="model = a")
FILE = {"schema": SCHEMA, "name": "Mine", "charts": [{"title": one, "measure": "cost"} for one in "abc"]}


def board(*charts: BoardChart, name: str = "Mornings") -> Board:
    return Board(
        project_id="default", board_id="mornings", name=name, charts=charts, created_at=NOW, changed_at=NOW
    )


def charted(*values: str | None) -> Charted:
    points = ((1, 0.5), (0, None), (3, 0.25))
    return Charted(starts=STARTS, lines=tuple(Line(value, (4, 0.31), points) for value in values), groups=9)


def found(*charts: ChartFound, name: str = "Mornings") -> BoardsFound:
    one = board(*(each.chart for each in charts), name=name)
    return BoardsFound([one], one, list(charts), [*MEASURES])


def test_a_chart_says_what_it_shows_and_its_lines_lead_to_their_calls() -> None:
    parts = boards_parts(found(ChartFound(COST, charted("red", None))), View(filter="tag = x"), COLORS)
    said = text(parts["charts"])
    for told in ("Cost by team", "Cost · by metadata.team", "5 of 9 with most calls", "only model = a"):
        assert told in said
    assert "$0.31in 4 calls" in said
    addresses = dict(links(parts["charts"]))
    assert "model+%3D+%22a%22" in addresses["red"]
    assert "tag+%3D+%22x%22" in addresses["red"]
    assert "team+%3D+%22red%22" in addresses["red"]
    assert "red" not in addresses["no metadata.team"]
    assert "metadata.team" in addresses["no metadata.team"]
    assert parts["shown"] == {"id": "mornings", "tag": tag_of(board(COST))}


def test_hostile_names_are_shown_as_text() -> None:
    chart = BoardChart(title=EVIL, measure="cost", split="user")
    parts = boards_parts(found(ChartFound(chart, charted(EVIL)), name=EVIL), View(), COLORS)
    assert EVIL in text(parts["head"])
    figure = board_figure(charted(EVIL), MEASURES["cost"], COLORS)
    assert figure["data"][0]["name"] == "&lt;img src=x onerror=alert(1)&gt;"


@pytest.mark.parametrize(
    ("found_", "said"),
    [
        (BoardsFound([], None, [], []), "There is no board yet"),
        (BoardsFound([board()], None, [], [], wanted="gone"), "There is no such board"),
        (BoardsFound([board()], board(), [], []), "This board has no chart yet"),
        (BoardsFound([board()], board(), [], [], removing=True), "for everybody in the project?"),
    ],
)
def test_an_empty_board_says_what_to_do(found_: BoardsFound, said: str) -> None:
    assert said in to_json_plotly(boards_parts(found_, View(), COLORS))


def test_a_chart_that_cannot_be_read_says_why_and_one_without_calls_what_to_do() -> None:
    nothing = Charted(starts=STARTS, lines=(Line(None, (0, None), ((0, None),) * 3),))
    parts = boards_parts(
        found(ChartFound(COST, problem="Too slow."), ChartFound(COST, nothing)), View(), COLORS
    )
    assert "Too slow." in text(parts["charts"])
    assert "Choose a longer period" in text(parts["charts"])


@pytest.mark.parametrize("name", [*MEASURES, "score:relevance", "flag:pii_leak"])
def test_every_measure_has_a_figure_with_gaps_and_a_text(name: str) -> None:
    measure = find_measure(name)
    figure = board_figure(charted("a", "b"), measure, COLORS)
    assert [list(series["y"]) for series in figure["data"]] == [[0.5, None, 0.25]] * 2
    assert len({series["line"]["dash"] for series in figure["data"]}) == 2
    assert "highest" in describe_lines(charted("a"), measure, "A title")


@pytest.mark.parametrize("name", ["love", "", "score:", "flag:", "other:x", "score:" + "x" * 200, "cost:eur"])
def test_what_is_no_measure_is_none(name: str) -> None:
    assert find_measure(name) is None


@pytest.mark.parametrize(
    ("act", "place", "left"),
    [("up", 1, "bac"), ("up", 0, "abc"), ("down", 1, "acb"), ("down", 2, "abc"), ("remove", 1, "ac")],
)
def test_charts_are_moved_and_removed(act: str, place: int, left: str) -> None:
    assert [one["title"] for one in rearrange(FILE, act, place)["charts"]] == list(left)
    assert len(FILE["charts"]) == 3


@pytest.mark.parametrize("place", [-1, 3])
def test_a_chart_that_is_gone_is_neither_moved_nor_changed(place: int) -> None:
    with pytest.raises(InvalidRecord):
        rearrange(FILE, "up", place)
    with pytest.raises(InvalidRecord):
        put_chart(FILE, {}, place)


def test_charts_are_added_and_changed_and_boards_renamed() -> None:
    new = {"title": "new", "measure": "errors"}
    assert put_chart(FILE, new)["charts"][3] == new
    assert [one["title"] for one in put_chart(FILE, new, 1)["charts"]] == ["a", "new", "c"]
    assert renamed(FILE, "Ours")["name"] == "Ours"
    with pytest.raises(InvalidRecord):
        renamed(FILE, "")
    assert title_for("score:relevance", "model") == "Score relevance by model"


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("My Board!", ["my-board", "my-board-2", "my-board-3"]),
        ("\u202e", ["board", "board-2", "board-3"]),
        ("x" * 90, ["x" * 50, "x" * 50 + "-2", "x" * 50 + "-3"]),
    ],
)
def test_the_name_of_a_board_gives_its_id(name: str, ids: list[str]) -> None:
    assert list(islice(ids_for(name), 3)) == ids


def upload(content: bytes) -> str:
    return f"data:application/json;base64,{base64.b64encode(content).decode()}"


def test_a_file_is_read_and_other_files_are_refused() -> None:
    assert read_upload(upload(json.dumps(FILE).encode())) == FILE
    for content in (b"no JSON", b"[1]", b'{"name": 1}', b"{}", b"[" * 100_000, b"\xff"):
        with pytest.raises(InvalidRecord):
            read_upload(upload(content))
    for raw in (None, "", "data:,%%%"):
        with pytest.raises(InvalidRecord):
            read_upload(raw)


def answers(tag: str) -> dict[str, httpx.Response]:
    return {
        "GET /boards/mine": httpx.Response(200, json=FILE, headers={"etag": tag}),
        "PUT /boards/mine": httpx.Response(200, json=FILE),
    }


async def test_a_board_is_changed_as_it_was_shown() -> None:
    api = Api(answers('"1"'))
    place = Place("", None, None, {"id": "mine", "tag": '"1"'})
    assert await change_board(api.sources, place, lambda file: renamed(file, "Ours")) == "mine"
    sent = api.asked[-1]
    assert (sent.headers["if-match"], json.loads(sent.content)["name"]) == ('"1"', "Ours")


async def test_a_board_that_somebody_changed_meanwhile_is_not_changed() -> None:
    api = Api(answers('"2"'))
    place = Place("", None, None, {"id": "mine", "tag": '"1"'})
    with pytest.raises(PreconditionFailed):
        await change_board(api.sources, place, lambda file: renamed(file, "Ours"))
    assert [one.method for one in api.asked] == ["GET"]
    with pytest.raises(InvalidRecord):
        await change_board(api.sources, place._replace(shown=None), lambda file: file)


async def test_a_new_board_gets_an_id_that_is_free() -> None:
    known: dict[str, Any] = {"boards": [{"board_id": "mine"}, {"board_id": "mine-2"}]}
    api = Api(
        {
            "GET /boards": httpx.Response(200, json=known),
            "PUT /boards/mine-3": httpx.Response(201, json=FILE),
        }
    )
    assert await make_board(api.sources, "default", empty_board("Mine")) == "mine-3"
