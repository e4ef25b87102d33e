"""Boards in the form that the API lists them."""

from __future__ import annotations

from datetime import datetime

import msgspec

from app.schemas.boards import Board

__all__ = ["BoardList", "BoardSummary", "summarise_board"]


class BoardSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A board in the list of a project; `charts` is their number."""

    board_id: str
    name: str
    charts: int
    created_at: datetime
    changed_at: datetime


class BoardList(msgspec.Struct, frozen=True):
    """The boards of a project, by their names."""

    boards: tuple[BoardSummary, ...]


def summarise_board(board: Board) -> BoardSummary:
    """Return a board as a list shows it."""
    return BoardSummary(
        board_id=board.board_id,
        name=board.name,
        charts=len(board.charts),
        created_at=board.created_at,
        changed_at=board.changed_at,
    )
