"""Counting calls that ended with an error."""

# ruff: noqa: S608 - fragments are constants of this module; values of callers are bound

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.ids import first_id
from app.schemas.kinds import COUNTED_KINDS

__all__ = ["count_errors"]

_VALUES = {"all": "''", "model": "model_name", "template": "coalesce(template_id, '')"}
_COUNT = {
    dimension: text(
        f"SELECT {value} AS value, date_bin(make_interval(secs => :grain), occurred_at, timestamptz 'epoch') AS at,"
        " count(*) AS number FROM traces WHERE project_id = :project_id AND source = 'live'"
        " AND error IS NOT NULL AND kind = ANY(:kinds) AND trace_id >= :first"
        " AND occurred_at >= :start AND occurred_at < :end"
        f" AND (CAST(:values AS text[]) IS NULL OR {value} = ANY(CAST(:values AS text[]))) GROUP BY 1, 2"
    )
    for dimension, value in _VALUES.items()
}
# Clocks of senders may be ahead, and then a call was accepted before it occurred.
_AHEAD = timedelta(days=1)


async def count_errors(
    connection: AsyncConnection,
    project_id: str,
    dimension: str,
    values: Sequence[str] | None,
    span: tuple[datetime, datetime],
    grain: int,
) -> dict[tuple[str, datetime], int]:
    """Return the number of calls with an error by value of `all`, `model` or `template`.

    They are counted in buckets of `grain` seconds. None in `values` means all.
    """
    start, end = span
    rows = await connection.execute(
        _COUNT[dimension],
        {
            "project_id": project_id,
            "kinds": sorted(COUNTED_KINDS),
            "first": first_id(start - _AHEAD),
            "start": start,
            "end": end,
            "grain": grain,
            "values": None if values is None else list(values),
        },
    )
    return {(row.value, row.at): row.number for row in rows}
