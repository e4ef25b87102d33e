"""Appending rollup deltas: no row is ever updated, so nothing is hot and nothing can deadlock."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.rollups import Delta
from app.storage.engine import asyncpg_connection

__all__ = ["append_deltas"]

_COLUMNS = Delta.__struct_fields__


async def append_deltas(connection: AsyncConnection, deltas: Sequence[Delta]) -> None:
    """Add deltas inside the transaction that stored, changed or removed what they count."""
    if not deltas:
        return
    driver = await asyncpg_connection(connection)
    await driver.copy_records_to_table(
        "rollups",
        columns=_COLUMNS,
        records=[tuple(getattr(delta, column) for column in _COLUMNS) for delta in deltas],
    )
