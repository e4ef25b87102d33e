"""The figures that live views show."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from redis.asyncio import Redis

from app.reports.cost import read_cost
from app.reports.pipeline import read_pipeline
from app.storage.engine import Engine
from app.storage.rollups.folding import figures
from app.storage.rollups.reading import read_measures, read_totals
from monitoring.statistics.trends import window_of

__all__ = ["live_figures"]

_PERIOD = "24h"


def live_figures(
    engine: Engine, redis: Redis, clock: Callable[[], datetime]
) -> Callable[[str], Awaitable[Mapping[str, Any]]]:
    """Return a function that reads the data of `metrics`, `cost_update` and `pipeline` frames."""

    async def read(project_id: str) -> Mapping[str, Any]:
        now = clock()
        window = window_of(_PERIOD, now)
        async with figures(engine, project_id) as connection:
            totals = await read_totals(connection, project_id, window)
            measures = await read_measures(connection, project_id, window)
            cost = await read_cost(connection, project_id, window)
            pipeline = (await read_pipeline(connection, redis, now)).only(project_id)
        metrics = {
            "time_period": _PERIOD,
            "timestamp": now,
            "total_interactions": totals.records,
            "average_quality": totals.average_quality,
            "safety_violations": totals.unsafe,
            "violation_rate": totals.violation_rate,
            "total_cost_usd": totals.cost_usd if totals.priced else None,
            "flags": {
                name.removeprefix("flag:"): measure.count
                for name, measure in measures.items()
                if name.startswith("flag:")
            },
        }
        return {
            "metrics": metrics,
            "cost_update": cost.model_dump(mode="json"),
            "pipeline": pipeline.model_dump(mode="json"),
        }

    return read
