from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from plotly.io.json import to_json_plotly

from app.reports.breakdown import GroupFigures, Truncation
from app.reports.people import PeopleReport
from app.schemas.owners import Activity, Turn
from dashboard.data.people import read_order, read_owner
from dashboard.drawing.people import order_links, people_table, top_words, turns

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
EVIL = "<script>window.pwned = 1</script>"
ONE = Activity(
    owner="jane",
    user_id="jane",
    calls=1_000,
    priced=2,
    cost_usd=Decimal("1.5"),
    prompt_tokens=900,
    completion_tokens=100,
    average_quality=0.75,
    worst_quality=0.125,
    errors=3,
    flags=("bias", "pii_leak", "toxicity"),
    first=AT - timedelta(hours=1),
    last=AT,
)
FIGURES = GroupFigures.model_construct(
    values={"user": "jane"},
    filter="x",
    requests=12_345,
    priced_requests=12_345,
    quality_count=12_345,
    total_cost_usd=Decimal(7),
    prompt_tokens=1,
    completion_tokens=1,
    average_quality=0.5,
    assessed=200,
    violations=20,
    violation_rate=0.1,
)


def drawn(content: Any) -> str:
    return str(to_json_plotly(content)).replace("\\u002f", "/")


def table(report: PeopleReport, field: str = "user") -> str:
    return drawn(people_table(report, "User", field, "/users", "?period=7d", ZoneInfo("Asia/Tokyo")))


def test_a_row_says_how_many_calls_its_figures_are_of() -> None:
    shown = table(PeopleReport([ONE], {}))
    for words in ("1,000+", "$1.50", "0.75", "0.12", "11-26 21:00", "Bias", "PII leak", "+1"):
        assert f'"{words}"' in shown
    assert "/users?period=7d&user=jane" in shown


def test_exact_figures_are_shown_where_the_order_has_them() -> None:
    shown = table(PeopleReport([ONE], {"jane": FIGURES}, 1))
    for words in ("12,345", "$7.00", "0.50", "20 of 200 (10 %)"):
        assert words in shown
    assert "1,000+" not in shown


def test_the_first_column_is_shown_at_every_width() -> None:
    head = people_table(PeopleReport([ONE], {}), "User", "user", "/users", None, UTC).children.children[0]
    first, *others = head.children.children
    assert first.children == "User"
    assert not getattr(first, "className", "")
    assert "User" not in [one.children for one in others]


def test_names_are_text() -> None:
    evil = msgspec.structs.replace(ONE, owner=EVIL, user_id="u" * 5_000)
    shown = table(PeopleReport([evil], {}), "session")
    assert "window.pwned" in shown
    assert "dangerously" not in shown
    assert "u" * 100 not in shown


@pytest.mark.parametrize(
    ("report", "order", "words"),
    [
        (PeopleReport([ONE] * 2, {}), "latest", "The 2 users with the latest call that fits."),
        (PeopleReport([ONE], {}), "latest", "All 1 users with a call that fits."),
        (PeopleReport([ONE], {}, 3_000), "cost", "The first 2 of 3,000 users"),
        (PeopleReport([ONE], {}, 1), "cost", "All 1 users"),
        (
            PeopleReport([ONE], {}, 1, Truncation(calls_read=100_000, since=AT)),
            "cost",
            "newest 100,000 calls were read",
        ),
    ],
)
def test_a_table_says_what_it_shows(report: PeopleReport, order: Any, words: str) -> None:
    assert words in top_words(report, order, "users", 2)


@pytest.mark.parametrize(
    ("fields", "order"), [({}, "latest"), ({"order": "cost"}, "cost"), ({"order": "odd"}, "latest")]
)
def test_the_address_says_the_order(fields: dict[str, str], order: str) -> None:
    assert read_order(fields) == order
    assert drawn(order_links(read_order(fields), "/users", None)).count("aria-current") == 1


@pytest.mark.parametrize(
    ("fields", "user"),
    [({}, None), ({"user": "a\0b"}, "ab"), ({"user": "\0"}, None), ({"user": "u" * 5_000}, None)],
)
def test_the_address_says_who_is_meant(fields: dict[str, str], user: str | None) -> None:
    assert read_owner(fields, "user") == user


def test_a_turn_tells_its_cost_context_and_scores() -> None:
    turn = Turn(
        trace_id=UUID(int=7),
        timestamp=AT,
        model_name="gpt-4",
        user_id=None,
        prompt=EVIL,
        response="",
        error="timeout",
        cost_usd=Decimal("0.25"),
        prompt_tokens=1_200,
        completion_tokens=None,
        response_time_ms=None,
        quality_score=0.0,
        safety_score=1.0,
        is_safe=False,
        safety_flags=("bias",),
    )
    shown = drawn(
        turns([turn, msgspec.structs.replace(turn, error=None)], 51, "/sessions", "?session=s", UTC)
    )
    for words in ("51. 11-26 12:00:00", "52. ", "$0.25", "1.2k tokens", "timeout", "Bias", "trace=00000000"):
        assert words in shown
    # The scores of a call that failed say nothing.
    assert shown.count('"0.00"') == 1
