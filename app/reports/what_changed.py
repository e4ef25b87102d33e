"""What changed against the period before: in all, and by model, template and tag."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

from app.figures.measures import Counts, Histogram
from app.figures.observation import OTHER
from app.filters.grouping import parse_group_by
from app.reports.breakdown import GroupFigures as Totals
from app.reports.breakdown import read_breakdown
from app.storage.engine import Connection
from app.storage.rollups.breakdown import read_groups
from app.storage.rollups.model_reading import read_model_histograms
from app.storage.rollups.reading import read_histograms
from app.storage.traces.reading import read_begin
from app.storage.traces.sampling import Chosen
from monitoring.statistics.changes import Change, change_of_means, change_of_shares
from monitoring.statistics.group_changes import GroupChange, GroupFigures, find_group_changes
from monitoring.statistics.histogram import moments
from monitoring.statistics.intervals import Moments
from monitoring.statistics.trends import Window

__all__ = ["WhatChanged", "read_what_changed"]

_FIELDS: Final = ("model", "template", "tag")
_MOST_GROUPS: Final = 100
_MEASURES: Final = ("overall_quality", "cost_usd", "response_time_ms")
_NOTHING: Final = Histogram()


class WhatChanged(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of a period against those of the period before.

    `requests` and `cost` are rates: 1.0 is as many calls, or dollars, in the same time as before.
    They are None where nothing is known of the period before, or less than a tenth of it was
    observed. `groups` is empty for filtered calls.
    """

    requests: float | None = None
    cost: float | None = None
    quality: Change | None = None
    violations: Change | None = None
    groups: tuple[GroupChange, ...] = ()


async def read_what_changed(connection: Connection, chosen: Chosen, before: Window) -> WhatChanged:
    """Compare the chosen calls with those of the window `before`, as `read_one_score` does."""
    earlier = chosen._replace(window=before)
    old, new = await _total(connection, earlier), await _total(connection, chosen)
    if old is None or new is None or not old.requests:
        return WhatChanged()
    since = await read_begin(connection, chosen.project_id, chosen.source)
    lengths = before.end - max(before.start, since or before.start), chosen.window.observed(since)
    found = WhatChanged(
        requests=_rate(old.requests, new.requests, lengths, before),
        cost=_rate(float(old.total_cost_usd or 0), float(new.total_cost_usd or 0), lengths, before),
        violations=change_of_shares((old.violations, old.assessed), (new.violations, new.assessed)),
    )
    if chosen.filter.condition is not None:
        return found
    then, now = await _spreads(connection, earlier), await _spreads(connection, chosen)
    groups = await _groups(connection, earlier, then), await _groups(connection, chosen, now)
    return msgspec.structs.replace(
        found,
        quality=change_of_means(then["overall_quality"], now["overall_quality"]),
        groups=tuple(find_group_changes(groups[0], groups[1], (old.requests, new.requests))),
    )


async def _total(connection: Connection, chosen: Chosen) -> Totals | None:
    found = await read_breakdown(connection, chosen, parse_group_by(["model"]), order="requests", top=1)
    return found.total if found else None


def _rate(old: float, new: float, lengths: tuple[timedelta, timedelta], before: Window) -> float | None:
    length, whole = lengths[0], before.end - before.start
    if not old or not lengths[1] or length < whole / 10:
        return None
    return (new / lengths[1].total_seconds()) / (old / length.total_seconds())


async def _spreads(connection: Connection, chosen: Chosen) -> dict[str, Moments]:
    of = (connection, chosen.project_id, chosen.window)
    found = await read_histograms(*of, _MEASURES, chosen.source)
    return {name: _moments(found.get(name, _NOTHING)) for name in _MEASURES}


def _moments(histogram: Histogram) -> Moments:
    return Moments(*moments(histogram.buckets, histogram.counts))


async def _groups(connection: Connection, chosen: Chosen, spreads: dict[str, Moments]) -> list[GroupFigures]:
    """Return the largest groups. Names beyond the number that is kept apart are left out."""
    of = (connection, chosen.project_id, chosen.window)
    found: list[GroupFigures] = []
    for field in _FIELDS:
        # Templates and tags are kept by the hour, so both periods would count the same calls.
        if field != "model" and chosen.window.grain == "minute":
            continue
        groups = await read_groups(*of, (field,), chosen.source, order="requests", most=_MOST_GROUPS)
        named = {one.values[0]: one.counts for one in groups.groups if one.values[0] != OTHER}
        if field == "model":
            names = [name for name in named if name is not None]
            own = await read_model_histograms(*of, names, _MEASURES, chosen.source)
            found += [_model(name, named[name], own.get(name, {})) for name in names]
        else:
            found += [_named(field, name, counts, spreads) for name, counts in named.items()]
    return found


def _model(name: str, counts: Counts, own: dict[str, Histogram]) -> GroupFigures:
    quality, cost, latency = (_moments(own.get(one, _NOTHING)) for one in _MEASURES)
    return GroupFigures(
        field="model", value=name, records=counts.records, quality=quality, cost=cost, latency=latency
    )


def _named(field: str, name: str | None, counts: Counts, spreads: dict[str, Moments]) -> GroupFigures:
    """Return a group of which only sums are known.

    Its qualities are taken to spread as those of all calls do, and its costs too in proportion to
    their mean. Groups are more alike than all calls, so this is careful.
    """
    mean, everywhere = float(counts.average_cost or 0), spreads["cost_usd"]
    relative = everywhere.variance / everywhere.mean**2 if everywhere.mean > 0 else 0.0
    return GroupFigures(
        field=field,
        value=name,
        records=counts.records,
        quality=Moments(
            counts.quality_count, counts.average_quality or 0.0, spreads["overall_quality"].variance
        ),
        cost=Moments(counts.priced, mean, relative * mean**2),
    )
