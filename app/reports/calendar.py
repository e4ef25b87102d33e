"""The series of reports: by the buckets of a window, or by the days of a time zone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import TypeVar

import msgspec

from app.figures.measures import Counts, Histogram, Measure
from app.storage.engine import Connection
from app.storage.rollups.reading import read_measure_trends, read_trend, read_trend_histograms
from monitoring.statistics.trends import Window
from monitoring.statistics.zones import buckets_of, join_local_days

__all__ = ["Calendar"]

T = TypeVar("T")


class Calendar(msgspec.Struct, frozen=True):
    """Reads the series of one window of a project, whose buckets begin in the time zone `zone`.

    Only days differ between zones: in a window of minutes or hours, buckets are the same moments in
    every zone, and only shown in it. The sum over all buckets is that of the window in any zone.
    """

    connection: Connection
    project_id: str
    window: Window
    source: str = "live"
    zone: tzinfo = UTC

    def starts(self) -> list[datetime]:
        """Return the start of every bucket in order, also of those without values."""
        return list(buckets_of(self.window, self.zone).starts)

    async def trend(self) -> dict[datetime, Counts]:
        """Return the counts of every bucket that has records."""
        found = await read_trend(self.connection, self.project_id, self.window, self.source)
        if not self._has_days:
            return self._shown(found)
        hours = await read_trend(self.connection, self.project_id, self._hourly, self.source)
        return await self._joined(hours, found, _add_counts, _negate_counts)

    async def histograms(self, measure: str) -> dict[datetime, Histogram]:
        """Return the histogram of one measure for every bucket that has values of it."""
        found = await self._histograms(measure, self.window)
        if not self._has_days:
            return self._shown(found)
        hours = await self._histograms(measure, self._hourly)
        joined = await self._joined(hours, found, _add_histograms, _negate_histogram)
        return {day: _settled(histogram) for day, histogram in joined.items()}

    async def measures(self, names: Sequence[str]) -> dict[str, dict[datetime, Measure]]:
        """Return the wanted measures by name and by the start of the bucket."""
        if not names:
            return {}
        found = await self._measures(names, self.window)
        if not self._has_days:
            return {name: self._shown(series) for name, series in found.items()}
        hours = await self._measures(names, self._hourly)
        joined = {
            name: await self._joined(hours.get(name, {}), series, _add_measures, _negate_measure)
            for name, series in found.items()
        }
        # A day from which all values were moved to its neighbour has none.
        return {name: {day: one for day, one in days.items() if one.count} for name, days in joined.items()}

    @property
    def _has_days(self) -> bool:
        return self.window.grain == "day" and self.zone is not UTC

    @property
    def _hourly(self) -> Window:
        return msgspec.structs.replace(self.window, grain="hour")

    async def _histograms(self, measure: str, window: Window) -> dict[datetime, Histogram]:
        return await read_trend_histograms(self.connection, self.project_id, window, measure, self.source)

    async def _measures(self, names: Sequence[str], window: Window) -> dict[str, dict[datetime, Measure]]:
        return await read_measure_trends(self.connection, self.project_id, window, names, self.source)

    def _shown(self, series: Mapping[datetime, T]) -> dict[datetime, T]:
        return {at.astimezone(self.zone): value for at, value in series.items()}

    async def _joined(
        self,
        hours: Mapping[datetime, T],
        days: Mapping[datetime, T],
        add: Callable[[T, T], T],
        negate: Callable[[T], T],
    ) -> dict[datetime, T]:
        # Ten years have 88,000 hours.
        return await asyncio.to_thread(join_local_days, hours, days, self.zone, add, negate)


def _add_counts(one: Counts, other: Counts) -> Counts:
    return Counts(**{name: getattr(one, name) + getattr(other, name) for name in Counts.__struct_fields__})


def _negate_counts(counts: Counts) -> Counts:
    return Counts(**{name: -getattr(counts, name) for name in Counts.__struct_fields__})


def _add_measures(one: Measure, other: Measure) -> Measure:
    return Measure(one.count + other.count, one.total + other.total, one.hits + other.hits)


def _negate_measure(measure: Measure) -> Measure:
    return Measure(-measure.count, -measure.total, -measure.hits)


def _add_histograms(one: Histogram, other: Histogram) -> Histogram:
    return Histogram(one.buckets + other.buckets, one.counts + other.counts)


def _settled(histogram: Histogram) -> Histogram:
    """Return a histogram without the values that were taken from another day than they were in."""
    held: dict[int, int] = {}
    for bucket, count in zip(histogram.buckets, histogram.counts, strict=True):
        held[bucket] = held.get(bucket, 0) + count
    kept = {bucket: count for bucket, count in held.items() if count > 0}
    return Histogram(tuple(kept), tuple(kept.values()))


def _negate_histogram(histogram: Histogram) -> Histogram:
    return Histogram(histogram.buckets, tuple(-count for count in histogram.counts))
