from __future__ import annotations

import pytest

from dashboard.view import View, read_view


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
