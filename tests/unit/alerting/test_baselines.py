from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from monitoring.alerting.baselines import compare
from monitoring.alerting.rules import Rule
from monitoring.alerting.tallies import Tally
from tests.unit.alerting.making import START, minutes, rule

HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)
NOW = START + 4 * WEEK
QUALITY = {
    "metric": "quality",
    "aggregation": "average",
    "direction": "below",
    "warning": -6,
    "critical": None,
}
COST = {"metric": "cost", "aggregation": "sum"}


def past(hour: Callable[[int], Tally], weeks: int = 4) -> dict[datetime, Tally]:
    """Hours of past weeks; each is told how many hours it is before now."""
    return {NOW - n * HOUR: hour(n) for n in range(1, weeks * 168 + 1)}


def compared(
    watched: Rule, tally: Tally, hours: dict[datetime, Tally], first: datetime = START
) -> float | None:
    return compare(watched, tally, (NOW, NOW + watched.window), hours, first)


@pytest.mark.parametrize(
    ("changes", "now", "ratio"),
    [
        (COST, Tally(10, 20.0), 2.0),
        (COST | {"window": minutes(30)}, Tally(5, 10.0), 2.0),
        (COST | {"window": 2 * HOUR}, Tally(20, 20.0), 1.0),
        (COST, Tally(0, 0.0), 0.0),
        ({"metric": "violations", "aggregation": "rate"}, Tally(10, 5.0), 0.5),
        ({"metric": "violations", "aggregation": "rate"}, Tally(0, 0.0), None),
    ],
)
def test_a_ratio_is_to_the_same_hours_of_past_weeks(
    changes: dict[str, Any], now: Tally, ratio: float | None
) -> None:
    hours = past(lambda n: Tally(10, 10.0) if n % 168 in {0, 167} else Tally(999, 9.0))
    assert compared(rule(compare="ratio", **changes), now, hours) == ratio


def test_weeks_before_the_first_record_are_no_zeros() -> None:
    hours = past(lambda _: Tally(10, 10.0), weeks=1)
    watched = rule(compare="ratio", **COST)
    assert compared(watched, Tally(10, 20.0), hours, first=NOW - WEEK) == 2.0
    assert compared(watched, Tally(10, 20.0), hours, first=NOW - WEEK + HOUR) is None
    assert compared(watched, Tally(10, 20.0), hours, first=START) == 8.0


def test_percentiles_are_compared_with_those_of_the_same_hours() -> None:
    watched = rule(compare="ratio", metric="latency", aggregation="p95")
    hours = past(lambda _: Tally(10, 0.0, {100: 10}))
    same = compared(watched, Tally(10, 0.0, {100: 10}), hours)
    slower = compared(watched, Tally(10, 0.0, {110: 10}), hours)
    assert same == 1.0
    assert slower is not None
    assert slower > 1.2


def noisy(spread: float, level: Callable[[int], float] = lambda _: 0.7) -> Callable[[int], Tally]:
    draw = np.random.default_rng(7)

    def hour(n: int) -> Tally:
        return Tally(1_000, 1_000 * (level(n) + float(draw.normal(0, spread))))

    return hour


@pytest.mark.parametrize(
    ("mean", "least", "most"),
    [(0.7, -3, 3), (0.68, -6, -2), (0.6, -30, -10), (0.9, 10, 60)],
)
def test_a_deviation_is_in_standard_errors_of_the_past(mean: float, least: float, most: float) -> None:
    watched = rule(compare="deviation", **QUALITY)
    found = compared(watched, Tally(1_000, 1_000 * mean), past(noisy(0.006)))
    assert found is not None
    assert least < found < most


def test_a_daily_rhythm_is_no_deviation() -> None:
    def level(n: int) -> float:
        return 0.7 + 0.2 * float(np.sin(2 * np.pi * n / 24))

    watched = rule(compare="deviation", **QUALITY)
    found = compared(watched, Tally(1_000, 1_000 * level(0)), past(noisy(0.005, level)))
    assert found is not None
    assert abs(found) < 4


def test_one_bad_day_of_the_past_hides_nothing() -> None:
    watched = rule(compare="deviation", **QUALITY)
    draw = noisy(0.005)
    hours = past(lambda n: Tally(1_000, 300.0) if 200 <= n < 212 else draw(n))
    found = compared(watched, Tally(1_000, 600.0), hours)
    assert found is not None
    assert found < -8


def test_fewer_records_deviate_less() -> None:
    watched = rule(compare="deviation", **QUALITY)
    hours = past(noisy(0.005))
    many, few = compared(watched, Tally(1_000, 650.0), hours), compared(watched, Tally(10, 6.5), hours)
    assert many is not None
    assert few is not None
    assert many < 3 * few < 0


@pytest.mark.parametrize("hits", [0, 1, 20])
def test_a_rate_that_was_always_zero_has_an_error_too(hits: int) -> None:
    watched = rule(compare="deviation")
    found = compared(watched, Tally(100, float(hits)), past(lambda _: Tally(100, 0.0)))
    assert found is not None
    assert (found > 6) is (hits > 1)


@pytest.mark.parametrize(("records", "deviates"), [(100, False), (115, False), (300, True), (0, True)])
def test_totals_deviate_by_their_ratio(records: int, *, deviates: bool) -> None:
    draw = np.random.default_rng(3)
    watched = rule(compare="deviation", metric="requests", aggregation="sum")

    def hour(_: int) -> Tally:
        count = int(draw.poisson(100))
        return Tally(count, float(count))

    found = compared(watched, Tally(records, float(records)), past(hour))
    assert found is not None
    assert (abs(found) > 6) is deviates


@pytest.mark.parametrize("weeks", [0, 1])
def test_without_two_weeks_nothing_is_known_of_a_deviation(weeks: int) -> None:
    hours = past(lambda _: Tally(100, 70.0), weeks=weeks)
    assert compared(rule(compare="deviation", **QUALITY), Tally(100, 10.0), hours) is None
