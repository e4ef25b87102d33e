"""Boards: made, exported, changed by who read them last, imported elsewhere, removed, bounded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.access.administration import Line
from app.access.boards import keep_board
from app.errors import Conflict, NotFound
from app.schemas.boards import MOST_BOARDS, MOST_CHARTS, SCHEMA, BoardFile
from app.storage.engine import writing
from tests.integration.api_rig import ApiRig

AS_JSON = {"content-type": "application/json"}
COST = {"title": "Cost by team", "measure": "cost", "split": "metadata.team", "filter": "model = a"}
BOARD = {"schema": SCHEMA, "name": "Mornings", "charts": [COST]}


async def test_a_board_is_a_file_that_goes_out_and_comes_back_as_it_was(api: ApiRig) -> None:
    made = await api.client.put("/boards/mornings", json=BOARD)
    assert (made.status_code, made.json()) == (201, BOARD)
    exported = await api.client.get("/boards/mornings")
    assert exported.headers["etag"] == made.headers["etag"]
    again = await api.client.put("/boards/mornings", content=exported.content, headers=AS_JSON)
    assert (again.status_code, again.headers["etag"]) == (200, made.headers["etag"])
    copied = await api.client.put("/boards/a-copy", content=exported.content, headers=AS_JSON)
    assert copied.status_code == 201
    listed = (await api.client.get("/boards")).json()["boards"]
    assert [(one["board_id"], one["name"], one["charts"]) for one in listed] == [
        ("a-copy", "Mornings", 1),
        ("mornings", "Mornings", 1),
    ]
    assert (await api.client.delete("/boards/a-copy")).status_code == 204
    assert (await api.client.delete("/boards/a-copy")).status_code == 404
    assert (await api.client.get("/boards/a-copy")).status_code == 404


async def test_two_people_do_not_overwrite_each_other(api: ApiRig) -> None:
    first = (await api.client.put("/boards/ours", json=BOARD)).headers["etag"]
    mine, yours = ({**BOARD, "name": name} for name in ("Mine", "Yours"))
    assert (await api.client.put("/boards/ours", json=mine)).status_code == 428
    assert (await api.client.put("/boards/ours", json=mine, headers={"if-match": first})).status_code == 200
    late = await api.client.put("/boards/ours", json=yours, headers={"if-match": first})
    assert late.status_code == 412
    assert "Somebody changed this board" in late.json()["detail"]
    assert (await api.client.get("/boards/ours")).json()["name"] == "Mine"
    assert (await api.client.put("/boards/ours", json=yours, headers={"if-match": "*"})).status_code == 200
    await api.client.delete("/boards/ours")
    assert (await api.client.put("/boards/ours", json=mine, headers={"if-match": first})).status_code == 404


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "llm-monitor/board/2"}, "schema"),
        ({"schema": None}, "schema"),
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"more": 1}, "more"),
        ({"charts": [COST] * (MOST_CHARTS + 1)}, "charts"),
        ({"charts": [{**COST, "title": "\u202e"}]}, "title"),
        ({"charts": [{**COST, "measure": "love"}]}, "there is no measure love"),
        ({"charts": [{**COST, "measure": "score:"}]}, "measure"),
        ({"charts": [{**COST, "split": "cost"}]}, "cannot be grouped by"),
        ({"charts": [COST, {**COST, "split": "model,user"}]}, "chart 2"),
        ({"charts": [{**COST, "split": "metadata.a\0b"}]}, "NUL"),
        ({"charts": [{**COST, "filter": "model ="}]}, "filter"),
        ({"charts": [{**COST, "filter": "x" * 2_001}]}, "filter"),
        ({"charts": [{**COST, "query": "DROP TABLE"}]}, "query"),
        ({"charts": "many"}, "charts"),
    ],
)
async def test_a_board_that_is_none_is_refused_and_says_why(api: ApiRig, change: Any, said: str) -> None:
    answer = await api.client.put("/boards/bad", json=BOARD | change)
    assert answer.status_code == 422, answer.text
    assert said in json.dumps(answer.json(), ensure_ascii=False)
    assert (await api.client.get("/boards")).json()["boards"] == []


@pytest.mark.parametrize("board_id", ["Big", "-a", "a" * 64, "a.b", "a%20b"])
async def test_an_id_is_a_short_word(api: ApiRig, board_id: str) -> None:
    assert (await api.client.put(f"/boards/{board_id}", json=BOARD)).status_code == 422


async def test_a_project_has_a_bounded_number_of_boards_and_must_exist(api: ApiRig) -> None:
    line = Line("default", "test", api.services.clock())
    file = BoardFile(schema=SCHEMA, name="one of many")
    async with writing(api.services.engine) as connection:
        for number in range(MOST_BOARDS):
            await keep_board(connection, line, f"board-{number}", file, None)
        with pytest.raises(Conflict, match="at most 50 boards"):
            await keep_board(connection, line, "one-more", file, None)
        with pytest.raises(NotFound):
            await keep_board(connection, Line("nobody", "test", line.now), "a-board", file, None)
