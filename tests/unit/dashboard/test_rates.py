from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dashboard.data.rates import Rate, RateMeter

START = datetime(2026, 11, 23, tzinfo=UTC)


def _at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_one_reading_is_no_rate() -> None:
    assert RateMeter().read(START, 100, 90) is None


def test_two_readings_give_the_records_per_second_between_them() -> None:
    meter = RateMeter()
    meter.read(START, 100, 90)
    assert meter.read(_at(2), 140, 100) == Rate(20, 5)


def test_readings_at_the_same_moment_divide_by_nothing() -> None:
    meter = RateMeter()
    meter.read(START, 100, 90)
    assert meter.read(START, 120, 110) is None


def test_the_rate_is_of_the_last_ten_seconds() -> None:
    meter = RateMeter()
    for second in range(21):
        meter.read(_at(second), 100 * min(second, 10), 0)
    assert meter.read(_at(20.2), 1000, 0) == Rate(0, 0)


def test_a_reading_before_a_long_pause_says_nothing_about_now() -> None:
    meter = RateMeter()
    meter.read(START, 100, 90)
    assert meter.read(_at(3600), 5000, 5000) is None


def test_counts_that_fell_belong_to_another_database() -> None:
    meter = RateMeter()
    meter.read(START, 100, 90)
    assert meter.read(_at(2), 5, 5) is None
    assert meter.read(_at(4), 9, 5) == Rate(2, 0)
