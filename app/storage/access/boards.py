"""The boards of projects."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.boards import Board, BoardChart
from app.storage.tables import boards

__all__ = ["count_boards", "delete_board", "read_board", "read_boards", "save_board"]

_columns = boards.c


async def read_boards(connection: AsyncConnection, project_id: str) -> list[Board]:
    """Return the boards of a project by their names."""
    found = await connection.execute(
        select(boards).where(_columns.project_id == project_id).order_by(_columns.name, _columns.board_id)
    )
    return [_board(row) for row in found]


async def read_board(connection: AsyncConnection, project_id: str, board_id: str) -> Board | None:
    """Return one board, None if there is none."""
    wanted = select(boards).where(_columns.project_id == project_id, _columns.board_id == board_id)
    row = (await connection.execute(wanted)).one_or_none()
    return _board(row) if row else None


async def count_boards(connection: AsyncConnection, project_id: str) -> int:
    """Return how many boards a project has."""
    counted = select(func.count()).select_from(boards).where(_columns.project_id == project_id)
    return (await connection.execute(counted)).scalar_one()


async def save_board(connection: AsyncConnection, board: Board) -> None:
    """Store a board, in the place of one with the same id; the moment of its making stays."""
    values = msgspec.structs.asdict(board) | {"charts": msgspec.to_builtins(board.charts)}
    changed = {name: values[name] for name in ("name", "charts", "changed_at")}
    keep = insert(boards).values(**values)
    await connection.execute(
        keep.on_conflict_do_update(index_elements=boards.primary_key.columns, set_=changed)
    )


async def delete_board(connection: AsyncConnection, project_id: str, board_id: str) -> str | None:
    """Delete a board and return its name; returns None if there is none."""
    gone = (
        delete(boards)
        .where(_columns.project_id == project_id, _columns.board_id == board_id)
        .returning(_columns.name)
    )
    name: str | None = (await connection.execute(gone)).scalar_one_or_none()
    return name


def _board(row: Row[Any]) -> Board:
    values = dict(row._mapping)  # noqa: SLF001 the documented way to a mapping
    return Board(**values | {"charts": msgspec.convert(values["charts"], tuple[BoardChart, ...])})
