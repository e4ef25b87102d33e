from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.statistics.trends import (
    MONTH,
    detect_decline,
    floor_time,
    parse_period,
    project_month,
    window_between,
    window_of,
)

NOW = datetime(2026, 11, 23, 14, 37, 12, 345678, tzinfo=UTC)
YEARS: dict[str, Any] = {
    "min_value": datetime(2021, 1, 1),  # noqa: DTZ001 hypothesis adds the zone
    "max_value": datetime(2035, 1, 1),  # noqa: DTZ001 hypothesis adds the zone
}


@pytest.mark.parametrize(
    ("period", "length"),
    [
        ("1m", timedelta(minutes=1)),
        ("15m", timedelta(minutes=15)),
        ("1h", timedelta(hours=1)),
        ("24h", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
        ("30d", timedelta(days=30)),
        ("90d", timedelta(days=90)),
        ("2w", timedelta(weeks=2)),
        ("3660d", timedelta(days=3660)),
    ],
)
def test_periods_are_a_number_and_a_unit(period: str, length: timedelta) -> None:
    assert parse_period(period) == length


@pytest.mark.parametrize(
    "period",
    [
        *("", "h", "24", "0h", "00d", "01h", "-1h", "+1h", "1.5h", "24H", " 24h", "24h ", "24 h", "1y"),
        *("1month", "²h", "٣h", "3661d", "99999999999999999999d", "1h30m", "24h\n", "all"),
        "9" * 10_000 + "h",
    ],
)
def test_anything_else_is_refused_and_says_what_is_offered(period: str) -> None:
    with pytest.raises(ValueError, match="15m, 24h, 7d"):
        parse_period(period)


@pytest.mark.parametrize(
    ("period", "grain", "start"),
    [
        ("15m", "minute", datetime(2026, 11, 23, 14, 22, tzinfo=UTC)),
        ("3h", "minute", datetime(2026, 11, 23, 11, 37, tzinfo=UTC)),
        ("181m", "hour", datetime(2026, 11, 23, 11, tzinfo=UTC)),
        ("24h", "hour", datetime(2026, 11, 22, 14, tzinfo=UTC)),
        ("7d", "hour", datetime(2026, 11, 16, 14, tzinfo=UTC)),
        ("8d", "day", datetime(2026, 11, 15, tzinfo=UTC)),
        ("90d", "day", datetime(2026, 8, 25, tzinfo=UTC)),
    ],
)
def test_a_window_starts_at_a_whole_bucket_of_its_grain(period: str, grain: str, start: datetime) -> None:
    window = window_of(period, NOW)
    assert (window.grain, window.start, window.now, window.period) == (grain, start, NOW, period)
    assert window.start <= NOW < window.end
    assert window.end - window.bucket <= NOW


@given(
    st.datetimes(timezones=st.just(UTC), **YEARS),
    st.integers(1, 2000),
    st.sampled_from("mhd"),
)
def test_a_window_is_whole_buckets_that_cover_the_period(now: Any, number: Any, unit: Any) -> None:
    window = window_of(f"{number}{unit}", now)
    starts = list(window.bucket_starts())
    assert starts[0] == window.start
    assert starts[-1] <= now < starts[-1] + window.bucket == window.end
    assert all(start == floor_time(start, window.grain) for start in starts)
    length = parse_period(f"{number}{unit}")
    assert length <= now - window.start < length + window.bucket


def test_other_time_zones_are_the_same_moment() -> None:
    local = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert window_of("30d", local) == window_of("30d", NOW)
    assert window_of("30d", local).start.tzinfo is UTC


@pytest.mark.parametrize("period", ["15m", "24h", "7d", "30d"])
def test_a_steady_rate_projects_to_the_same_month_whatever_the_window(period: str) -> None:
    window = window_of(period, NOW)
    spent_per_second = Decimal("0.001")
    total = spent_per_second * Decimal(window.observed(None).total_seconds())
    month = project_month(total, window, None)
    assert month == pytest.approx(spent_per_second * Decimal(MONTH.total_seconds()))


def test_a_young_project_is_judged_by_the_time_it_was_watched() -> None:
    window = window_of("30d", NOW)
    month = project_month(Decimal(7), window, NOW - timedelta(days=7))
    assert month == pytest.approx(Decimal(365.25 / 12))
    assert project_month(Decimal(7), window, NOW - timedelta(days=400)) == project_month(
        Decimal(7), window, None
    )


@pytest.mark.parametrize(
    ("total", "since"),
    [
        (None, None),
        (Decimal(1), NOW),
        (Decimal(1), NOW - timedelta(minutes=59)),
        (Decimal(1), NOW + MONTH),
    ],
)
def test_what_is_unknown_or_too_short_projects_to_nothing(
    total: Decimal | None, since: datetime | None
) -> None:
    assert project_month(total, window_of("24h", NOW), since) is None


def test_no_spending_projects_to_no_spending() -> None:
    assert project_month(Decimal(0), window_of("24h", NOW), None) == 0


def test_a_falling_score_is_a_decline() -> None:
    decline = detect_decline([0.9 - 0.02 * i for i in range(12)], [10] * 12)
    assert decline is not None
    assert decline.after < decline.before - 0.1
    assert decline.z < -2.326


def test_a_slow_fall_is_told_by_the_first_and_the_last_third() -> None:
    # The sudden falls within it go up again.
    falling = [0.9 - 0.01 * (i // 2) + (0.06 if i % 2 else 0) for i in range(24)]
    decline = detect_decline(falling, [10] * 24)
    assert decline is not None
    assert decline.since is None
    assert (decline.before, decline.after) == (pytest.approx(0.915), pytest.approx(0.835))


@pytest.mark.parametrize("hours", [3, 4, 5, 8, 12])
def test_a_fall_at_one_moment_is_found_soon_and_dated(hours: int) -> None:
    # Quality was .73 and fell to .68 at one moment, because one template cut its answers.
    noise = np.random.default_rng(hours).normal(0, 0.008, 24)
    averages = [(0.73 if i < 24 - hours else 0.68) + float(noise[i]) for i in range(24)]
    decline = detect_decline(averages, [2000] * 24)
    assert decline is not None
    assert decline.since == 24 - hours
    assert decline.before - decline.after == pytest.approx(0.05, abs=0.01)


def test_buckets_without_values_do_not_move_the_moment() -> None:
    averages = [0.73, None, *[0.73, 0.74] * 5, None, *[0.68, 0.67] * 3]
    decline = detect_decline(averages, [50 if one else 0 for one in averages])
    assert decline is not None
    assert decline.since == 13


@pytest.mark.parametrize("spread", ["even", "uneven"])
def test_noise_is_no_decline(spread: str) -> None:
    random = np.random.default_rng(5)
    found = 0
    for _ in range(200):
        counts = random.integers(20, 40, 24) if spread == "even" else random.geometric(0.01, 24)
        averages = 0.7 + random.normal(0, 0.2, 24) / np.sqrt(counts)
        found += detect_decline(averages.tolist(), counts.tolist()) is not None
    assert found <= 6  # two tests at 1 % are wrong in at most 2 % of all series


@pytest.mark.parametrize(
    "averages",
    [
        [0.8] * 24,
        [0.7 + 0.01 * i for i in range(24)],
        [0.8, 0.81] * 12,
        [0.8] * 23 + [0.1],
        [0.8] * 60 + [0.1],
        [0.8, 0.79] * 20 + [0.1] + [0.8, 0.79] * 5,
        [0.9 - 0.0005 * i for i in range(24)],
        [0.9, 0.7, 0.5, 0.3, 0.1],
        [None] * 20 + [0.9, 0.1],
        [],
    ],
    ids=[
        "flat",
        "rising",
        "wobble",
        "one bad bucket",
        "one of many",
        "one in the middle",
        "too small",
        "too few",
        "mostly empty",
        "none",
    ],
)
def test_what_does_not_fall_is_no_decline(averages: list[Any]) -> None:
    assert detect_decline(averages, [5] * len(averages)) is None


def test_empty_buckets_do_not_hide_a_decline() -> None:
    falling = [x for i in range(12) for x in (0.9 - 0.02 * i, None)]
    assert detect_decline(falling, [3, 0] * 12) is not None


@pytest.mark.parametrize(
    ("start", "end", "grain", "first", "last"),
    [
        ("2026-11-30T11:00:30", "2026-11-30T11:10:00", "minute", "2026-11-30T11:00", "2026-11-30T11:10"),
        ("2026-11-30T11:00:30", "2026-11-30T13:00:00", "minute", "2026-11-30T11:00", "2026-11-30T12:00"),
        # Minutes are kept for three hours.
        ("2026-11-30T08:59:59", "2026-11-30T09:10:00", "hour", "2026-11-30T08:00", "2026-11-30T10:00"),
        ("2026-11-24T00:00:00", "2026-11-30T00:00:00", "hour", "2026-11-24T00:00", "2026-11-30T00:00"),
        ("2026-11-15T00:00:00", "2026-11-15T01:00:00", "day", "2026-11-15T00:00", "2026-11-16T00:00"),
        ("2026-10-01T00:00:00", "2026-11-30T00:00:00", "day", "2026-10-01T00:00", "2026-11-30T00:00"),
    ],
)
def test_a_window_between_two_moments_holds_both(
    start: str, end: str, grain: str, first: str, last: str
) -> None:
    window = window_between(moment(start), moment(end), moment("2026-11-30T12:00:00"))
    assert (window.grain, window.start, window.end) == (grain, moment(first), moment(last))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-30T10:00:00", "2026-11-30T10:00:00"),
        ("2026-11-30T10:00:00", "2026-11-30T09:00:00"),
        ("2026-11-30T13:00:00", "2026-11-30T14:00:00"),
        ("2000-01-01T00:00:00", "2026-11-30T00:00:00"),
    ],
)
def test_some_moments_are_no_period(start: str, end: str) -> None:
    with pytest.raises(ValueError, match="period"):
        window_between(moment(start), moment(end), moment("2026-11-30T12:00:00"))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
