"""The figures of all chosen calls of a window together."""

from __future__ import annotations

from app.figures.measures import Counts
from app.storage.engine import Connection
from app.storage.rollups.reading import read_totals
from app.storage.traces.breakdown import read_sum
from app.storage.traces.sampling import Chosen, take_sample

__all__ = ["read_counts"]


async def read_counts(connection: Connection, chosen: Chosen) -> Counts:
    """Return the sums of the chosen calls; of filtered ones at most the newest 100,000 count."""
    if chosen.filter.condition is None:
        return await read_totals(connection, chosen.project_id, chosen.window, chosen.source)
    return await read_sum(connection, await take_sample(connection, chosen))
