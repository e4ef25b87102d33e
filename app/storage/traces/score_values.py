"""The values that evaluators gave to stored records, for computing their distribution."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.ids import first_id

__all__ = ["MOST_PREVIEWED", "MOST_RECORDS", "read_values"]

MOST_RECORDS = 20_000
"""The number of newest records that are read.

More would change a quantile less than its uncertainty.
"""
MOST_PREVIEWED = 5_000
"""The number that is read while a person waits: a share of so many is within 1.4 points.

This is the half-width of a 95 % interval of one half; other shares are closer.
"""

# The moment of a call is at most a day ahead of the moment of receipt in the id.
_LATEST_AHEAD = timedelta(days=1)
_VALUES = text("""
SELECT score.key AS evaluator, array_agg(CAST(score.value ->> 'value' AS double precision)) AS numbers
FROM (
    SELECT scores FROM traces
    WHERE project_id = :project_id AND source = :source AND kind = 'llm'
        AND occurred_at >= :start AND trace_id >= :first
    ORDER BY trace_id DESC LIMIT :most
) AS recent, jsonb_each(CAST(recent.scores AS jsonb)) AS score
WHERE score.key = ANY(:wanted) AND jsonb_typeof(score.value -> 'value') = 'number'
GROUP BY 1
""")


async def read_values(
    connection: AsyncConnection,
    project_id: str,
    start: datetime,
    wanted: Sequence[str],
    source: str = "live",
    most: int = MOST_RECORDS,
) -> dict[str, NDArray[np.float64]]:
    """Return the values 0..1 of the wanted evaluators in the `most` newest calls since a moment."""
    parameters = {
        "project_id": project_id,
        "source": source,
        "start": start,
        "first": first_id(start - _LATEST_AHEAD),
        "most": most,
        "wanted": list(wanted),
    }
    rows = await connection.execute(_VALUES, parameters)
    return {row.evaluator: np.array(row.numbers, dtype=np.float64) for row in rows}
