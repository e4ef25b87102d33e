"""The projected cost of the current month, from the hours of the past weeks."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, tzinfo
from typing import Literal

from app.reports.report import Report
from app.storage.engine import Connection
from app.storage.rollups.reading import read_trend
from monitoring.models import Money
from monitoring.spending.projection import HISTORY, project
from monitoring.statistics.trends import Window, floor_time

__all__ = ["CostProjection", "ProjectionError", "read_projection"]

_HOUR = timedelta(hours=1)


class ProjectionError(Report):
    """How far the projection was off in the past, as shares of what was spent; 0.1 is 10 %.

    From each earlier day, the `horizon_days` after it were projected from what was known then.
    `mean_per_day_error` is the error of the mean per day so far.
    """

    horizon_days: int
    forecasts: int
    error: float
    mean_per_day_error: float


class CostProjection(Report):
    """The current month of a time zone, in US dollars: spent so far, and expected in the end.

    `low` and `high` are so that four of five projections of the past would have been between them,
    in proportion. `next_month_usd` is for the 730.5 hours from now. The method is the one that
    erred less.
    """

    method: Literal["weekday_and_hour", "mean_per_day"]
    time_zone: str
    spent_usd: Money
    expected_usd: Money
    low_usd: Money | None
    high_usd: Money | None
    next_month_usd: Money
    next_month_low_usd: Money | None
    next_month_high_usd: Money | None
    history_days: int
    error: ProjectionError


async def read_projection(
    connection: Connection,
    project_id: str,
    now: datetime,
    since: datetime | None,
    source: str,
    zone: tzinfo,
) -> CostProjection | None:
    """Project the month from at most ten weeks; None if it was observed for less than three."""
    if since is None:
        return None
    hour = floor_time(now, "hour")
    window = Window(period="", start=hour - HISTORY, end=hour + _HOUR, now=now, grain="hour")
    trend = await read_trend(connection, project_id, window, source)
    known = [at for at in trend if at >= since - _HOUR]
    costs = {at: counts.cost_usd for at, counts in trend.items()}
    begin = max(since, min(known, default=now))
    found = await asyncio.to_thread(project, costs, begin, now, zone)
    if found is None:
        return None
    tried = found.backtest
    return CostProjection(
        method=found.method,
        time_zone=str(zone),
        spent_usd=found.spent,
        expected_usd=found.expected,
        low_usd=found.low,
        high_usd=found.high,
        next_month_usd=found.next_month,
        next_month_low_usd=found.next_month_low,
        next_month_high_usd=found.next_month_high,
        history_days=found.history_days,
        error=ProjectionError(
            horizon_days=tried.horizon_days,
            forecasts=tried.forecasts,
            error=tried.error,
            mean_per_day_error=tried.mean_per_day_error,
        ),
    )
