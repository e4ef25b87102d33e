"""What a rule finds at a moment: its window, read from the figures, as an observation."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from app.alerting.tallying import (
    HOUR_SECONDS,
    MINUTE_SECONDS,
    UNGROUPED,
    choose_groups,
    floor_to,
    read_tallies,
)
from app.storage.engine import Connection
from app.storage.rollups.series import read_first_bucket
from monitoring.alerting.baselines import compare, hour_of
from monitoring.alerting.changes import read_change
from monitoring.alerting.rules import Rule
from monitoring.alerting.shifts import Shifts
from monitoring.alerting.states import AlertState, Observation, Reading
from monitoring.alerting.tallies import Tally, add_up

__all__ = ["read_observation", "window_of_rule"]

_WEEK, _HOUR = timedelta(weeks=1), timedelta(hours=1)
# Minutes are kept for three hours (app.storage.rollups.covering).
_MINUTES_KEPT = timedelta(hours=3)
_KEPT_BY_MINUTE = ("model", None)


def window_of_rule(rule: Rule, at: datetime, now: datetime) -> tuple[datetime, datetime, int]:
    """Return the window that ends at `at`, and the length of its buckets in seconds.

    Figures that are kept by the hour, or older than minutes are kept, begin with a whole hour. A
    sum of such figures is of whole hours only, so that it is not of more time than the window.
    """
    end = floor_to(at, MINUTE_SECONDS)
    start = end - rule.window
    dimension = rule.group_by or (rule.filter and rule.filter.dimension)
    if dimension in _KEPT_BY_MINUTE and start >= now - _MINUTES_KEPT:
        return start, end, MINUTE_SECONDS
    if rule.aggregation == "sum":
        end = floor_to(end, HOUR_SECONDS)
        return end - max(rule.window, _HOUR), end, HOUR_SECONDS
    return floor_to(start, HOUR_SECONDS), end, HOUR_SECONDS


async def read_observation(
    connection: Connection, project_id: str, rule: Rule, state: AlertState, at: datetime, now: datetime
) -> Observation:
    """Return what the rule finds in the window that ends at `at`. Both moments are aware UTC."""
    start, end, grain = window_of_rule(rule, at, now)
    span = start, end
    firing = [name for name, group in state.groups.items() if group.level is not None]
    values = await choose_groups(connection, project_id, rule, span, firing)
    buckets = await read_tallies(connection, project_id, rule, values, span, grain)
    tallies = {name: add_up(found.values()) for name, found in buckets.items()}
    if not rule.group_by:
        tallies.setdefault(UNGROUPED, Tally())
    past, first = await _read_past(connection, project_id, rule, values, span)
    if rule.compare == "change":
        return Observation(at, await asyncio.to_thread(_compare_all, rule, tallies, span, past))
    return Observation(
        at,
        {
            name: Reading(compare(rule, tally, span, past.get(name, {}), first), tally.n)
            for name, tally in tallies.items()
        },
    )


def _compare_all(
    rule: Rule,
    tallies: Mapping[str, Tally],
    span: tuple[datetime, datetime],
    past: Mapping[str, Mapping[datetime, Tally]],
) -> dict[str, Reading]:
    return {
        name: read_change(rule, Shifts(rule, past.get(name, {}), tally.bins), tally, span)
        for name, tally in tallies.items()
    }


async def _read_past(
    connection: Connection,
    project_id: str,
    rule: Rule,
    values: tuple[str, ...] | None,
    span: tuple[datetime, datetime],
) -> tuple[Mapping[str, Mapping[datetime, Tally]], datetime | None]:
    """Return the hours that the window is compared with, and the moment of the first record."""
    if rule.compare == "value":
        return {}, None
    first = await read_first_bucket(connection, project_id)
    begin = hour_of(span[0])
    if rule.compare != "ratio":
        spans = [(begin - rule.past, begin)]
    else:
        until = hour_of(span[1] - timedelta(microseconds=1)) + _HOUR
        spans = [(begin - week * _WEEK, until - week * _WEEK) for week in range(1, rule.weeks + 1)]
    past: dict[str, dict[datetime, Tally]] = {}
    for one in spans:
        found = await read_tallies(connection, project_id, rule, values, one, HOUR_SECONDS)
        for name, hours in found.items():
            past.setdefault(name, {}).update(hours)
    return past, first
