"""Appending rollup deltas: no row is ever updated, so nothing is hot and nothing can deadlock."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from sqlalchemy.ext.asyncio import AsyncConnection

from app.figures.delta import Delta
from app.storage.engine import asyncpg_connection

__all__ = ["append_deltas"]

_ARRAYS = ("measures", "counts", "sums", "hits", "bin_measures", "bins", "bin_counts", "examples")
_SCALARS = tuple(name for name in Delta.__struct_fields__ if name not in _ARRAYS)
_COLUMNS = (*_SCALARS, *_ARRAYS)


async def append_deltas(connection: AsyncConnection, deltas: Sequence[Delta]) -> None:
    """Add deltas inside the transaction that stored, changed or removed what they count.

    Most measure nothing and show no example; they go in without arrays, which cost more than all the rest.
    """
    if not deltas:
        return
    driver = await asyncpg_connection(connection)
    plain = [delta for delta in deltas if not (delta.measures or delta.examples)]
    full = [delta for delta in deltas if delta.measures or delta.examples]
    for columns, part in ((_SCALARS, plain), (_COLUMNS, full)):
        if part:
            await driver.copy_records_to_table(
                "rollups", columns=columns, records=map(attrgetter(*columns), part)
            )
