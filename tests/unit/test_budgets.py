"""Budgets: periods in time zones, what counts, levels, and projections."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from app.budgets.reservations import from_micros, to_micros
from app.errors import InvalidRecord
from app.figures.spending import Place, Spending, spending_difference
from app.schemas.budgets import Budget
from app.schemas.records import read_record
from app.schemas.traces import Trace
from monitoring.spending.budgets import Cycle, Span, level_of, project_spending, span_of
from workers.upkeep.budgets import levels_reached

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)  # a Wednesday


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "cycle", "zone", "start", "hours"),
    [
        ("2026-11-18T12:00", "day", "UTC", "2026-11-18T00:00", 24),
        ("2026-11-18T00:00", "day", "UTC", "2026-11-18T00:00", 24),
        ("2026-11-17T23:59:59", "day", "UTC", "2026-11-17T00:00", 24),
        ("2026-11-18T12:00", "week", "UTC", "2026-11-16T00:00", 168),
        ("2026-11-16T00:00", "week", "UTC", "2026-11-16T00:00", 168),
        ("2026-11-15T23:59", "week", "UTC", "2026-11-09T00:00", 168),
        ("2026-11-18T12:00", "month", "UTC", "2026-11-01T00:00", 720),
        ("2026-12-31T23:59", "month", "UTC", "2026-12-01T00:00", 744),
        ("2028-02-29T12:00", "month", "UTC", "2028-02-01T00:00", 696),
        # Kathmandu is 5:45 ahead of UTC.
        ("2026-11-18T18:14", "day", "Asia/Kathmandu", "2026-11-17T18:15", 24),
        ("2026-11-18T18:15", "day", "Asia/Kathmandu", "2026-11-18T18:15", 24),
        ("2026-11-30T18:15", "month", "Asia/Kathmandu", "2026-11-30T18:15", 744),
        # Clocks go forward on 29 March 2026 in Berlin, and back on 25 October.
        ("2026-03-29T12:00", "day", "Europe/Berlin", "2026-03-28T23:00", 23),
        ("2026-03-28T22:59", "day", "Europe/Berlin", "2026-03-27T23:00", 24),
        ("2026-10-25T00:30", "day", "Europe/Berlin", "2026-10-24T22:00", 25),
        ("2026-10-25T01:30", "day", "Europe/Berlin", "2026-10-24T22:00", 25),
        ("2026-10-25T22:59", "day", "Europe/Berlin", "2026-10-24T22:00", 25),
        ("2026-10-25T23:00", "day", "Europe/Berlin", "2026-10-25T23:00", 24),
        ("2026-03-25T12:00", "week", "Europe/Berlin", "2026-03-22T23:00", 167),
        ("2026-10-25T12:00", "month", "Europe/Berlin", "2026-09-30T22:00", 745),
        # Midnight of 8 September 2024 did not exist in Santiago: its day begins at 1:00.
        ("2024-09-08T04:00", "day", "America/Santiago", "2024-09-08T04:00", 23),
        ("2024-09-08T03:59", "day", "America/Santiago", "2024-09-07T04:00", 24),
    ],
)
def test_a_period_is_that_of_its_time_zone(
    moment: str, cycle: Cycle, zone: str, start: str, hours: int
) -> None:
    span = span_of(utc(moment), cycle, ZoneInfo(zone))
    assert span == Span(utc(start), utc(start) + timedelta(hours=hours))


@pytest.mark.parametrize("cycle", ["day", "week", "month"])
@pytest.mark.parametrize(
    "zone", ["UTC", "Asia/Kathmandu", "Europe/Berlin", "America/Santiago", "Asia/Beirut"]
)
def test_periods_follow_each_other_without_a_gap(zone: str, cycle: Cycle) -> None:
    span = span_of(utc("2025-01-01T00:00"), cycle, ZoneInfo(zone))
    while span.start < utc("2027-01-01T00:00"):
        following = span_of(span.end, cycle, ZoneInfo(zone))
        assert following.start == span.end
        assert span_of(span.end - timedelta(microseconds=1), cycle, ZoneInfo(zone)) == span
        span = following


@pytest.mark.parametrize(
    ("spent", "level"),
    [
        ("0", "none"),
        ("59.9999999999", "none"),
        ("60", "info"),
        ("79.99", "info"),
        ("80", "warning"),
        ("99.9999999999", "warning"),
        ("100", "critical"),
        ("250", "critical"),
    ],
)
def test_levels_begin_at_60_80_and_100_percent(spent: str, level: str) -> None:
    assert level_of(Decimal(spent), Decimal(100)) == level


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-11-01T12:00", None),  # a sixtieth of the month
        ("2026-11-02T12:00", "200"),
        ("2026-11-16T00:00", "20"),
        ("2026-12-01T00:00", "10"),
        ("2027-01-01T00:00", "10"),
    ],
)
def test_spending_is_projected_at_its_present_rate(day: str, expected: str | None) -> None:
    span = span_of(NOON, "month", UTC)
    found = project_spending(Decimal(10), span, utc(day))
    assert (found and round(found, 6)) == (expected and Decimal(expected))


def budget(**changes: Any) -> Budget:
    whole = Budget(
        project_id="default",
        budget_id=UUID(int=1),
        name="all",
        amount_usd=Decimal(100),
        period="day",
        time_zone="UTC",
        by="project",
        key=None,
        names=(),
        created_at=NOON,
        counted_from=utc("2026-11-18T00:00"),
        counted=True,
    )
    return msgspec.structs.replace(whole, **changes)


def trace(**changes: Any) -> Trace:
    whole = Trace(
        project_id="default",
        trace_id=UUID(int=7),
        job_id="j",
        source="live",
        kind="llm",
        occurred_at=NOON,
        model_name="gpt-5",
        provider="openai",
        user_id="ada",
        tags=("blue", "prod"),
        metadata={"team": "search", "tenant": 42, "beta": True, "rate": 1.5, "long": 10**15},
        prompt="",
        response="",
        scores={},
        pricing_status="priced",
        cost_usd=Decimal("0.25"),
    )
    return msgspec.structs.replace(whole, **changes)


@pytest.mark.parametrize(
    ("by", "key", "value", "covered"),
    [
        ("model", None, "gpt-5", True),
        ("model", None, "gpt-5-mini", False),
        ("provider", None, "openai", True),
        ("provider", None, "azure", False),
        ("user", None, "ada", True),
        ("user", None, "Ada", False),
        ("tag", None, "prod", True),
        ("tag", None, "pro", False),
        ("metadata", "team", "search", True),
        ("metadata", "team", "searching", False),
        ("metadata", "tenant", "42", True),
        ("metadata", "tenant", "042", False),
        ("metadata", "beta", "True", False),
        ("metadata", "rate", "1.5", False),
        ("metadata", "long", str(10**15), False),
        ("metadata", "none", "None", False),
    ],
)
def test_a_budget_covers_its_subject(by: Any, key: str | None, value: str, *, covered: bool) -> None:
    assert budget(by=by, key=key, names=(value,)).covers(trace()) is covered


@pytest.mark.parametrize(
    ("changes", "covered"),
    [
        ({}, True),
        ({"kind": "embedding"}, True),
        ({"kind": "tool"}, False),
        ({"source": "import"}, False),
        ({"source": "evaluate"}, False),
        ({"occurred_at": utc("2026-11-18T00:00")}, True),
        ({"occurred_at": utc("2026-11-17T23:59:59")}, False),
    ],
)
def test_a_budget_covers_live_calls_since_it_counts(changes: dict[str, Any], *, covered: bool) -> None:
    assert budget().covers(trace(**changes)) is covered


def test_calls_without_a_user_or_provider_are_in_no_budget_of_one() -> None:
    nobody = trace(user_id=None, provider=None, tags=(), metadata={})
    for by in ("user", "provider", "tag", "metadata"):
        assert not budget(by=by, key="team", names=("None", "")).covers(nobody)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [], {}),
        ([], [trace()], {NOON: (".25", 1)}),
        ([], [trace(cost_usd=None)], {}),
        ([], [trace(cost_usd=Decimal(0))], {NOON: ("0", 1)}),
        ([trace()], [], {NOON: ("-.25", -1)}),
        ([trace()], [trace()], {}),
        ([trace(cost_usd=None)], [trace()], {NOON: (".25", 1)}),
        ([trace()], [trace(cost_usd=Decimal("0.1"))], {NOON: ("-.15", 0)}),
        ([trace()], [trace(kind="chain", cost_usd=None)], {NOON: ("-.25", -1)}),
        (
            [],
            [trace(), trace(occurred_at=NOON + timedelta(days=1)), trace()],
            {NOON: (".50", 2), NOON + timedelta(days=1): (".25", 1)},
        ),
    ],
)
def test_a_change_of_traces_is_a_change_of_periods(
    before: list[Trace], after: list[Trace], expected: dict[datetime, tuple[str, int]]
) -> None:
    found = spending_difference([budget()], before, after)
    midnight = timedelta(hours=12)
    assert found == {
        Place(UUID(int=1), at - midnight): Spending(Decimal(cost), calls)
        for at, (cost, calls) in expected.items()
    }


def test_every_budget_gets_its_own_share() -> None:
    mine = budget(budget_id=UUID(int=2), by="user", names=("[USER_ID:abc]", "ada"))
    other = budget(budget_id=UUID(int=3), by="user", names=("bob",))
    found = spending_difference([budget(), mine, other], [], [trace()])
    assert {place.budget_id.int for place in found} == {1, 2}


@pytest.mark.parametrize(
    ("spent", "now", "levels"),
    [
        ("10", "2026-11-18T12:00", []),
        ("50", "2026-11-18T12:00", []),
        ("50.01", "2026-11-18T12:00", ["projected"]),
        ("60", "2026-11-18T12:00", ["info", "projected"]),
        ("60", "2026-11-18T23:00", ["info"]),
        ("85", "2026-11-18T23:59", ["info", "warning"]),
        ("100", "2026-11-18T12:00", ["info", "warning", "critical"]),
    ],
)
def test_levels_are_told_from_the_lowest(spent: str, now: str, levels: list[str]) -> None:
    assert list(levels_reached(budget(), Spending(Decimal(spent), 1), utc(now))) == levels


@pytest.mark.parametrize(
    ("amount", "up", "down"),
    [("0", 0, 0), ("1", 1_000_000, 1_000_000), ("0.0000000001", 1, 0), ("0.1234567", 123457, 123456)],
)
def test_costs_are_rounded_up_and_budgets_down(amount: str, up: int, down: int) -> None:
    assert (to_micros(Decimal(amount), up=True), to_micros(Decimal(amount), up=False)) == (up, down)
    assert from_micros(up) * 1_000_000 == up


ONE, TWO = (f"{'0a' * 16}.1793484000.{i:016}" for i in (1, 2))


@pytest.mark.parametrize(
    ("given", "named"), [(None, ()), ([], ()), (ONE, (ONE,)), ([ONE, TWO, ONE], (ONE, TWO))]
)
def test_a_record_names_one_reservation_or_several(given: Any, named: tuple[str, ...]) -> None:
    body = msgspec.json.encode({"prompt": "p", "response": "r", "budget_reservation": given})
    assert read_record(body).budget_reservation == named


@pytest.mark.parametrize("given", ["", "jane@example.com", f"{ONE} ", f"x{ONE}", [ONE] * 17, 7, [None]])
def test_a_reservation_of_another_form_is_refused_with_its_field(given: Any) -> None:
    body = msgspec.json.encode({"prompt": "p", "response": "r", "budget_reservation": given})
    with pytest.raises(InvalidRecord) as refused:
        read_record(body)
    assert str(refused.value.errors[0]["field"]).startswith("budget_reservation")


FIGURES_CHANGE = re.compile(
    r"append_deltas\(connection, (?:difference|aggregate)\(|append_batches\(connection, observe\("
)


@pytest.mark.parametrize(
    "path",
    [
        path.relative_to(ROOT).as_posix()
        for folder in ("app", "workers")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if FIGURES_CHANGE.search(path.read_text(encoding="utf-8"))
    ],
)
def test_code_that_changes_figures_changes_budgets_too(path: str) -> None:
    source = (ROOT / path).read_text(encoding="utf-8")
    assert len(re.findall(r"await count_spending\(", source)) == len(FIGURES_CHANGE.findall(source))
