"""Reading the histograms of every model of a window."""

# ruff: noqa: S608 - fragments are constants; values of callers are bound

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.figures.measures import Histogram
from app.storage.rollups.reading import PICKED, bind
from monitoring.statistics.trends import Window

__all__ = ["read_model_histograms"]

_HISTOGRAMS = text(
    "SELECT value, measure, array_agg(bin) AS bins, array_agg(number) AS numbers FROM ("
    " SELECT value, measures[place] AS measure, bin, sum(number)::bigint AS number FROM ("
    "  SELECT value, measures, unnest(bin_measures) AS place, unnest(bins) AS bin, unnest(bin_counts) AS number"
    f" FROM {PICKED} WHERE value = ANY(:models)"
    " ) AS held WHERE measures[place] = ANY(:wanted) GROUP BY 1, 2, 3"
    ") AS summed GROUP BY 1, 2"
)


async def read_model_histograms(
    connection: AsyncConnection,
    project_id: str,
    window: Window,
    models: Sequence[str],
    measures: Sequence[str],
    source: str = "live",
) -> dict[str, dict[str, Histogram]]:
    """Return the histograms of the wanted measures of the wanted models, by model and by name."""
    parameters = bind(project_id, window, source, "model", window.start)
    parameters |= {"models": [*models], "wanted": [*measures]}
    found: dict[str, dict[str, Histogram]] = {}
    for row in await connection.execute(_HISTOGRAMS, parameters):
        of_model = found.setdefault(row.value, {})
        of_model[row.measure] = Histogram(tuple(row.bins), tuple(row.numbers))
    return found
