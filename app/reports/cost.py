"""The cost of the calls of a window: in all, over time, by model and by operation."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from app.figures.measures import Counts, Group
from app.reports.calendar import Calendar
from app.reports.forecast import CostProjection, read_projection
from app.reports.report import Report
from app.storage.engine import Connection
from app.storage.rollups.reading import read_costliest, read_models, read_totals
from app.storage.traces.reading import read_begin
from monitoring.spending.savings import CostGroup
from monitoring.spending.totals import CostAnalysis, Money, analyse_cost
from monitoring.statistics.trends import Window, project_month, window_of

__all__ = ["CostPoint", "CostReport", "ModelCost", "Month", "read_cost", "read_month"]

_OPERATIONS = 200  # further operations are cheap: none would be listed, and none is worth a suggestion

_RATE_PERIOD = "30d"


class CostPoint(Report):
    """One bucket of the trend: its calls, and the cost of the priced ones in US dollars."""

    bucket: datetime
    requests: int
    total_cost_usd: Money


class ModelCost(Report):
    """One model: its calls, those with a known price, their cost in US dollars, and tokens."""

    model_name: str
    requests: int
    priced_requests: int
    total_cost_usd: Money | None
    total_tokens: int


class CostReport(CostAnalysis):
    """The cost of a window from rollups: the analysis, its trend, the models, and the month.

    `projected_monthly_cost` is the projection's next month where there is a projection. Otherwise
    it is a month at the rate of the 30 days before `now`, or since the first call. Both are the
    same whatever the window is.
    """

    trend: tuple[CostPoint, ...]
    by_model: tuple[ModelCost, ...]
    projection: CostProjection | None = None


async def read_cost(
    connection: Connection, project_id: str, window: Window, source: str = "live", zone: tzinfo = UTC
) -> CostReport:
    """Read the cost report of one window, with a trend and a month in the days of a time zone.

    Totals are exact to the window's bucket. Operations (a model with a prompt template) are stored
    by the hour, so a window of minutes lists them from the start of its first hour.
    """
    models = await read_models(connection, project_id, window, source)
    templates = await read_costliest(connection, project_id, window, "template", source, most=_OPERATIONS)
    since = await read_begin(connection, project_id, source)
    totals = analyse_cost([_group(group.value, None, group) for group in models], window, since)
    operations = analyse_cost(
        [_group(group.model, group.value or None, group) for group in templates], window, since
    )
    calendar = Calendar(connection, project_id, window, source, zone)
    trend = await calendar.trend()
    month = await read_month(connection, project_id, window.now, source, zone, since)
    values = dict(totals) | {"most_expensive_operations": operations.most_expensive_operations}
    values["projected_monthly_cost"] = month.next_month_usd
    return CostReport(
        **values,
        trend=tuple(_point(at, trend.get(at, Counts())) for at in calendar.starts()),
        by_model=tuple(_model(group) for group in models),
        projection=month.projection,
    )


class Month(NamedTuple):
    """What the next 730.5 hours will cost, and the projection that says so if there is one."""

    projection: CostProjection | None
    next_month_usd: Money | None


async def read_month(
    connection: Connection,
    project_id: str,
    now: datetime,
    source: str,
    zone: tzinfo,
    since: datetime | None,
) -> Month:
    """Project the month after `now` for all calls; `since` is the moment of the first one.

    Without a projection it is a month at the rate of the 30 days before.
    """
    projection = await read_projection(connection, project_id, now, since, source, zone)
    if projection is not None:
        return Month(projection, projection.next_month_usd)
    recent = window_of(_RATE_PERIOD, now)
    counts = await read_totals(connection, project_id, recent, source)
    total = counts.cost_usd if counts.priced or not counts.records else None
    return Month(None, project_month(total, recent, since))


def _group(model: str, operation: str | None, group: Group) -> CostGroup:
    counts = group.counts
    return CostGroup(
        model_name=model,
        operation=operation,
        requests=counts.records,
        priced=counts.priced,
        cost_usd=counts.cost_usd,
        prompt_tokens=counts.prompt_tokens,
        completion_tokens=counts.completion_tokens,
    )


def _point(at: datetime, counts: Counts) -> CostPoint:
    return CostPoint(bucket=at, requests=counts.records, total_cost_usd=counts.cost_usd)


def _model(group: Group) -> ModelCost:
    counts = group.counts
    return ModelCost(
        model_name=group.value,
        requests=counts.records,
        priced_requests=counts.priced,
        total_cost_usd=counts.cost_usd if counts.priced else None,
        total_tokens=counts.prompt_tokens + counts.completion_tokens,
    )
