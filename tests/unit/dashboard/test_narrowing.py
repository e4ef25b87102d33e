from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from dashboard.data.narrowing import Narrowing, read_narrowing
from monitoring.statistics.trends import window_of

ID = "01a21640-82db-7fe4-9a11-2837efa28200"


@pytest.mark.parametrize(
    ("search", "narrowing"),
    [
        (None, Narrowing()),
        ("?period=7d&trace=x", Narrowing()),
        ("?model=gpt-4&flag=bias", Narrowing(model="gpt-4", flag="bias")),
        ("?model=a%26b%20c", Narrowing(model="a&b c")),
        ("?model=&user=", Narrowing()),
        ("?verdict=flagged", Narrowing(is_safe=False)),
        ("?verdict=clean", Narrowing(is_safe=True)),
        ("?verdict=odd", Narrowing()),
        ("?quality=0.5", Narrowing(most_quality=0.5)),
        ("?quality=5", Narrowing()),
        ("?quality=nan", Narrowing()),
        ("?quality=much", Narrowing()),
        (f"?before={ID}", Narrowing(before=UUID(ID))),
        ("?before=yesterday", Narrowing()),
        ("?user=a%00b&session=s", Narrowing(user="ab", session="s")),
    ],
)
def test_an_address_says_what_a_list_is_narrowed_to(search: str | None, narrowing: Narrowing) -> None:
    assert read_narrowing(search) == narrowing


def test_storage_is_asked_for_every_form_of_an_id() -> None:
    window = window_of("1h", datetime(2026, 11, 26, 12, tzinfo=UTC))
    filters = read_narrowing("?user=jane&verdict=flagged&quality=0.5").filters(
        "import", window, lambda kind, value: (value, f"[{kind}:{value}]")
    )
    assert filters.user_ids == ("jane", "[USER_ID:jane]")
    assert filters.session_ids == ()
    assert (filters.source, filters.is_safe, filters.max_quality) == ("import", False, 0.5)
    assert (filters.start, filters.end) == (window.start, window.end)
