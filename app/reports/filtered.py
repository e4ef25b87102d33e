"""Reports on filtered calls: the same figures as without a filter, computed from traces."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from app.figures.measures import Counts, Measure
from app.reports.cost import CostPoint, CostReport, ModelCost
from app.reports.quality import (
    MOST_MODELS,
    ModelQuality,
    QualityReport,
    ScoreSummary,
    find_decline,
    quality_point,
    score_names,
    sum_other_models,
)
from app.reports.report import PERCENTILES, empty_message
from app.reports.safety import PATTERNS, SafetyPattern, SafetyPoint, SafetyReport, flag_shares
from app.storage.engine import Connection
from app.storage.traces.figures import (
    FlagFigures,
    Percentiles,
    ScoreFigures,
    Sums,
    read_flags,
    read_percentiles,
    read_scores,
    read_sums,
)
from app.storage.traces.labels import count_reviews
from app.storage.traces.reading import read_begin
from app.storage.traces.sampling import Sample
from monitoring.spending.savings import CostGroup
from monitoring.spending.totals import analyse_cost
from monitoring.statistics.zones import Buckets, buckets_of

__all__ = ["Scored", "read_filtered_cost", "read_filtered_quality", "read_filtered_safety", "read_scored"]

_UNKNOWN: Percentiles = (None, None, None)


class Scored(NamedTuple):
    """What the reports on quality and on safety both read of the calls of a sample."""

    sample: Sample
    sums: Sums
    scores: ScoreFigures


async def read_scored(
    connection: Connection,
    sample: Sample,
    zone: tzinfo = UTC,
    *,
    quantiles: Sequence[float] = PERCENTILES,
) -> Scored:
    """Read the sums of the sampled calls, and the values of every evaluator."""
    found = await read_sums(connection, sample, buckets_of(sample.chosen.window, zone))
    return Scored(sample, found, await read_scores(connection, sample, quantiles))


async def read_filtered_cost(connection: Connection, sample: Sample, zone: tzinfo = UTC) -> CostReport:
    """Read the cost report of the sampled calls. What all calls would save is not suggested."""
    buckets = buckets_of(sample.chosen.window, zone)
    found = await read_sums(connection, sample, buckets)
    chosen = sample.chosen
    since = await read_begin(connection, chosen.project_id, chosen.source)
    models = _by_model(found)
    totals = analyse_cost([_spent(name, None, counts) for name, counts in models], chosen.window, since)
    operations = analyse_cost(
        [_spent(one.model, one.value or None, one.counts) for one in found.operations], chosen.window, since
    )
    values = dict(totals) | {
        "most_expensive_operations": operations.most_expensive_operations,
        "optimization_suggestions": (),
    }
    return CostReport(
        **values,
        trend=tuple(
            CostPoint(bucket=at, requests=counts.records, total_cost_usd=counts.cost_usd)
            for at, counts in _trend(buckets, found)
        ),
        by_model=tuple(
            ModelCost(
                model_name=name,
                requests=counts.records,
                priced_requests=counts.priced,
                total_cost_usd=counts.cost_usd if counts.priced else None,
                total_tokens=counts.prompt_tokens + counts.completion_tokens,
            )
            for name, counts in models
        ),
    )


async def read_filtered_quality(
    connection: Connection, sample: Sample, zone: tzinfo = UTC, known: Scored | None = None
) -> QualityReport:
    """Read the quality report of the sampled calls; `known` is what was read of them already."""
    buckets = buckets_of(sample.chosen.window, zone)
    _, found, scores = known or await read_scored(connection, sample, zone)
    spread, spreads = await read_percentiles(connection, sample, PERCENTILES, buckets)
    points = tuple(
        quality_point(at, counts, spreads.get(at, _UNKNOWN)) for at, counts in _trend(buckets, found)
    )
    p10, p50, p90 = spread
    models = _by_model(found)
    return QualityReport(
        time_period=sample.chosen.window.period,
        average_quality=found.total.average_quality,
        total_evaluations=found.total.records,
        p10=p10,
        p50=p50,
        p90=p90,
        trend=points,
        by_model=tuple(_model(name, counts, scores) for name, counts in models[:MOST_MODELS]),
        other_models=sum_other_models([counts for _, counts in models[MOST_MODELS:]]),
        scores={name: _summary(scores, name) for name in score_names(scores.measures)},
        decline=find_decline(points),
        message=empty_message(sample.chosen.window, found.total.records),
    )


async def read_filtered_safety(
    connection: Connection,
    sample: Sample,
    zone: tzinfo = UTC,
    *,
    raisers: Mapping[str, Collection[str]],
    known: Scored | None = None,
) -> SafetyReport:
    """Read the safety report of the sampled calls; `raisers` as in `read_safety`.

    `known` is what was read of the calls already.
    """
    buckets = buckets_of(sample.chosen.window, zone)
    _, found, scores = known or await read_scored(connection, sample, zone, quantiles=())
    flags = await read_flags(connection, sample, buckets)
    measures = scores.measures
    raised = {f"flag:{flag}": Measure(count, float(count)) for flag, count in flags.total.items()}
    of = sample.chosen
    reviews = await count_reviews(connection, of.project_id, of.window, of.source, sample)
    shares = flag_shares(measures | raised, found.total, raisers, reviews)
    return SafetyReport(
        time_period=sample.chosen.window.period,
        total_interactions=found.total.records,
        safety_violations=found.total.unsafe,
        violation_rate=found.total.violation_rate,
        average_safety_score=found.safety.average,
        common_flags=tuple(shares),
        flags=shares,
        trend=tuple(_safety_point(at, counts, flags) for at, counts in _trend(buckets, found)),
        patterns=_patterns(flags, found),
        message=empty_message(sample.chosen.window, found.total.records),
    )


def _trend(buckets: Buckets, found: Sums) -> Iterable[tuple[datetime, Counts]]:
    return ((at, found.trend.get(at, Counts())) for at in buckets.starts)


def _by_model(found: Sums) -> list[tuple[str, Counts]]:
    """Return the figures of each model, most calls first."""
    models: dict[str, Counts] = {}
    for one in found.operations:
        models[one.model] = models.get(one.model, Counts()) + one.counts
    return sorted(models.items(), key=lambda item: (-item[1].records, item[0]))


def _spent(model: str, operation: str | None, counts: Counts) -> CostGroup:
    return CostGroup(
        model_name=model,
        operation=operation,
        requests=counts.records,
        priced=counts.priced,
        cost_usd=counts.cost_usd,
        prompt_tokens=counts.prompt_tokens,
        completion_tokens=counts.completion_tokens,
    )


def _model(name: str, counts: Counts, scores: ScoreFigures) -> ModelQuality:
    measures = scores.by_model.get(name, {})
    return ModelQuality(
        model_name=name,
        count=counts.records,
        average_quality=counts.average_quality,
        # As rollups do, models show evaluators, and not the parts of their scores.
        scores={one: measures[one].average for one in score_names(measures) if "." not in one},
    )


def _summary(scores: ScoreFigures, name: str) -> ScoreSummary:
    measure = scores.measures[name]
    p10, p50, p90 = scores.percentiles[name]
    return ScoreSummary(
        average=measure.average,
        count=measure.count,
        beyond_threshold=measure.hits,
        p10=p10,
        p50=p50,
        p90=p90,
    )


def _safety_point(at: datetime, counts: Counts, flags: FlagFigures) -> SafetyPoint:
    return SafetyPoint(
        bucket=at,
        count=counts.records,
        violations=counts.unsafe,
        violation_rate=counts.violation_rate,
        flags={flag: of_flag[at] for flag, of_flag in sorted(flags.trend.items()) if at in of_flag},
    )


def _patterns(flags: FlagFigures, found: Sums) -> tuple[SafetyPattern, ...]:
    records = {(one.model, one.value): one.counts.records for one in found.operations}
    return tuple(
        SafetyPattern(
            flag=flag,
            model=model,
            template=template or None,
            count=count,
            rate=count / records[model, template],
            example_trace_ids=ids,
        )
        for flag, model, template, count, ids in flags.patterns[:PATTERNS]
    )
