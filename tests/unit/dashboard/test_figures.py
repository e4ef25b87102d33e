from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
import pytest

from dashboard.drawing.figures import (
    Bar,
    Figure,
    Point,
    amounts,
    bars,
    describe_bars,
    describe_trend,
    trend,
    volume,
)
from dashboard.drawing.theme import palette

COLORS = palette("light")
START = datetime(2026, 11, 23, tzinfo=UTC)


def _points(*values: float | None) -> list[Point]:
    return [Point(START + timedelta(hours=i), 0 if v is None else 10, v) for i, v in enumerate(values)]


def _banded(*values: float | None) -> list[Point]:
    return [
        point
        if point.value is None
        else point._replace(p10=point.value - 0.1, p50=point.value, p90=point.value + 0.1)
        for point in _points(*values)
    ]


def _quality(points: list[Point]) -> Figure:
    return trend(points, name="mean", unit="score", color=COLORS.quality, colors=COLORS)


def _violations(points: list[Point]) -> Figure:
    return trend(points, name="rate", unit="share", color=COLORS.safety, colors=COLORS)


@pytest.mark.parametrize(
    "figure",
    [
        _quality([]),
        _quality(_banded(0.5, None, 0.7)),
        _violations(_points(0.0, 0.5)),
        volume(_points(0.5, None), colors=COLORS),
        volume([], colors=COLORS),
        bars([], color=COLORS.cost, colors=COLORS),
        bars([Bar("gpt-4", 1.5, "$1.50")], color=COLORS.cost, colors=COLORS),
    ],
)
def test_plotly_knows_every_property(figure: Figure) -> None:
    assert go.Figure(figure).to_plotly_json()["layout"]["showlegend"] is False


def test_a_bucket_without_records_is_a_gap_and_not_zero() -> None:
    area, line = _violations(_points(0.1, None, 0.3))["data"]
    assert area["y"] == [0.0, 0.1, None, 0.0, 0.3]
    assert line["y"] == [0.1, None, 0.3]
    assert not line.get("connectgaps")


def test_the_band_is_closed_on_each_side_of_a_gap() -> None:
    band = _quality(_banded(0.5, 0.6, None, 0.7))["data"][0]
    first, second = START, START + timedelta(hours=1)
    assert band["x"][:5] == [first, second, second, first, None]
    assert band["y"][:5] == pytest.approx([0.4, 0.5, 0.7, 0.6, None])
    assert len(band["x"]) == len(band["y"]) == 7


@pytest.mark.parametrize(
    ("values", "mode"),
    [
        ((0.1, 0.2, None), "lines"),
        ((0.1, None, 0.2), "lines+markers"),
        ((0.1,), "lines+markers"),
        ((None,), "lines"),
    ],
)
def test_a_lonely_bucket_is_still_seen(values: tuple[float | None, ...], mode: str) -> None:
    assert _violations(_points(*values))["data"][-1]["mode"] == mode


def test_scores_have_the_whole_axis_and_shares_begin_at_zero() -> None:
    assert _quality(_points(0.8, 0.81))["layout"]["yaxis"]["range"] == [0, 1.02]
    low, high = _violations(_points(0.02, 0.04))["layout"]["yaxis"]["range"]
    assert low == 0
    assert 0.04 < high < 0.06
    assert _violations(_points(1.0, 0.5))["layout"]["yaxis"]["range"] == [0, 1.02]


def test_the_time_axis_spans_the_window_although_nothing_happened_at_its_ends() -> None:
    start, end = volume(_points(None, 0.5, None), colors=COLORS)["layout"]["xaxis"]["range"]
    assert start < START
    assert end > START + timedelta(hours=2)


@pytest.mark.parametrize(("hours", "form"), [(24, "%H:%M"), (72, "%d %b")])
def test_ticks_name_hours_within_a_day_and_days_beyond(hours: int, form: str) -> None:
    assert volume(_points(*[0.1] * hours), colors=COLORS)["layout"]["xaxis"]["tickformat"] == form


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (
            _quality(_banded(0.5)),
            "mean 0.50 of 10 calls; median 0.50, a tenth below 0.40, a tenth above 0.60",
        ),
        (_quality(_points(0.5)), "mean 0.50 of 10 calls"),
        (_violations(_points(0.126)), "rate 12.6 % of 10 calls"),
        (_violations(_points(None)), "rate – of 0 calls"),  # noqa: RUF001 the sign for unknown
        (volume(_points(1), colors=COLORS), "10 calls"),
        (amounts(_points(0.25), colors=COLORS), "$0.25 for 10 calls"),
    ],
)
def test_a_point_says_its_value_its_unit_and_of_how_many(figure: Figure, said: str) -> None:
    assert figure["data"][-1]["customdata"] == [f"23 Nov 00:00: {said}"]
    assert all(line["hoverinfo"] in {"none", "skip"} for line in figure["data"]), "no box covers the chart"


def test_times_are_named_with_their_zone_and_days_by_their_date() -> None:
    zone = ZoneInfo("Europe/Berlin")
    days = [Point(datetime(2026, 3, day, tzinfo=zone), 1, 1) for day in (28, 29, 30)]
    figure = volume(days, colors=COLORS)
    assert figure["data"][0]["customdata"][0] == "28 Mar 2026: 1 call"
    assert figure["layout"]["meta"] == {"zone": "Europe/Berlin"}
    assert volume(_points(1), colors=COLORS)["layout"]["meta"] == {"zone": "UTC"}


def test_bars_keep_their_order_and_long_names_are_cut_but_told_whole() -> None:
    rows = [Bar("a-model-with-a-name-that-is-far-too-long", 3, "3"), Bar("b", 1, "1")]
    figure = bars(rows, color=COLORS.cost, colors=COLORS)
    assert figure["data"][0]["customdata"] == [f"{rows[0].name}: 3", "b: 1"]
    assert figure["data"][0]["hoverinfo"] == "none", "no box covers the chart"
    assert [len(name) for name in figure["layout"]["yaxis"]["ticktext"]] == [26, 1]
    top, bottom = figure["layout"]["yaxis"]["range"][::-1]
    assert top < bottom


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ('<a href="//e.io">x</a>', '&lt;a href="//e.io"&gt;x&lt;/a&gt;'),
        ("a<br>b", "a&lt;br&gt;b"),
        ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
        ("AT&T", "AT&amp;T"),
        ("gpt-4", "gpt-4"),
    ],
)
def test_names_are_no_markup_in_charts(name: str, shown: str) -> None:
    figure = bars([Bar(name, 1.0, "1")], color="#112233", colors=palette("light"))
    assert figure["layout"]["yaxis"]["ticktext"] == [shown]
    assert figure["data"][0]["customdata"] == [f"{name}: 1"], "what stands below is text"
    lines = trend(
        [Point(datetime(2026, 1, 1, tzinfo=UTC), 1, 0.5)],
        name=name,
        unit="score",
        color="#112233",
        colors=palette("light"),
    )
    assert lines["data"][-1]["name"] == shown
    assert describe_bars([Bar(name, 1.0, "1")], name="Models") == f"Models: {name} 1."


def test_trends_are_told_in_words() -> None:
    text = describe_trend(_points(0.5, 0.9, None, 0.7), name="Quality", unit="score")
    assert text == (
        "Quality: 0.70 at 2026-11-23T03:00:00Z, lowest 0.50 at 2026-11-23T00:00:00Z, "
        "highest 0.90 at 2026-11-23T01:00:00Z."
    )
    assert describe_trend(_points(None), name="Quality", unit="score") == "Quality: no data."


def test_bars_are_told_in_words() -> None:
    assert describe_bars([Bar("Toxicity", 2, "2 (0.1 %)"), Bar("Bias", 1, "1")], name="Flags") == (
        "Flags: Toxicity 2 (0.1 %); Bias 1."
    )
    assert describe_bars([], name="Flags") == "Flags: –."  # noqa: RUF001 what people are shown
