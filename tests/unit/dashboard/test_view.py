from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from dashboard.data.view import (
    View,
    kept_fields,
    read_fields,
    read_trace_id,
    read_view,
    search_of,
    with_condition,
    with_fields,
)

MIDNIGHT = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("search", "view"),
    [
        (None, View("default", "24h", "live")),
        ("", View("default", "24h", "live")),
        ("?period=7d", View("default", "7d", "live")),
        ("?period=6h", View("default", "6h", "live")),
        ("?period=yesterday", View("default", "24h", "live")),
        ("?period=", View("default", "24h", "live")),
        ("?period=1h&period=15m", View("default", "15m", "live")),
        ("?source=import&period=90d", View("default", "90d", "import")),
        ("?source=made-up", View("default", "24h", "live")),
        ("?project=billing%20bot", View("billing bot", "24h", "live")),
        ("?period=%00&%zz", View("default", "24h", "live")),
        ("?from=2026-11-29T14:00:00Z", View(start=datetime(2026, 11, 29, 14, tzinfo=UTC))),
        ("?from=2026-11-29T14:00%2B02:00", View(start=datetime(2026, 11, 29, 12, tzinfo=UTC))),
        ("?from=2026-11-29&to=2026-11-30", View(start=datetime(2026, 11, 29, tzinfo=UTC), end=MIDNIGHT)),
        ("?from=yesterday&to=now", View()),
        ("?filter=%20model%20%3D%20a%20&compare=1", View(filter="model = a", compared=True)),
    ],
)
def test_an_address_says_what_is_shown(search: str | None, view: View) -> None:
    assert read_view(search) == view


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (None, (False, None)),
        ("?trace=", (False, None)),
        ("?trace=01a21640-82db-7fe4-9a11-2837efa28200", (True, UUID("01a21640-82db-7fe4-9a11-2837efa28200"))),
        ("?trace=%3Cscript%3E", (True, None)),
    ],
)
def test_an_address_names_a_trace(search: str | None, found: tuple[bool, UUID | None]) -> None:
    assert read_trace_id(search) == found


def test_addresses_are_changed_field_by_field() -> None:
    search = "?period=7d&model=a%26b&trace=x"
    assert with_fields(search, trace="y") == "?period=7d&model=a%26b&trace=y"
    assert with_fields(search, trace=None, model=None) == "?period=7d"
    assert with_fields("?trace=x", trace=None) == ""
    assert kept_fields(search) == "?period=7d"
    assert kept_fields(None) == ""


@pytest.mark.parametrize(
    ("view", "start", "end"),
    [
        (View(period="24h"), datetime(2026, 11, 29, tzinfo=UTC), datetime(2026, 11, 30, 1, tzinfo=UTC)),
        (
            View(start=datetime(2026, 11, 29, 14, 30, tzinfo=UTC)),
            datetime(2026, 11, 29, 14, tzinfo=UTC),
            MIDNIGHT,
        ),
        (
            View(start=datetime(2026, 12, 29, tzinfo=UTC)),  # in the future
            datetime(2026, 11, 29, tzinfo=UTC),
            datetime(2026, 11, 30, 1, tzinfo=UTC),
        ),
    ],
)
def test_a_view_has_a_window(view: View, start: datetime, end: datetime) -> None:
    window = view.window(MIDNIGHT)
    assert (window.start, window.end) == (start, end)
    before = view.window_before(MIDNIGHT)
    assert before.end == window.start
    assert before.end - before.start == window.end - window.start


@pytest.mark.parametrize("period", ["15m", "1h", "3h", "24h", "7d", "30d"])
def test_no_call_is_in_both_of_two_periods(period: str) -> None:
    now = datetime(2026, 11, 30, 14, 37, 12, tzinfo=UTC)
    window, before = View(period=period).window(now), View(period=period).window_before(now)
    assert before.end <= window.start
    assert window.start - before.end < before.bucket
    assert before.start < before.end


@pytest.mark.parametrize(
    "search",
    [
        "",
        "?project=shop&period=7d&source=import&filter=is_safe&compare=1",
        "?from=2026-11-29T14%3A30%3A00%2B00%3A00&to=2026-11-30T14%3A30%3A00%2B00%3A00",
    ],
)
def test_a_view_has_an_address(search: str) -> None:
    assert search_of(read_view(search)) == search
    assert read_fields(search_of(read_view(search), by="tag", score=None))["by"] == "tag"


@pytest.mark.parametrize(
    ("search", "field", "value", "found"),
    [
        ("", "model", "gpt-4o", 'model = "gpt-4o"'),
        ("?before=1&trace=2", "model", "gpt-4o", 'model = "gpt-4o"'),
        ("?filter=quality<0.5", "model", "gpt-4o", 'quality < 0.5 and model = "gpt-4o"'),
        ("?filter=flag=bias or is_safe", "user", "ada", '(flag = "bias" or is_safe = true) and user = "ada"'),
        ('?filter=model="gpt-4o"', "model", "gpt-4o", 'model = "gpt-4o"'),
        ("?filter=model=", "model", "a", 'model = "a"'),
        ("", "metadata.team", 'say "hi"', 'metadata.team = "say \\"hi\\""'),
        ("", "template", None, "template is null"),
    ],
)
def test_a_value_becomes_a_condition(search: str, field: str, value: str | None, found: str) -> None:
    assert read_fields(with_condition(search, field, value)) == {"filter": found}
