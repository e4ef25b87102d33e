"""Making, changing and removing boards, each act with its line in the audit log."""

from __future__ import annotations

from app.access.administration import Line, record
from app.access.decisions import etag_of
from app.access.identity import no_project
from app.errors import (
    Conflict,
    InvalidParameter,
    InvalidRecord,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
)
from app.figures.charted import MEASURES, find_measure
from app.filters import parse_filter
from app.filters.grouping import parse_group_by
from app.schemas.boards import MOST_BOARDS, Board, BoardChart, BoardFile
from app.storage.access.boards import count_boards, delete_board, read_board, save_board
from app.storage.access.projects import lock_settings
from app.storage.engine import Connection

__all__ = ["check_board", "keep_board", "missing_board", "remove_board"]


def check_board(file: BoardFile) -> None:
    """Raise InvalidRecord for a chart whose measure, split or filter means nothing."""
    for number, chart in enumerate(file.charts):
        for name, fault in _faults(chart):
            raise InvalidRecord(
                f"The board was refused: chart {number + 1} ({chart.title}): {fault}",
                errors=[{"field": f"charts.{number}.{name}", "message": fault}],
            )


def _faults(chart: BoardChart) -> list[tuple[str, str]]:
    found = []
    if find_measure(chart.measure) is None:
        offered = ", ".join([*MEASURES, "score:NAME", "flag:NAME"])
        found.append(("measure", f"there is no measure {chart.measure}, only {offered}."))
    try:
        if len(parse_group_by([chart.split])) > 1:
            found.append(("split", "a chart is split by one field."))
    except InvalidParameter as error:
        found.append(("split", error.detail))
    try:
        parse_filter(chart.filter)
    except InvalidParameter as error:
        found.append(("filter", error.detail))
    return found


async def keep_board(
    connection: Connection, line: Line, board_id: str, file: BoardFile, match: str | None
) -> tuple[Board, bool]:
    """Make a board or replace it; returns it, and whether it is new.

    `match` is the If-Match header. Without it only a new board is made, and one with the same
    content stays as it is. Raises InvalidRecord, NotFound without such a project or such a board to
    replace, Conflict when the project has too many boards, PreconditionRequired, and
    PreconditionFailed if the board was changed meanwhile.
    """
    check_board(file)
    if await lock_settings(connection, line.project_id) is None:
        raise no_project(line.project_id)
    known = await read_board(connection, line.project_id, board_id)
    if known is not None and known.to_file() == file:
        return known, False
    _check_match(known, match)
    if known is None and await count_boards(connection, line.project_id) >= MOST_BOARDS:
        raise Conflict(f"A project has at most {MOST_BOARDS} boards: remove one first.")
    board = Board(
        project_id=line.project_id,
        board_id=board_id,
        name=file.name,
        charts=file.charts,
        created_at=known.created_at if known else line.now,
        changed_at=line.now,
    )
    await save_board(connection, board)
    act = "board.changed" if known else "board.created"
    await record(connection, line, act, board_id, name=file.name, charts=len(file.charts))
    return board, known is None


def _check_match(known: Board | None, match: str | None) -> None:
    if known is None:
        if match is not None:
            raise NotFound("There is no such board to replace. Send it without If-Match to make it.")
        return
    if match is None:
        raise PreconditionRequired(
            "There is a board with this id. Send If-Match with the ETag that GET answered to replace it, or * to "
            "replace it whatever it is by now."
        )
    if match.strip() != "*" and etag_of(known.to_file()) not in map(str.strip, match.split(",")):
        raise PreconditionFailed(
            "Somebody changed this board since it was read: read it again and send its ETag as If-Match."
        )


async def remove_board(connection: Connection, line: Line, board_id: str) -> None:
    """Remove a board of a project; raises NotFound if there is none."""
    name = await delete_board(connection, line.project_id, board_id)
    if name is None:
        raise missing_board(board_id)
    await record(connection, line, "board.removed", board_id, name=name)


def missing_board(board_id: str) -> NotFound:
    """Return the error for a board that a project does not have."""
    return NotFound(f"This project has no board {board_id[:64]}.")
