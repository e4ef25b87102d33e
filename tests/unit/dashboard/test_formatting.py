from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from dashboard.drawing.formatting import (
    ago,
    clip,
    clock,
    count,
    instant,
    milliseconds,
    money,
    percent,
    rate,
    score,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("shown", [count, rate, percent, score, money, milliseconds, instant])
def test_the_unknown_is_a_dash_and_never_zero(shown: Callable[[None], str]) -> None:
    assert shown(None) == "–"  # noqa: RUF001 what people are shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (7, "7"),
        (999, "999"),
        (999.6, "1k"),
        (1000, "1k"),
        (1234, "1.2k"),
        (23473, "23.5k"),
        (999940, "999.9k"),
        (999960, "1M"),
        (4000000, "4M"),
        (2500000000.0, "2.5B"),
        (7000000000000000.0, "7000T"),
        (-1500, "-1.5k"),
    ],
)
def test_counts(value: float, text: str) -> None:
    assert count(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.44, "0.4"), (12.52, "12.5"), (99.0, "99"), (340.2, "340"), (2100.0, "2.1k")],
)
def test_rates(value: float, text: str) -> None:
    assert rate(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 %"),
        (0.0004, "< 0.1 %"),
        (0.001, "0.1 %"),
        (0.934, "93.4 %"),
        (0.9996, "> 99.9 %"),
        (1.0, "100 %"),
    ],
)
def test_shares_never_round_to_none_or_to_all(value: float, text: str) -> None:
    assert percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal(0), "$0"),
        (Decimal("0.0000001"), "< $0.000001"),
        (Decimal("0.000012"), "$0.000012"),
        (Decimal("0.0031"), "$0.0031"),
        (Decimal("0.10"), "$0.10"),
        (Decimal("0.994"), "$0.99"),
        (Decimal("1.005"), "$1.00"),
        (Decimal("21.2245"), "$21.22"),
        (Decimal("1029.02"), "$1,029"),
        (Decimal(1_234_567), "$1.2M"),
        (0.0092, "$0.0092"),
    ],
)
def test_money(value: Decimal, text: str) -> None:
    assert money(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(85.2, "85 ms"), (999.4, "999 ms"), (999.6, "1.0 s"), (1234.0, "1.2 s"), (210_000.0, "3.5 min")],
)
def test_durations(value: float, text: str) -> None:
    assert milliseconds(value) == text


@pytest.mark.parametrize(
    ("elapsed", "text"),
    [
        (timedelta(milliseconds=400), "now"),
        (timedelta(seconds=-3), "now"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=23), "23 h ago"),
        (timedelta(days=3, hours=5), "3 d ago"),
    ],
)
def test_elapsed_time_in_its_largest_unit(elapsed: timedelta, text: str) -> None:
    assert ago(NOW - elapsed, NOW) == text


def test_a_moment_is_shown_in_utc_wherever_it_was_measured() -> None:
    assert instant(NOW.astimezone(timezone(timedelta(hours=9)))) == "2026-11-23T12:00:00Z"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("short", "short"),
        ("two\n lines", "two lines"),
        ("exactly10!", "exactly10!"),
        ("eleven char", "eleven ch…"),
        ("", ""),
        (" " * 100 + "far", "…"),
    ],
)
def test_a_snippet_is_one_line_of_bounded_length(text: str, shown: str) -> None:
    assert clip(text, 10) == shown


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOW, "12:00:00"),
        (NOW - timedelta(hours=12), "00:00:00"),
        (NOW - timedelta(hours=12, seconds=1), "11-22 23:59"),
        (datetime(2026, 11, 23, 1, 30, tzinfo=timezone(timedelta(hours=3))), "11-22 22:30"),
    ],
)
def test_a_moment_of_today_needs_no_date(moment: datetime, text: str) -> None:
    assert clock(moment, NOW) == text
