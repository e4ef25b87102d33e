"""The levels that budgets have reached, each of which is told once per period."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.budgets import Level

__all__ = ["Crossing", "note_crossings", "note_told", "untold_crossings"]

_NOTE = text("""
INSERT INTO budget_crossings (project_id, budget_id, period_start, level, spent_usd, amount_usd, crossed_at)
VALUES (:project_id, :budget_id, :period_start, :level, :spent_usd, :amount_usd, :crossed_at)
ON CONFLICT DO NOTHING
""")
_COLUMNS = "project_id, budget_id, period_start, level, spent_usd, amount_usd, crossed_at"
_UNTOLD = text(
    f"SELECT {_COLUMNS} FROM budget_crossings WHERE told_at IS NULL ORDER BY crossed_at LIMIT :most"  # noqa: S608 a constant
)
_TOLD = text("""
UPDATE budget_crossings SET told_at = :now
WHERE project_id = :project_id AND budget_id = :budget_id AND period_start = :period_start AND level = :level
""")
_MOST = 500


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """A level that a budget reached in one of its periods, with the amounts of that moment."""

    project_id: str
    budget_id: UUID
    period_start: datetime
    level: Level
    spent_usd: Decimal
    amount_usd: Decimal
    crossed_at: datetime


async def note_crossings(connection: AsyncConnection, crossings: Sequence[Crossing]) -> None:
    """Store levels that were reached; those that are known for their period stay as they are."""
    if crossings:
        await connection.execute(_NOTE, [msgspec.structs.asdict(one) for one in crossings])


async def untold_crossings(connection: AsyncConnection) -> list[Crossing]:
    """Return up to 500 crossings of all projects that were not told, the oldest first."""
    rows = await connection.execute(_UNTOLD, {"most": _MOST})
    return [_crossing(row._asdict()) for row in rows]


async def note_told(connection: AsyncConnection, crossings: Sequence[Crossing], now: datetime) -> None:
    """Note that crossings were told."""
    if crossings:
        await connection.execute(_TOLD, [{**msgspec.structs.asdict(one), "now": now} for one in crossings])


def _crossing(values: dict[str, Any]) -> Crossing:
    return Crossing(**{**values, "budget_id": UUID(bytes=values["budget_id"].bytes)})
