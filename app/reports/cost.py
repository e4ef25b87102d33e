"""What the calls of a window cost: in all, over time, by model and by operation."""

from __future__ import annotations

from datetime import datetime

from app.figures.measures import Counts, Group
from app.reports.report import Report
from app.storage.engine import Connection
from app.storage.rollups.reading import read_costliest, read_models, read_trend
from app.storage.traces.reading import read_begin
from monitoring.spending.savings import CostGroup
from monitoring.spending.totals import CostAnalysis, Money, analyse_cost
from monitoring.statistics.trends import Window

__all__ = ["CostPoint", "CostReport", "ModelCost", "read_cost"]

_OPERATIONS = 200  # of a tail of cheap ones none would be listed, and none is worth a suggestion


class CostPoint(Report):
    """One bucket of the trend: its calls, and what the priced ones among them cost in US dollars."""

    bucket: datetime
    requests: int
    total_cost_usd: Money


class ModelCost(Report):
    """One model: calls, those whose price is known, their cost in US dollars, and tokens."""

    model_name: str
    requests: int
    priced_requests: int
    total_cost_usd: Money | None
    total_tokens: int


class CostReport(CostAnalysis):
    """What GET /metrics/cost answers: the analysis, its trend, and the models."""

    trend: tuple[CostPoint, ...]
    by_model: tuple[ModelCost, ...]


async def read_cost(
    connection: Connection, project_id: str, window: Window, source: str = "live"
) -> CostReport:
    """Read the cost report of one window.

    Totals are exact to the window's bucket; operations (a model with a prompt template) are kept by the
    hour, so a window of minutes lists them from the start of its first hour on.
    """
    models = await read_models(connection, project_id, window, source)
    templates = await read_costliest(connection, project_id, window, "template", source, most=_OPERATIONS)
    since = await read_begin(connection, project_id, source)
    totals = analyse_cost([_group(group.value, None, group) for group in models], window, since)
    operations = analyse_cost(
        [_group(group.model, group.value or None, group) for group in templates], window, since
    )
    trend = await read_trend(connection, project_id, window, source)
    values = dict(totals) | {
        "most_expensive_operations": operations.most_expensive_operations,
        "optimization_suggestions": operations.optimization_suggestions,
    }
    return CostReport(
        **values,
        trend=tuple(_point(at, trend.get(at, Counts())) for at in window.bucket_starts()),
        by_model=tuple(_model(group) for group in models),
    )


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
