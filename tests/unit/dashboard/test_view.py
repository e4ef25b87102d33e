from __future__ import annotations

from uuid import UUID

import pytest

from dashboard.data.view import View, kept_fields, read_trace_id, read_view, with_fields


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
