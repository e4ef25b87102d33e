"""What the overview shows of a period: reports, changes, alerts, latest calls and the pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.catalogue import read_raisers
from app.errors import InvalidParameter
from app.filters.grouping import parse_group_by
from app.filters.parameters import filter_of
from app.reports.answers import Asked, QualityAnswer, SafetyAnswer, answer_quality_and_safety
from app.reports.cost import CostReport, read_cost
from app.reports.filtered import read_filtered_cost
from app.reports.one_score import GroupScore, read_groups_since
from app.reports.pipeline import PipelineReport, ProjectLedger, QueueReport, read_pipeline
from app.reports.quality import Falling
from app.reports.relevance import RelevanceReport, read_relevance
from app.reports.what_changed import WhatChanged
from app.schemas.listed import Filters, ListedTrace
from app.storage.alerts.rules import StoredRule, read_rules
from app.storage.engine import Connection
from app.storage.traces.reading import read_bounded_page
from app.storage.traces.sampling import Chosen, take_sample
from dashboard.data.rates import Rate
from dashboard.data.view import DEFAULT_PERIOD, PERIODS, View
from monitoring.statistics.trends import Window, parse_period

__all__ = ["Overview", "read_overview", "wider_view"]

_LATEST = 50
# A project may have been silent for years.
_WIDER = (*PERIODS, "365d", "3650d")


class Overview(NamedTuple):
    """What the overview shows, read at `at`; without Redis ledger, queue and rate are None.

    `checked` calls have a safety verdict. `relevance` is None for filtered calls. `widened` is the
    period that is shown because the one asked for is empty. `refused` says why the latest calls
    could not be listed. `fallen` is the template on a model whose quality fell most where that of
    all calls fell at a moment within the period.
    """

    at: datetime
    window: Window
    quality: QualityAnswer
    safety: SafetyAnswer
    cost: CostReport
    relevance: RelevanceReport | None
    traces: Sequence[ListedTrace]
    ledger: ProjectLedger | None
    queue: QueueReport | None
    rate: Rate | None
    checked: int = 0
    changed: WhatChanged = WhatChanged()
    rules: Sequence[StoredRule] = ()
    widened: str | None = None
    refused: str | None = None
    fallen: GroupScore | None = None


async def read_overview(connection: Connection, redis: Redis, asked: Asked, now: datetime) -> Overview:
    """Read the overview of the calls that are asked for, without what changed.

    `asked` groups them by model.
    """
    chosen = asked.chosen
    of = (connection, chosen.project_id, chosen.window, chosen.source)
    whole = chosen.filter.condition is None
    pipeline = await _pipeline(connection, redis, now)
    ledgers = pipeline.projects if pipeline else ()
    raisers = await read_raisers(redis)
    quality, safety = await answer_quality_and_safety(connection, asked, raisers=raisers)
    overview = Overview(
        at=now,
        window=chosen.window,
        quality=quality,
        safety=safety,
        cost=await read_cost(*of, asked.zone)
        if whole
        else await read_filtered_cost(connection, await take_sample(connection, chosen)),
        relevance=await read_relevance(*of) if whole else None,
        traces=(),
        ledger=next((one for one in ledgers if one.project_id == chosen.project_id), None),
        queue=pipeline.queue if pipeline else None,
        rate=None,
        checked=safety.breakdown.total.assessed if safety.breakdown else 0,
        fallen=await _fallen(connection, chosen, quality.decline) if whole else None,
        rules=await read_rules(connection, chosen.project_id),
    )
    latest = filter_of(Filters(source=chosen.source)) & chosen.filter
    try:
        found = await read_bounded_page(connection, chosen.project_id, latest, limit=_LATEST)
        return overview._replace(traces=found.rows)
    except InvalidParameter as error:
        return overview._replace(refused=error.detail)


def wider_view(view: View, found: Overview) -> View | None:
    """Return the shortest longer view that holds the newest call, if the usual one holds none.

    Only the usual period is widened, because whoever chose another one wants to see just that.
    """
    if view.period != DEFAULT_PERIOD or view.start or found.cost.total_requests or not found.traces:
        return None
    age = found.at - max(trace.timestamp for trace in found.traces)
    longer = (period for period in _WIDER if parse_period(period) > age)
    period = next(longer, None)
    return view._replace(period=period) if period and period != view.period else None


async def _fallen(connection: Connection, chosen: Chosen, fall: Falling | None) -> GroupScore | None:
    if fall is None or fall.since is None or chosen.window.grain != "hour":
        return None  # templates are kept by the hour
    groups = await read_groups_since(connection, chosen, fall.since, parse_group_by(["template,model"]))
    worst = next(iter(groups), None)
    surely = worst and worst.change and worst.change.certain and worst.change.difference < 0
    return worst if surely else None


async def _pipeline(connection: Connection, redis: Redis, now: datetime) -> PipelineReport | None:
    try:
        return await read_pipeline(connection, redis, now)
    except (RedisError, OSError):
        return None
