"""The page of costs says what is known, with what it is of, and shows names of users as texts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from plotly.io.json import to_json_plotly

from app.budgets.standing import BudgetOut, describe_budget
from app.figures.measures import Counts
from app.figures.spending import Spending
from app.reports.answers import CostAnswer
from app.reports.breakdown import Breakdown, GroupFigures
from app.reports.cost import CostPoint, ModelCost, Month
from app.reports.forecast import CostProjection, ProjectionError
from app.reports.spending import CostPerGoodAnswer
from app.reports.suggestions import LookedAt, Suggestion
from app.schemas.budgets import Budget
from dashboard.data.changes import Refused
from dashboard.data.costs import CostFound
from dashboard.data.view import View
from dashboard.drawing.budgets import budget_rows, tightest
from dashboard.drawing.cost import cost_parts
from dashboard.drawing.cost_forms import BUDGET_FIELDS, PRICE_FIELDS, price_of
from dashboard.drawing.refusals import refusals
from dashboard.drawing.theme import palette
from dashboard.money_changes import budget_of
from monitoring.statistics.trends import window_of
from tests.unit.dashboard.components import links

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
WINDOW = window_of("24h", NOW)
HOSTILE = "<script>alert(1)</script>\u202e=cmd()"


def written(part: Any) -> str:
    return json.dumps(json.loads(to_json_plotly(part)), separators=(",", ":"), ensure_ascii=False)


def group(value: str | None, usd: str | None, calls: int) -> GroupFigures:
    return GroupFigures(
        values={} if value == "all" else {"model": value},
        filter=None if value == "(other)" else f"model = {json.dumps(value)}",
        requests=calls,
        priced_requests=calls,
        total_cost_usd=usd and Decimal(usd),
        prompt_tokens=0,
        completion_tokens=0,
        quality_count=0,
        average_quality=None,
        assessed=0,
        violations=0,
        violation_rate=None,
    )


def answer(**fields: Any) -> CostAnswer:
    shown = {
        "time_period": "24h",
        "total_cost_usd": Decimal(10),
        "avg_cost_per_request": Decimal("0.1"),
        "most_expensive_operations": (),
        "optimization_suggestions": (),
        "projected_monthly_cost": Decimal(300),
        "total_requests": 130,
        "unpriced_requests": 30,
        "total_tokens": 1000,
        "trend": (CostPoint(bucket=NOW, requests=130, total_cost_usd=Decimal(10)),),
        "by_model": (
            ModelCost(model_name="gpt", requests=100, priced_requests=100, total_cost_usd=Decimal(10), total_tokens=1),
            *(
                ModelCost(model_name=name, requests=n, priced_requests=0, total_cost_usd=None, total_tokens=1)
                for name, n in (("house", 5), (HOSTILE, 20), ("x", 4), ("y", 1))
            ),
        ),
        "breakdown": Breakdown(
            group_by=("model",),
            groups=(group("gpt", "6", 60), group(HOSTILE, "4", 40), group(None, None, 30)),
            rest=None,
            rest_groups=0,
            total=group("all", "10", 130),
            overlap=False,
            since=WINDOW.start,
            computed_from="rollups",
            truncated=None,
        ),
    }  # fmt: skip
    return CostAnswer(**shown | fields)


def found(**fields: Any) -> CostFound:
    shown: dict[str, Any] = {
        "at": NOW,
        "window": WINDOW,
        "by": "model",
        "answer": answer(),
        "before": Counts(records=90, priced=90, cost_usd=Decimal(5)),
        "since": NOW - timedelta(days=40),
        "month": Month(None, Decimal(300)),
        "budgets": [],
    }
    return CostFound(**shown | fields)


def drawn(view: View = View(), **fields: Any) -> dict[str, str]:  # noqa: B008 a view is frozen
    parts = cost_parts(found(**fields), view, palette("light"))
    return {name: written(part) for name, part in parts.items()}


def test_what_was_spent_stands_with_its_change_and_its_calls() -> None:
    parts = drawn()
    assert parts["spent-value"] == '"$10.00"'
    # The window is 25 hours long with the present one, of which 24 have passed: 10 / 24 to 5 / 25.
    assert "108.3 % more per hour than in the period before ($5.00)" in parts["spent-remark"]
    assert "100 of 130 calls have a known price" in parts["spent-remark"]


@pytest.mark.parametrize(
    ("before", "since", "said"),
    [
        ("4.8e-9", NOW - timedelta(days=40), "more per hour"),
        ("0", NOW - timedelta(days=40), "no whole period before"),
        ("5", NOW - timedelta(days=1), "no whole period before"),
        ("5", None, "no whole period before"),
        ("10.4166", NOW - timedelta(days=40), "as much as in the period before"),
        ("20.8333", NOW - timedelta(days=40), "50 % less per hour"),
    ],
)
def test_a_change_needs_a_whole_period_before(before: str, since: datetime | None, said: str) -> None:
    counts = Counts(records=9, priced=9, cost_usd=Decimal(before))
    assert said in drawn(before=counts, since=since)["spent-remark"]


def test_names_of_groups_are_texts_and_link_to_their_calls() -> None:
    groups = drawn()["groups"]
    assert json.dumps(HOSTILE[:20], ensure_ascii=False)[1:-1] in groups
    assert "/traces?filter=model" in groups
    assert "without" in groups, "a missing value has a name"
    assert "$180.00" in groups, "six tenths of the month of $300"
    assert "$180.00" not in drawn(View(filter="model = gpt"))["groups"], "the month is about all calls"


def test_unknown_prices_are_one_line_with_the_most_frequent_models_first() -> None:
    parts = drawn()
    assert "30 of 130 calls have no known price" in parts["unpriced"]
    assert "house (5), x (4) and 1 more models" in parts["unpriced"]
    assert json.loads(parts["names"]) == [HOSTILE, "house", "x", "y"]
    every = answer(unpriced_requests=0, by_model=())
    assert drawn(answer=every)["unpriced"] == '"Every call of this period has a known price."'


def test_a_projection_says_its_range_its_error_and_its_basis() -> None:
    projection = CostProjection(
        method="weekday_and_hour",
        time_zone="Europe/Berlin",
        spent_usd=Decimal(90),
        expected_usd=Decimal(100),
        low_usd=Decimal(95),
        high_usd=Decimal(120),
        next_month_usd=Decimal(130),
        next_month_low_usd=Decimal(123),
        next_month_high_usd=Decimal(150),
        history_days=70,
        error=ProjectionError(horizon_days=1, forecasts=50, error=0.153, mean_per_day_error=0.41),
    )
    parts = drawn(month=Month(projection, Decimal(130)))
    assert parts["next-value"] == '"$130.00"'
    assert "likely $123.00 to $150.00" in parts["next-remark"]
    for said in (
        "$95.00 to $120.00",
        "15.3 % (the mean per day: 41 %)",
        "70 days",
        "Europe/Berlin",
        "over 1 day.",
    ):
        assert said in parts["month"]
    assert "needs three weeks" in drawn()["month"]


@pytest.mark.parametrize(
    ("good", "said"),
    [
        ((0.2, 0.1, 0.4, 50, 90), "95 % interval $0.10 to $0.40"),
        ((None, None, None, 0, 90), "0 of 90 answers are good"),
        ((None, None, None, 0, 0), "no answer was judged"),
    ],
)
def test_the_cost_of_a_good_answer_has_an_interval(good: tuple[Any, ...], said: str) -> None:
    names = ("usd", "low", "high", "good_answers", "judged_answers")
    per_good = CostPerGoodAnswer(**dict(zip(names, good, strict=True)))
    assert said in drawn(answer=answer(cost_per_good_answer=per_good))["good-remark"]


def test_suggestions_link_to_their_traces_in_the_language_of_filters() -> None:
    one = Suggestion(
        kind="cut_answers",
        text=HOSTILE,
        amount_usd=Decimal("1.5"),
        model_name='a "b"',
        template_id="t",
        evidence={"calls": 1200, "of": 0.123456, "name": "x", "none": None},
        trace_ids=(UUID(int=7),),
        traces="/traces?model=x",
    )
    looked = LookedAt(
        calls=2000, of_requests=9000, begin=NOW - timedelta(hours=3), end=NOW, cost_usd=Decimal(9)
    )
    parts = drawn(answer=answer(suggestions=(one,) * 4, looked_at=looked))
    assert "model+%3D+%22a+%5C%22b%5C%22%22+and+template+%3D+t" in parts["savings"].replace("%22t%22", "t")
    assert "calls 1,200, of 0.1235, name x" in parts["savings"]
    assert "newest 2k of 9k calls" in parts["savings"]
    assert "1 more" in parts["savings"]
    assert "Remove the filter" in drawn(answer=answer(filter="model = x"))["savings"]


def budget(spent: str, *, counted: bool = True, name: str = "all") -> BudgetOut:
    made = Budget(
        project_id="default",
        budget_id=UUID(int=1),
        name=name,
        amount_usd=Decimal(100),
        period="month",
        time_zone="Europe/Berlin",
        by="project",
        key=None,
        names=(),
        created_at=NOW,
        counted_from=NOW,
        counted=counted,
    )
    return describe_budget(made, Spending(Decimal(spent), 3), None, NOW)


def test_a_budget_shows_what_is_spent_and_left_and_when_it_ends() -> None:
    shown = written(budget_rows([budget("85", name=HOSTILE)], NOW))
    ends = datetime(2026, 12, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    for said in (
        "85 % used (80 % passed)",
        "$85.00 spent",
        "$15.00 left",
        f"{ends:%Y-%m-%d %H:%M} Europe/Berlin",
    ):
        assert said in shown
    assert "being added up" in written(budget_rows([budget("85", counted=False)], NOW))
    assert "no budget yet" in written(budget_rows([], NOW))
    (link,) = links(budget_rows([budget("85")], NOW, "?by=user"))
    assert link == ("Change or remove", f"/cost?by=user&budget={budget('85').budget_id}")
    assert tightest([budget("10"), budget("120", name="most")])["budget-value"] == "120 %"
    assert tightest([budget("10", counted=False)])["budget-value"] == tightest([])["budget-value"]


def test_forms_become_what_the_api_takes() -> None:
    given = dict.fromkeys(BUDGET_FIELDS, "") | {"name": "x", "amount_usd": 12.5, "by": "project"}
    assert budget_of(given, None) == {"name": "x", "amount_usd": 12.5, "by": "project", "time_zone": "UTC"}
    assert budget_of(given | {"time_zone": "+01:00"}, "Asia/Tokyo")["time_zone"] == "+01:00"
    typed = dict.fromkeys(PRICE_FIELDS, "") | {"model": "house-*", "input": 0, "output": 2.5}
    assert price_of(typed) == {"model": "house-*", "per_million_tokens": {"input": 0, "output": 2.5}}
    assert price_of(typed | {"from": " 2026-11-01 "})["from"] == "2026-11-01T00:00:00Z"
    assert price_of(typed | {"from": "2026-11-01T05:00:00Z"})["from"] == "2026-11-01T05:00:00Z"


def test_refusals_stand_at_their_fields() -> None:
    refused = Refused(
        "The request was refused.",
        errors=[
            {"field": "prices.0.per_million_tokens.input", "message": "is negative"},
            {"field": "prices.0.from", "message": "is no moment"},
            {"field": "prices.0", "message": "needs a price"},
        ],
    )
    errors, rest = refusals(refused, PRICE_FIELDS)
    assert (errors, rest) == ({"input": "is negative", "from": "is no moment"}, "prices.0: needs a price")
    assert refusals(Refused("It is too late."), PRICE_FIELDS) == ({}, "It is too late.")
