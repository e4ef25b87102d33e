"""The projection beside the mean per day, on hours that are made up but realistic."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from monitoring.spending.projection import Floats, backtest, forecast, project, slots_of

HOUR = timedelta(hours=1)
MONDAY = datetime(2026, 8, 3, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
SEEDS = range(5)


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Return a function that prints a line although pytest captures output."""

    def show(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return show


def stream(seed: int, days: int = 98) -> Floats:
    """Return the cost of each hour of an application for office hours in Berlin, whose use grows.

    There are quiet nights and weekends, days that are better or worse, calls of very different
    size, a holiday, and three hours of a runaway job.
    """
    draw = np.random.default_rng(seed)
    slots = slots_of(MONDAY, days * 24, BERLIN)
    weekday = np.array([1.0, 1.05, 1.05, 1.0, 0.9, 0.35, 0.25])[slots // 24]
    hour = np.exp(-(((slots % 24 - 14) / 4.5) ** 2)) + 0.08
    growth = 1.004 ** (np.arange(slots.size) // 24)
    luck = np.repeat(np.exp(draw.normal(0, 0.12, days)), 24)
    calls = draw.poisson(100 * weekday * hour * growth * luck)
    costs = np.array([draw.lognormal(-5, 1.2, count).sum() for count in calls])
    costs[30 * 24 : 31 * 24] *= 0.3
    costs[45 * 24 + 10 : 45 * 24 + 13] *= 4
    return costs


@pytest.mark.parametrize(
    ("horizon_days", "least"),
    [(1, 0.45), (3, 0.6), (7, 0.8)],
)
def test_it_errs_less_than_the_mean_per_day(
    horizon_days: int, least: float, report: Callable[[str], None]
) -> None:
    """`least` is the greatest share of the trivial projection's error that is let pass."""
    found = []
    for seed in SEEDS:
        costs = stream(seed)
        tried = backtest(costs, slots_of(MONDAY, costs.size, BERLIN), horizon_days)
        assert tried is not None
        found.append((tried.error, tried.mean_per_day_error))
    ours, trivial = np.mean(found, axis=0).tolist()
    report(f"cost of the next {horizon_days} days: off by {ours:.1%}, the mean per day by {trivial:.1%}")
    assert ours < least * trivial


def test_months_are_projected_at_any_moment_within_them(report: Callable[[str], None]) -> None:
    ours, trivial, inside = [], [], []
    for seed in SEEDS:
        costs = stream(seed)
        hours = {MONDAY + n * HOUR: Decimal(str(round(cost, 10))) for n, cost in enumerate(costs)}
        begin, end = datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC)
        month = sum(cost for at, cost in hours.items() if begin <= at < end)
        for day in range(2, 29, 2):
            now = begin + timedelta(days=day, hours=11)
            past = {at: cost for at, cost in hours.items() if at < now}
            found = project(past, MONDAY, now, BERLIN)
            assert found is not None
            assert found.low is not None
            assert found.high is not None
            spent = sum(cost for at, cost in past.items() if at >= begin)
            mean = spent / Decimal((now - begin) / HOUR) * Decimal((end - begin) / HOUR)
            ours.append(abs(found.expected - month) / month)
            trivial.append(abs(mean - month) / month)
            inside.append(found.low <= month <= found.high)
    errors = [float(sum(errors) / len(errors)) for errors in (ours, trivial)]
    share = sum(inside) / len(inside)
    report(
        f"cost of a month: off by {errors[0]:.1%}, the mean per day of the month so far by {errors[1]:.1%}; "
        f"{share:.0%} of months lie in their bounds"
    )
    assert errors[0] < 0.8 * errors[1]
    assert share >= 0.6


def test_a_weekend_is_known_from_one_weekend() -> None:
    costs = np.where(slots_of(MONDAY, 14 * 24, UTC) // 24 < 5, 1.0, 0.0)
    coming = slots_of(MONDAY + timedelta(days=14), 7 * 24, UTC)
    found = forecast(costs, slots_of(MONDAY, costs.size, UTC), coming)
    assert found[:120].sum() == pytest.approx(120, rel=0.1)
    assert found[120:].sum() == pytest.approx(0, abs=1)


@pytest.mark.parametrize(
    ("zone", "now", "spent", "month_hours"),
    [
        (UTC, datetime(2026, 10, 11, 12, tzinfo=UTC), 252, 744),
        (BERLIN, datetime(2026, 10, 11, 12, tzinfo=UTC), 254, 745),  # summer ends on 25 October
        (ZoneInfo("America/New_York"), datetime(2026, 10, 11, 12, tzinfo=UTC), 248, 744),
        (UTC, datetime(2026, 12, 31, 23, tzinfo=UTC), 743, 744),
    ],
)
def test_a_steady_dollar_an_hour_makes_the_month_of_the_zone(
    zone: ZoneInfo, now: datetime, spent: int, month_hours: int
) -> None:
    begin = now - timedelta(days=60)
    hours = {begin + n * HOUR: Decimal(1) for n in range(60 * 24)}
    found = project(hours, begin, now, zone)
    assert found is not None
    assert found.spent == spent
    assert float(found.expected) == pytest.approx(month_hours)
    assert float(found.next_month) == pytest.approx(731, rel=0.001)
    assert found.backtest.error == pytest.approx(0, abs=1e-9)


def test_what_is_left_of_the_current_hour_is_expected() -> None:
    now = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
    begin = now.replace(minute=0) - timedelta(days=40)
    hours = {begin + n * HOUR: Decimal(1) for n in range(40 * 24)} | {now.replace(minute=0): Decimal("0.5")}
    found = project(hours, begin, now, UTC)
    assert found is not None
    assert (float(found.spent), float(found.expected)) == (743.5, pytest.approx(744))


@pytest.mark.parametrize(
    ("days", "cost", "known"), [(14, 1, False), (16, 1, False), (22, 1, True), (60, 0, False)]
)
def test_without_enough_past_nothing_is_projected(days: int, cost: int, known: object) -> None:
    now = datetime(2026, 10, 10, tzinfo=UTC)
    begin = now - timedelta(days=days)
    hours = {begin + n * HOUR: Decimal(cost) for n in range(days * 24)}
    assert (project(hours, begin, now, UTC) is not None) is known
