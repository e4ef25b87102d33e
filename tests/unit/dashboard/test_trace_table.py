from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import msgspec
import pytest

from app.schemas.listed import ListedTrace
from dashboard.data.listed import DEFAULT_COLUMNS
from dashboard.drawing.formatting import UNKNOWN
from dashboard.drawing.trace_columns import OFFERED, column_definitions, column_title, shown_value
from dashboard.drawing.traces import older_texts, trace_rows
from tests.unit.dashboard.components import links, text
from tests.unit.dashboard.test_overview import TRACE

AT = TRACE.timestamp


def row(
    columns: tuple[str, ...] = DEFAULT_COLUMNS, flags: tuple[str, ...] = (), **changes: Any
) -> dict[str, Any]:
    trace: ListedTrace = msgspec.structs.replace(TRACE, **changes)
    (found,) = trace_rows([trace], AT + timedelta(minutes=3), columns, None, flags)
    return found


@pytest.mark.parametrize(
    "search", ["?period=7d&filter=prompt+~+x", "?filter=prompt+~+x&from=2026-11-01T00:00:00Z"]
)
def test_a_search_that_ended_early_leads_on(search: str) -> None:
    begin, reached = datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 30, 12, 5, tzinfo=UTC)
    shown = older_texts(search, begin, reached)
    assert "received since 2026-11-30T12:05:00Z were searched" in text(shown)
    ((words, address),) = links(shown)
    assert words == "Search older ones"
    assert parse_qs(address.partition("?")[2]) == {
        "filter": ["prompt ~ x"],
        "from": [begin.isoformat()],
        "to": [reached.isoformat()],
    }


def test_a_row_tells_what_is_known() -> None:
    found = row(quality_score=0.5, response="yes", response_time_ms=1500.0, cost_usd=Decimal("0.25"))
    assert found["id"] == str(UUID(int=7))
    assert (found["timestamp"], found["ago"]) == ("2026-11-23T12:00:18Z", "3 min ago")
    assert (found["model"], found["quality"], found["safety"], found["flag"]) == (
        "gpt-4",
        0.5,
        0.25,
        ["PII leak"],
    )
    assert (found["cost"], found["latency"], found["prompt"]) == ("$0.25", "1.5 s", "two lines")


def test_a_failed_call_is_neither_good_nor_safe() -> None:
    found = row(error="it\nfailed", quality_score=0.0, safety_score=1.0, is_safe=True, safety_flags=())
    assert (found["failure"], found["state"]) == ("it failed", "")
    assert (found["quality"], found["safety"]) == (None, None)
    partial = row(error="cut off", response="half", safety_score=1.0)
    assert (partial["failure"], partial["safety"]) == ("cut off", 1.0)


@pytest.mark.parametrize(("safe", "state"), [(True, "none"), (None, "not checked")])
def test_without_a_flag_it_says_whether_it_was_checked(safe: bool | None, state: str) -> None:  # noqa: FBT001 a case
    assert row(is_safe=safe, safety_flags=())["state"] == state


def test_the_flag_that_was_asked_for_is_named_first() -> None:
    flags = ("hallucination", "pii_leak", "toxicity")
    assert row(safety_flags=flags, flags=("pii_leak",))["flag"][0] == "PII leak"
    assert row(safety_flags=flags)["flag"] == ["Hallucination", "PII leak", "Toxicity"]


def test_a_step_is_called_by_its_name() -> None:
    assert row(kind="tool", name="get_weather", model_name="unknown")["model"] == "get_weather"
    assert row(kind="tool", name=None, model_name="unknown")["model"] == "tool"


def test_further_values_come_from_elsewhere() -> None:
    columns = ("metadata.team", "score.relevance", "total_tokens")
    values = {TRACE.trace_id: {"metadata.team": "search", "score.relevance": 0.75}}
    trace = msgspec.structs.replace(TRACE, prompt_tokens=1000, completion_tokens=200)
    (found,) = trace_rows([trace], AT, columns, values)
    assert [found[name] for name in columns] == ["search", 0.75, "1.2k"]


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("error", None, UNKNOWN),
        ("tag", [], UNKNOWN),
        ("tag", ("a", "b"), "a, b"),
        ("cost", Decimal(0), "$0"),
        ("latency", 12.0, "12 ms"),
        ("is_safe", False, "no"),
        ("web_search_requests", 0, "0"),
        ("otel_trace_id", b"\x01\xff", "01ff"),
        ("timestamp", datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
        ("score.relevance", 0.5, 0.5),
        ("metadata.note", "=HYPERLINK(1)\n\x1b[31m", "=HYPERLINK(1) \x1b[31m"),
        ("response", "x" * 1_000_000, "x" * 159 + "…"),
    ],
)
def test_values_read_well(name: str, value: Any, shown: Any) -> None:
    assert shown_value(name, value) == shown


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("timestamp", "Time"),
        ("total_tokens", "Tokens"),
        ("pricing_status", "Price"),
        ("metadata.team", "team"),
        ("score.pii", "PII"),
        ("label.refusal", "Refusal (label)"),
    ],
)
def test_columns_have_titles(name: str, title: str) -> None:
    assert column_title(name) == title


def test_one_column_takes_the_room_that_is_left() -> None:
    for names in (DEFAULT_COLUMNS, ("model", "cost"), OFFERED):
        assert any(one.get("flex") for one in column_definitions(names))
    assert column_definitions(("model", "cost"), pinned=True)[0]["pinned"] == "left"
