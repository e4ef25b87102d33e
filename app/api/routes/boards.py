"""Routes for boards: charts that a project puts together, as JSON files."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from app.access.boards import keep_board, missing_board, remove_board
from app.access.decisions import etag_of
from app.api.administration import line_of, read_struct
from app.api.boards import BoardList, summarise_board
from app.api.dependencies import Project, Reading, Serving
from app.api.operations import BOARD_BODY, BOARD_SHOWN, BOARDS_SHOWN
from app.api.responses import json_response
from app.schemas.boards import BOARD_ID, Board, BoardFile
from app.storage.access.boards import read_board, read_boards
from app.storage.engine import writing

__all__ = ["router"]

router = APIRouter(prefix="/boards", tags=["boards"])

_BODY_BYTES = 256 * 1024
BoardId = Annotated[str, Path(pattern=BOARD_ID, description="Small letters, digits and hyphens.")]


@router.get("", **BOARDS_SHOWN)
async def get_boards(connection: Reading, project: Project) -> Response:
    """List the boards of the project, by their names."""
    boards = await read_boards(connection, project)
    return json_response(BoardList(tuple(map(summarise_board, boards))))


@router.get("/{board_id}", **BOARD_SHOWN)
async def get_board(connection: Reading, project: Project, board_id: BoardId) -> Response:
    """Return a board as a file, with an ETag for PUT."""
    board = await read_board(connection, project, board_id)
    if board is None:
        raise missing_board(board_id)
    return _answer(board, HTTPStatus.OK)


@router.put("/{board_id}", **BOARD_BODY)
async def put_board(request: Request, serving: Serving, project: Project, board_id: BoardId) -> Response:
    """Make a board, or replace one with what a file says.

    A board that is replaced must be named in If-Match as it was read: 428 without the header, 412
    if it was changed meanwhile. A file that says what the board is already changes nothing.
    """
    file = await read_struct(request, BoardFile, limit=_BODY_BYTES)
    line = line_of(request, serving, project)
    async with writing(serving.engine) as connection:
        board, is_new = await keep_board(connection, line, board_id, file, request.headers.get("if-match"))
    return _answer(board, HTTPStatus.CREATED if is_new else HTTPStatus.OK)


@router.delete("/{board_id}", status_code=HTTPStatus.NO_CONTENT)
async def delete_board(request: Request, serving: Serving, project: Project, board_id: BoardId) -> Response:
    """Remove a board."""
    line = line_of(request, serving, project)
    async with writing(serving.engine) as connection:
        await remove_board(connection, line, board_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _answer(board: Board, status: HTTPStatus) -> Response:
    file = board.to_file()
    return json_response(file, status, {"ETag": etag_of(file)})
