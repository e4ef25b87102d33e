"""One model or template in a comparison: its figures, and how it differs from another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from app.figures.measures import Group, Histogram, Measure
from app.reports.report import Report
from app.reports.spending import CostPerGoodAnswer
from app.storage.traces.side_by_side import Measured, Times
from monitoring.models import Money
from monitoring.statistics.histogram import moments
from monitoring.statistics.intervals import (
    Interval,
    Moments,
    difference_of_means,
    difference_of_shares,
    share,
)

__all__ = [
    "FEWEST",
    "FIGURES",
    "MEASURES",
    "QUANTILES",
    "Difference",
    "Estimate",
    "Figure",
    "Latency",
    "ModelFigures",
    "differences",
    "figures_of",
    "measured_of",
]

Figure = Literal["quality", "violation_rate", "error_rate", "cost_per_request", "response_time_ms"]
FIGURES: Final[tuple[Figure, ...]] = (
    "quality",
    "violation_rate",
    "error_rate",
    "cost_per_request",
    "response_time_ms",
)
FEWEST: Final = 30
"""The fewest values of both sides for a difference of means, or calls for one of shares."""
QUANTILES: Final = (0.5, 0.95, 0.99)
_QUALITY, _LATENCY, _FIRST_TOKEN, _COST = (
    "overall_quality",
    "response_time_ms",
    "time_to_first_token_ms",
    "cost_usd",
)
MEASURES: Final = (_QUALITY, _LATENCY, _FIRST_TOKEN, _COST)
"""The measures of rollups whose histograms `measured_of` takes."""


class Estimate(Report):
    """A value, and the bounds of its 95 % confidence interval; null where nothing is known."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


class Latency(Report):
    """Percentiles in milliseconds of the calls that report a duration."""

    count: int
    p50: float | None
    p95: float | None
    p99: float | None


class ModelFigures(Report):
    """One model or template, by its `name`.

    `average_quality` is 0..1, rates are 0..1, and money is in US dollars. `errors` are calls that
    ended with an error. `assessed` calls have a safety verdict, and `priced` calls a known cost.
    `model_name` is null for a template.
    """

    name: str
    model_name: str | None
    requests: int
    errors: int
    error_rate: Estimate
    response_time_ms: Latency
    time_to_first_token_ms: Latency
    quality_count: int
    average_quality: Estimate
    assessed: int
    safety_violations: int
    violation_rate: Estimate
    priced: int
    total_cost_usd: Money | None
    cost_per_request: Estimate
    cost_per_good_answer: CostPerGoodAnswer | None = None
    total_tokens: int


class Difference(Report):
    """A figure of one model or template (`name`), less that of another one (`than`).

    `low` and `high` are the bounds of the confidence interval of the difference. `real` says that
    they leave out zero, so that chance does not explain it. All three are null, and `real` is
    false, where a side has fewer than thirty values.
    """

    name: str
    than: str
    figure: Figure
    difference: float | None
    low: float | None
    high: float | None
    real: bool
    confidence: float


def measured_of(group: Group, measures: Mapping[str, Measure], spreads: Mapping[str, Histogram]) -> Measured:
    """Return what rollups hold about one model as it would be read from its calls."""
    errors = min(max(measures.get("error", Measure()).count, 0), group.counts.records)

    def spread(measure: str) -> Moments:
        histogram = spreads.get(measure, Histogram())
        return Moments(*moments(histogram.buckets, histogram.counts))

    def times(measure: str) -> Times:
        histogram = spreads.get(measure, Histogram())
        return Times(sum(histogram.counts), tuple(histogram.percentiles(QUANTILES)))

    return Measured(
        value=group.value,
        counts=group.counts,
        errors=errors,
        quality=spread(_QUALITY),
        cost=spread(_COST),
        latency=spread(_LATENCY),
        response_time=times(_LATENCY),
        first_token=times(_FIRST_TOKEN),
    )


def figures_of(of: Measured, good: CostPerGoodAnswer | None, *, is_model: bool) -> ModelFigures:
    """Return the figures of one model or template as they are shown."""
    counts = of.counts
    return ModelFigures(
        name=of.value,
        model_name=of.value if is_model else None,
        requests=counts.records,
        errors=of.errors,
        error_rate=_shown(share(of.errors, counts.records)),
        response_time_ms=_latency(of.response_time),
        time_to_first_token_ms=_latency(of.first_token),
        quality_count=counts.quality_count,
        average_quality=_mean(of.quality, counts.average_quality),
        assessed=counts.assessed,
        safety_violations=counts.unsafe,
        violation_rate=_shown(share(counts.unsafe, counts.assessed)),
        priced=counts.priced,
        total_cost_usd=counts.cost_usd if counts.priced else None,
        cost_per_request=_mean(of.cost, None if counts.average_cost is None else float(counts.average_cost)),
        cost_per_good_answer=good,
        total_tokens=counts.prompt_tokens + counts.completion_tokens,
    )


def differences(one: Measured, other: Measured, confidence: float) -> Iterator[Difference]:
    """Yield the difference of every figure in the order of FIGURES."""
    for figure in FIGURES:
        interval = _interval(figure, one, other, confidence)
        yield Difference(
            name=one.value,
            than=other.value,
            figure=figure,
            difference=interval.estimate if interval else None,
            low=interval.low if interval else None,
            high=interval.high if interval else None,
            real=interval is not None and (interval.low > 0 or interval.high < 0),
            confidence=confidence,
        )


def _interval(figure: Figure, one: Measured, other: Measured, confidence: float) -> Interval | None:
    match figure:
        case "quality":
            return _means(one.quality, other.quality, confidence)
        case "violation_rate":
            mine, others = ((of.counts.unsafe, of.counts.assessed) for of in (one, other))
            return _shares(mine, others, confidence)
        case "error_rate":
            mine, others = ((of.errors, of.counts.records) for of in (one, other))
            return _shares(mine, others, confidence)
        case "cost_per_request":
            return _means(one.cost, other.cost, confidence)
        case "response_time_ms":
            return _means(one.latency, other.latency, confidence)


def _shares(mine: tuple[int, int], others: tuple[int, int], confidence: float) -> Interval | None:
    if min(mine[1], others[1]) < FEWEST:
        return None
    return difference_of_shares(*mine, *others, confidence)


def _means(one: Moments, other: Moments, confidence: float) -> Interval | None:
    if min(one.count, other.count) < FEWEST:
        return None
    return difference_of_means(one, other, confidence)


def _latency(times: Times) -> Latency:
    p50, p95, p99 = times.quantiles
    return Latency(count=times.count, p50=p50, p95=p95, p99=p99)


def _mean(spread: Moments, exact: float | None) -> Estimate:
    interval = difference_of_means(spread, Moments(spread.count, 0.0, 0.0))
    if exact is None or interval is None:
        return Estimate(value=exact)
    reach = (interval.high - interval.low) / 2
    return Estimate(value=exact, low=max(exact - reach, 0.0), high=exact + reach)


def _shown(interval: Interval | None) -> Estimate:
    if interval is None:
        return Estimate()
    return Estimate(value=interval.estimate, low=interval.low, high=interval.high)
