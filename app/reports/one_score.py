"""One score over time and by fields, compared with the period before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final

import msgspec
from msgspec import structs

from app.figures.measures import Grouped, Histogram, Measure, percentiles_of
from app.filters.grouping import Dimension
from app.reports.calendar import Calendar
from app.reports.quality import Falling, QualityPoint, find_decline
from app.reports.report import PERCENTILES
from app.reports.score_labels import LabelShare, read_label_shares
from app.storage.engine import Connection
from app.storage.rollups.breakdown import holds, read_groups
from app.storage.rollups.model_reading import read_model_histograms
from app.storage.rollups.reading import read_histograms, read_measures
from app.storage.traces.one_score import ScoredGroup, read_score_groups, read_score_trend
from app.storage.traces.sampling import MOST_SCORED, Chosen, take_sample
from monitoring.overall_quality import NAME as OVERALL_QUALITY
from monitoring.statistics.changes import Change, change_of_means
from monitoring.statistics.histogram import moments
from monitoring.statistics.intervals import Moments
from monitoring.statistics.trends import Window
from monitoring.statistics.zones import buckets_of

__all__ = ["GroupScore", "OneScore", "compare_groups", "read_groups_since", "read_one_score"]

_MOST_GROUPS: Final = 200
# A group of this period may have been a small one before.
_MOST_BEFORE: Final = 2_000
_NOTHING: Final = Moments(0, 0.0, 0.0)


class GroupScore(msgspec.Struct, frozen=True, kw_only=True):
    """One group of calls: its score in the period, and how it changed from the one before.

    `values` has one for each field, None for calls without a value. `count` of the `records` have
    the score, `flagged` of the `assessed` a flag. `change` is None where a period has too few
    calls.
    """

    values: tuple[str | None, ...]
    records: int
    count: int
    mean: float | None
    change: Change | None
    assessed: int
    flagged: int


class OneScore(msgspec.Struct, frozen=True, kw_only=True):
    """One score in a period: over time, in all, and by fields with the clearest falls first.

    `count` calls have the score. `since` is the moment of a fall within the period: `groups` then
    compares the calls since with those before, and otherwise this period with the one
    before. `change` always compares periods. `calls_read` is None where all calls were read for the
    groups, and otherwise the number of newest ones of each part. `labels` are those of the score's
    evaluator in the newest calls of both parts. All values are 0..1.
    """

    score: str
    count: int
    mean: float | None
    percentiles: tuple[float | None, ...]
    change: Change | None
    trend: tuple[QualityPoint, ...]
    decline: Falling | None
    groups: tuple[GroupScore, ...]
    labels: tuple[LabelShare, ...] = ()
    since: datetime | None = None
    calls_read: int | None = None


async def read_one_score(
    connection: Connection,
    chosen: Chosen,
    before: Window,
    *,
    score: str,
    dimensions: Sequence[Dimension],
    zone: tzinfo = UTC,
) -> OneScore:
    """Read one score of the chosen calls, and of those in the window `before`.

    Rollups answer where nothing is filtered, as far as they hold the figures. All else is computed
    from at most twenty thousand newest calls of each period.
    """
    earlier = chosen._replace(window=before)
    if chosen.filter.condition is None:
        points, spread = await _trend(connection, chosen, score, zone)
        then = await _spread(connection, earlier, score)
    else:
        points, spread = await _sampled_trend(connection, chosen, score, zone)
        _, then = await _sampled_trend(connection, earlier, score, zone)
    decline = find_decline(points)
    since = decline.since if decline and chosen.window.grain != "day" else None
    parts = (earlier, chosen) if since is None else _parts(chosen, since)
    groups, calls_read = await _groups(connection, parts, score, dimensions)
    return OneScore(
        score=score,
        count=spread.held.count,
        mean=spread.held.mean if spread.held.count else None,
        percentiles=spread.percentiles,
        change=change_of_means(then.held, spread.held),
        trend=points,
        decline=decline,
        groups=compare_groups(*groups),
        labels=await read_label_shares(connection, parts, score.partition(".")[0]),
        since=since,
        calls_read=calls_read,
    )


def _parts(chosen: Chosen, since: datetime) -> tuple[Chosen, Chosen]:
    """Return the calls of a window before a moment, and those since."""
    window, moment = chosen.window, since.astimezone(UTC)
    return (
        chosen._replace(window=structs.replace(window, end=moment)),
        chosen._replace(window=structs.replace(window, start=moment)),
    )


async def read_groups_since(
    connection: Connection, chosen: Chosen, since: datetime, dimensions: Sequence[Dimension]
) -> tuple[GroupScore, ...]:
    """Return how the overall quality of each group changed at a moment within the period."""
    groups, _ = await _groups(connection, _parts(chosen, since), OVERALL_QUALITY, dimensions)
    return compare_groups(*groups)


async def _groups(
    connection: Connection, parts: tuple[Chosen, Chosen], score: str, dimensions: Sequence[Dimension]
) -> tuple[list[list[ScoredGroup]], int | None]:
    """Return the groups of two parts, and the number of calls read where it was not all."""
    most = (_MOST_BEFORE, _MOST_GROUPS)
    chosen = parts[1]
    if (
        chosen.filter.condition is None
        and score == OVERALL_QUALITY
        and holds(fields := tuple(one.field for one in dimensions))
        and (fields == ("model",) or chosen.window.grain != "minute")
    ):
        pairs = zip(parts, most, strict=True)
        return [await _rolled_groups(connection, one, score, fields, limit) for one, limit in pairs], None
    samples = [await take_sample(connection, one, MOST_SCORED) for one in parts]
    groups = [
        await read_score_groups(connection, sample, score, dimensions, most=limit)
        for sample, limit in zip(samples, most, strict=True)
    ]
    return groups, max((one.read for one in samples if one.read), default=None)


def compare_groups(before: Sequence[ScoredGroup], now: Sequence[ScoredGroup]) -> tuple[GroupScore, ...]:
    """Return how each group of the present changed; those that surely fell most come first.

    Then come groups that cannot be compared, the lowest mean first.
    """
    earlier = {one.values: one.scored for one in before}
    found = [
        GroupScore(
            values=one.values,
            records=one.records,
            count=one.scored.count,
            mean=one.scored.mean if one.scored.count else None,
            change=change_of_means(earlier.get(one.values, _NOTHING), one.scored, len(now)),
            assessed=one.assessed,
            flagged=one.unsafe,
        )
        for one in now
    ]
    return tuple(sorted(found, key=_worst_first))


def _worst_first(group: GroupScore) -> tuple[bool, float, float, list[str]]:
    change = group.change
    mean = 2.0 if group.mean is None else group.mean
    return (change is None, change.high if change else 0.0, mean, [one or "" for one in group.values])


class _Spread(msgspec.Struct, frozen=True):
    held: Moments
    percentiles: tuple[float | None, ...]


async def _trend(
    connection: Connection, chosen: Chosen, score: str, zone: tzinfo
) -> tuple[tuple[QualityPoint, ...], _Spread]:
    calendar = Calendar(connection, chosen.project_id, chosen.window, chosen.source, zone)
    means = (await calendar.measures([score])).get(score, {})
    spreads = await calendar.histograms(score)
    starts = calendar.starts()
    found = percentiles_of([spreads.get(at, Histogram()) for at in starts], PERCENTILES)
    points = tuple(
        _point(at, means.get(at, Measure()).count, means.get(at, Measure()).average, spread)
        for at, spread in zip(starts, found, strict=True)
    )
    return points, await _spread(connection, chosen, score)


async def _spread(connection: Connection, chosen: Chosen, score: str) -> _Spread:
    """Return the exact mean of a score, and its spread from a histogram."""
    of = (connection, chosen.project_id, chosen.window)
    histogram = (await read_histograms(*of, [score], chosen.source)).get(score, Histogram())
    measure = (await read_measures(*of, chosen.source)).get(score)
    count, mean, variance = moments(histogram.buckets, histogram.counts)
    exact = mean if measure is None or measure.average is None else measure.average
    return _Spread(Moments(count, exact, variance), tuple(histogram.percentiles(PERCENTILES)))


async def _sampled_trend(
    connection: Connection, chosen: Chosen, score: str, zone: tzinfo
) -> tuple[tuple[QualityPoint, ...], _Spread]:
    sample = await take_sample(connection, chosen, MOST_SCORED)
    buckets = buckets_of(chosen.window, zone)
    found = await read_score_trend(connection, sample, score, PERCENTILES, buckets)
    unknown = (0, None, 0.0, (None,) * len(PERCENTILES))
    points = []
    for at in buckets.starts:
        number, mean, _, quantiles = found.get(at, unknown)
        points.append(_point(at, number, mean, quantiles))
    number, mean, variance, quantiles = found.get(None, unknown)
    return tuple(points), _Spread(Moments(number, mean or 0.0, variance), tuple(quantiles))


def _point(at: datetime, count: int, mean: float | None, quantiles: Sequence[float | None]) -> QualityPoint:
    p10, p50, p90 = quantiles
    return QualityPoint(bucket=at, count=count, average_quality=mean, p10=p10, p50=p50, p90=p90)


async def _rolled_groups(
    connection: Connection, chosen: Chosen, score: str, fields: tuple[str, ...], most: int
) -> list[ScoredGroup]:
    """Return groups with exact means. Only models have a spread of their own in rollups.

    For all other fields, values are taken to spread within a group as they do over all calls.
    """
    of = (connection, chosen.project_id, chosen.window)
    found = await read_groups(*of, fields, chosen.source, order="requests", most=most)
    variances: Mapping[str | None, float] = {}
    everywhere = (await _spread(connection, chosen, score)).held.variance
    if fields == ("model",):
        names = [value for one in found.groups if (value := one.values[0]) is not None]
        spreads = await read_model_histograms(*of, names, [score], chosen.source)
        variances = {
            name: moments(held[score].buckets, held[score].counts)[2]
            for name, held in spreads.items()
            if score in held
        }
    return [_rolled(one, variances.get(one.values[0], everywhere)) for one in found.groups]


def _rolled(group: Grouped, variance: float) -> ScoredGroup:
    counts = group.counts
    return ScoredGroup(
        values=group.values,
        records=counts.records,
        assessed=counts.assessed,
        unsafe=counts.unsafe,
        scored=Moments(counts.quality_count, counts.average_quality or 0.0, variance),
    )
