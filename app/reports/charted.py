"""One chart of a board: a measure over time, with one line for each value of a field."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

import msgspec

from app.figures.charted import ChartMeasure
from app.figures.measures import Counts, Histogram, Measure
from app.filters.grouping import Dimension
from app.reports.calendar import Calendar
from app.storage.engine import Connection
from app.storage.rollups.reading import read_histograms
from app.storage.rollups.series import Series, read_bins, read_busiest, read_sums
from app.storage.traces.charted import read_lines
from app.storage.traces.sampling import MOST_SCORED, Chosen, take_sample
from monitoring.statistics.zones import Buckets, buckets_of

__all__ = ["MOST_LINES", "Charted", "Line", "read_charted"]

MOST_LINES: Final = 5
"""Lines of one chart: those of the values with most calls."""
_MOST_VALUES: Final = 1_000
_MINUTE, _HOUR = 60, 3600
# Hours of five models are read, so that their number stays small.
_LONGEST: Final = timedelta(days=92)
_MINUTES_KEPT: Final = timedelta(hours=3)
_PLAIN: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "requests": ("records", ("records",)),
    "overall_quality": ("quality_count", ("quality_sum",)),
    "violations": ("assessed", ("unsafe",)),
    "cost_usd": ("priced", ("cost_usd",)),
    "tokens": ("records", ("prompt_tokens", "completion_tokens")),
}

Point = tuple[int, float | None]
"""The number of values, and what became of them."""


class Line(msgspec.Struct, frozen=True):
    """One line: the value of the field (None without one), all calls together, and each bucket."""

    value: str | None
    whole: Point
    points: tuple[Point, ...]


class Charted(msgspec.Struct, frozen=True, kw_only=True):
    """A measure over time: the starts of the buckets, and lines with as many points.

    `groups` is the number of values of the field, of which at most MOST_LINES have a line. `read`
    is None where all calls were read, and otherwise the number of newest ones.
    """

    starts: tuple[datetime, ...]
    lines: tuple[Line, ...]
    groups: int = 1
    read: int | None = None


async def read_charted(
    connection: Connection,
    chosen: Chosen,
    measure: ChartMeasure,
    dimension: Dimension | None,
    zone: tzinfo = UTC,
) -> Charted:
    """Read one chart. Rollups answer as far as they hold the figures.

    All else is computed from at most twenty thousand newest calls.
    """
    buckets = buckets_of(chosen.window, zone)
    if chosen.filter.condition is None:
        if dimension is None:
            return await _whole(connection, chosen, measure, buckets, zone)
        if _is_rolled(chosen, measure, dimension):
            return await _rolled(connection, chosen, measure, dimension, buckets)
    sample = await take_sample(connection, chosen, MOST_SCORED)
    found = await read_lines(connection, sample, buckets, measure, dimension, most=MOST_LINES)
    size = len(buckets.starts)
    return Charted(
        starts=buckets.starts,
        lines=tuple(Line(one.value, one.whole, _filled(one.points, measure, size)) for one in found),
        groups=max((one.groups for one in found), default=0),
        read=sample.read,
    )


async def _whole(
    connection: Connection, chosen: Chosen, measure: ChartMeasure, buckets: Buckets, zone: tzinfo
) -> Charted:
    calendar = Calendar(connection, chosen.project_id, chosen.window, chosen.source, zone)
    of: list[Point]
    if measure.how == "quantile":
        spreads = await calendar.histograms(measure.of)
        of = [_quantile(measure, spreads.get(at, Histogram())) for at in buckets.starts]
        held = await read_histograms(
            connection, chosen.project_id, chosen.window, [measure.of], chosen.source
        )
        whole = _quantile(measure, held.get(measure.of, Histogram()))
    else:
        counts = await calendar.trend()
        known = (await calendar.measures([measure.of])).get(measure.of, {})
        tallies = [_tally(measure, counts.get(at), known.get(at)) for at in buckets.starts]
        of = [_became(measure, *one) for one in tallies]
        whole = _became(measure, sum(n for n, _ in tallies), sum(total for _, total in tallies))
    return Charted(starts=buckets.starts, lines=(Line(None, whole, tuple(of)),))


def _is_rolled(chosen: Chosen, measure: ChartMeasure, dimension: Dimension) -> bool:
    """Tell whether rollups hold a measure by the values of a field, in buckets of the window."""
    window = chosen.window
    if chosen.source != "live" or window.end - window.start > _LONGEST:
        return False
    if dimension.field == "model" and window.grain == "minute":
        return window.start >= window.now - _MINUTES_KEPT
    # By these fields, only counts are kept, and only by the hour.
    counted = dimension.field in {"template", "user", "tag"} and measure.of in _PLAIN
    return (dimension.field == "model" or counted) and window.grain != "minute"


async def _rolled(
    connection: Connection, chosen: Chosen, measure: ChartMeasure, dimension: Dimension, buckets: Buckets
) -> Charted:
    window = chosen.window
    series = Series(
        dimension=dimension.field,
        start=window.start,
        end=window.end,
        grain=_MINUTE if window.grain == "minute" else _HOUR,
        measure=measure.of,
    )
    busiest = await read_busiest(connection, chosen.project_id, series, most=_MOST_VALUES)
    shown = tuple(busiest[:MOST_LINES])
    series = msgspec.structs.replace(series, values=shown)
    if measure.how == "quantile":
        bins = await read_bins(connection, chosen.project_id, series)
        found = await asyncio.to_thread(_quantile_points, measure, bins, buckets)
    else:
        sums = await read_sums(connection, chosen.project_id, series)
        tallies = {key: _tally(measure, one.counts, one.measure) for key, one in sums.items()}
        found = _sum_points(measure, tallies, buckets)
    lines = [Line(value or None, *found.get(value, _empty(measure, buckets))) for value in shown]
    return Charted(starts=buckets.starts, lines=tuple(lines), groups=len(busiest))


def _empty(measure: ChartMeasure, buckets: Buckets) -> tuple[Point, tuple[Point, ...]]:
    return (0, None), _filled({}, measure, len(buckets.starts))


def _filled(points: Mapping[int, Point], measure: ChartMeasure, size: int) -> tuple[Point, ...]:
    nothing: Point = (0, 0.0 if measure.how == "sum" else None)
    return tuple(points.get(number, nothing) for number in range(size))


def _sum_points(
    measure: ChartMeasure, tallies: Mapping[tuple[str, datetime], tuple[int, float]], buckets: Buckets
) -> dict[str, tuple[Point, tuple[Point, ...]]]:
    parts: dict[str, dict[int, tuple[int, float]]] = {}
    for (value, at), (number, total) in tallies.items():
        of_value = parts.setdefault(value, {})
        place = _place(buckets, at)
        known = of_value.get(place, (0, 0.0))
        of_value[place] = known[0] + number, known[1] + total
    found = {}
    for value, held in parts.items():
        points = {place: _became(measure, *one) for place, one in held.items()}
        whole = _became(measure, sum(n for n, _ in held.values()), sum(total for _, total in held.values()))
        found[value] = whole, _filled(points, measure, len(buckets.starts))
    return found


def _quantile_points(
    measure: ChartMeasure, bins: Mapping[tuple[str, datetime], Mapping[int | str, int]], buckets: Buckets
) -> dict[str, tuple[Point, tuple[Point, ...]]]:
    parts: dict[str, dict[int, Counter[int]]] = {}
    for (value, at), held in bins.items():
        spread = parts.setdefault(value, {}).setdefault(_place(buckets, at), Counter())
        for place, number in held.items():
            spread[int(place)] += number
    found = {}
    for value, spreads in parts.items():
        points = {place: _quantile(measure, _histogram([one])) for place, one in spreads.items()}
        whole = _quantile(measure, _histogram(spreads.values()))
        found[value] = whole, _filled(points, measure, len(buckets.starts))
    return found


def _histogram(spreads: Iterable[Mapping[int, int]]) -> Histogram:
    pairs = [pair for one in spreads for pair in one.items()]
    return Histogram(tuple(place for place, _ in pairs), tuple(number for _, number in pairs))


def _place(buckets: Buckets, at: datetime) -> int:
    return max(bisect_right(buckets.edges, at) - 1, 0)


def _quantile(measure: ChartMeasure, histogram: Histogram) -> Point:
    return sum(histogram.counts), histogram.percentiles([measure.quantile])[0]


def _tally(measure: ChartMeasure, counts: Counts | None, held: Measure | None) -> tuple[int, float]:
    """Return the number of values and their sum."""
    counts, held = counts or Counts(), held or Measure()
    if measure.of in _PLAIN:
        number, totals = _PLAIN[measure.of]
        return getattr(counts, number), float(sum(getattr(counts, total) for total in totals))
    if measure.of == "error":
        return counts.records, float(held.count)
    if measure.name.startswith("flag:"):
        return counts.assessed, float(held.count)
    return held.count, held.total


def _became(measure: ChartMeasure, number: int, total: float) -> Point:
    if measure.how == "sum":
        return number, total
    return number, total / number if number else None
