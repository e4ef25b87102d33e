"""What a month will cost: spending per hour of the week, carried on, and tried on its own past.

Every hour of the week has its own mean, in which recent weeks weigh more. The recent week says
whether spending has become more or less in all. The same forecast is made from earlier moments of
the history and compared with what was spent then; this gives its error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitoring.statistics.trends import MONTH

__all__ = ["HISTORY", "Backtest", "Projection", "backtest", "forecast", "project"]

HISTORY: Final = timedelta(days=70)
"""How far back hours are looked at."""

_HOUR = timedelta(hours=1)
_DAY_HOURS, _WEEK_HOURS = 24, 168
_SHORTEST_TRAINING = 2 * _WEEK_HOURS
_HALF_LIFE_HOURS = 21 * _DAY_HOURS
# A slot is held to the product of its weekday and its hour by as much as one recent value.
_HELD = 1.0
_LEVEL_BOUNDS = (0.5, 2.0)
_LONGEST_HORIZON = 7
_FEWEST_FORECASTS = 7
_SPREAD = (0.1, 0.9)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Backtest(msgspec.Struct, frozen=True):
    """How far forecasts made in the past were from what was spent then.

    Each of the `forecasts` was for the `horizon_days` after its moment. Errors are the sum of
    absolute differences as a share of what was spent. `mean_per_day_error` is that of the trivial
    projection, the mean per day so far. Four of five forecasts were between `low` and `high` times
    the forecast amount.
    """

    horizon_days: int
    forecasts: int
    error: float
    mean_per_day_error: float
    low: float
    high: float


class Projection(msgspec.Struct, frozen=True):
    """The cost of the current calendar month in a time zone, and of a month from now, in USD.

    `expected` is what was spent in the month so far and what is still expected. The ranges are as
    wide, in proportion, as past forecasts were off. `method` is the one of the two methods that
    erred less in the past.
    """

    method: Literal["weekday_and_hour", "mean_per_day"]
    spent: Decimal
    expected: Decimal
    low: Decimal | None
    high: Decimal | None
    next_month: Decimal
    next_month_low: Decimal | None
    next_month_high: Decimal | None
    history_days: int
    backtest: Backtest


def project(
    hours: Mapping[datetime, Decimal], begin: datetime, now: datetime, zone: tzinfo
) -> Projection | None:
    """Project from the cost of each UTC hour since `begin`; an hour that is missing cost nothing.

    `begin` is the first moment that was observed. Returns None with less than three weeks of
    history, because the forecast could not be tried on its own past then, or without any cost.
    """
    first, current = (
        _ceil(max(begin, now - HISTORY)),
        now.astimezone(UTC).replace(minute=0, second=0, microsecond=0),
    )
    count = max((current - first) // _HOUR, 0)
    costs = np.array([float(hours.get(first + n * _HOUR, 0)) for n in range(count)])
    month, following = _month_of(now, zone)
    rest = max(math.ceil((following - current) / _HOUR), 1)
    coming = max(rest, math.ceil(MONTH / _HOUR))
    slots = slots_of(first, count + coming, zone)
    horizon = min(max(math.ceil(rest / _DAY_HOURS), 1), _LONGEST_HORIZON)
    tried = backtest(costs, slots[:count], horizon)
    if tried is None:
        return None
    knows_week = tried.error <= tried.mean_per_day_error
    future = forecast(costs, slots[:count], slots[count:]) if knows_week else np.full(coming, costs.mean())
    future[0] *= 1 - (now - current) / _HOUR
    spent = sum((cost for at, cost in hours.items() if month <= at < following and at <= now), Decimal(0))
    left = float(future[:rest].sum())
    month_from_now = float(future[: math.ceil(MONTH / _HOUR)].sum())
    narrow = knows_week and tried.forecasts >= _FEWEST_FORECASTS
    return Projection(
        method="weekday_and_hour" if knows_week else "mean_per_day",
        spent=spent,
        expected=spent + _money(left),
        low=spent + _money(left * tried.low) if narrow else None,
        high=spent + _money(left * tried.high) if narrow else None,
        next_month=_money(month_from_now),
        next_month_low=_money(month_from_now * tried.low) if narrow else None,
        next_month_high=_money(month_from_now * tried.high) if narrow else None,
        history_days=count // _DAY_HOURS,
        backtest=tried,
    )


def forecast(costs: Floats, slots: Ints, coming: Ints) -> Floats:
    """Return the expected cost of each coming hour.

    `costs` has an element per past hour, `slots` the hour of the week (0..167) of each, and
    `coming` that of each hour to forecast.
    """
    ages = np.arange(costs.size, 0, -1)
    weights = 0.5 ** (ages / _HALF_LIFE_HOURS)
    mean = float(np.average(costs, weights=weights))
    if mean <= 0:
        return np.zeros(coming.size)
    by_hour = _means(costs, slots % _DAY_HOURS, weights, _DAY_HOURS, mean)
    by_day = _means(costs, slots // _DAY_HOURS, weights, _WEEK_HOURS // _DAY_HOURS, mean)
    prior = np.outer(by_day, by_hour).ravel() / mean
    sums = np.bincount(slots, weights * costs, _WEEK_HOURS)
    profile = (sums + _HELD * prior) / (np.bincount(slots, weights, _WEEK_HOURS) + _HELD)
    fitted = float(profile[slots[-_WEEK_HOURS:]].sum())
    recent = float(costs[-_WEEK_HOURS:].sum()) / fitted if fitted > 0 else 1.0
    # One week is half a proof of a new level.
    level = math.sqrt(min(max(recent, _LEVEL_BOUNDS[0]), _LEVEL_BOUNDS[1]))
    expected: Floats = profile[coming] * level
    return expected


def backtest(costs: Floats, slots: Ints, horizon_days: int) -> Backtest | None:
    """Forecast from each day of the past that has two weeks before it and the horizon after it.

    Returns None if there is no such day, or nothing was spent on them.
    """
    horizon = horizon_days * _DAY_HOURS
    ends = range(costs.size - horizon, _SHORTEST_TRAINING - 1, -_DAY_HOURS)
    found = []
    for end in ends:
        ours = float(forecast(costs[:end], slots[:end], slots[end : end + horizon]).sum())
        trivial = float(costs[:end].mean()) * horizon
        found.append((ours, trivial, float(costs[end : end + horizon].sum())))
    spent = sum(actual for _, _, actual in found)
    if not spent:
        return None
    factors = [actual / ours for ours, _, actual in found if ours > 0] or [1.0]
    low, high = np.quantile(factors, _SPREAD).tolist()
    return Backtest(
        horizon_days=horizon_days,
        forecasts=len(found),
        error=sum(abs(ours - actual) for ours, _, actual in found) / spent,
        mean_per_day_error=sum(abs(trivial - actual) for _, trivial, actual in found) / spent,
        low=min(low, 1.0),
        high=max(high, 1.0),
    )


def slots_of(first: datetime, count: int, zone: tzinfo) -> Ints:
    """Return the hour of the week (Monday at midnight is 0) of successive hours in a time zone."""
    found = np.empty(count, dtype=np.int64)
    for number in range(count):
        local = (first + number * _HOUR).astimezone(zone)
        found[number] = local.weekday() * _DAY_HOURS + local.hour
    return found


def _means(costs: Floats, groups: Ints, weights: Floats, size: int, otherwise: float) -> Floats:
    sums, counts = np.bincount(groups, weights * costs, size), np.bincount(groups, weights, size)
    found: Floats = np.divide(sums, counts, out=np.full(size, otherwise), where=counts > 0)
    return found


def _month_of(now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the first moments of the current month and of the next one, in UTC."""
    begin = now.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year, month = (begin.year + 1, 1) if begin.month == 12 else (begin.year, begin.month + 1)  # noqa: PLR2004 months of a year
    return begin.astimezone(UTC), begin.replace(year=year, month=month).astimezone(UTC)


def _ceil(moment: datetime) -> datetime:
    hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour if hour == moment else hour + _HOUR


def _money(amount: float) -> Decimal:
    return Decimal(str(round(amount, 10)))
