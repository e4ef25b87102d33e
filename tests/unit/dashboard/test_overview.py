from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
import pytest
from plotly.io.json import to_json_plotly

from app.reports.answers import QualityAnswer, SafetyAnswer
from app.reports.cost import CostPoint, CostReport, ModelCost
from app.reports.one_score import GroupScore
from app.reports.pipeline import ProjectLedger, QueueReport
from app.reports.quality import Falling, QualityPoint
from app.reports.relevance import QualityInsights, RelevanceMetrics, RelevanceReport
from app.reports.safety import FlagShare, SafetyPoint
from app.reports.what_changed import WhatChanged
from app.schemas.listed import ListedTrace
from app.storage.alerts.rules import StoredRule
from dashboard.data.overview import Overview, wider_view
from dashboard.data.rates import Rate
from dashboard.data.view import View
from dashboard.drawing.overview import overview_parts
from dashboard.drawing.theme import palette
from monitoring.alerting.rules import Rule
from monitoring.alerting.states import AlertState, Group
from monitoring.statistics.changes import Change
from monitoring.statistics.group_changes import GroupChange
from monitoring.statistics.trends import window_of
from tests.unit.dashboard.components import links, text

NOW = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)
WINDOW = window_of("15m", NOW)
COLORS = palette("dark")
BUCKETS = list(WINDOW.bucket_starts())
TRACE = ListedTrace(
    trace_id=UUID(int=7),
    timestamp=datetime(2026, 11, 23, 12, 0, 18, tzinfo=UTC),
    source="live",
    model_name="gpt-4",
    provider=None,
    user_id=None,
    session_id=None,
    template_id=None,
    topic=None,
    quality_score=None,
    safety_score=0.25,
    is_safe=False,
    safety_flags=("pii_leak",),
    cost_usd=None,
    pricing_status="unknown",
    response_time_ms=None,
    marks=(),
    prompt="two\nlines",
    response="",
)


def _quality(records: int) -> QualityAnswer:
    some = records > 0
    return QualityAnswer(
        time_period="15m",
        average_quality=0.812 if some else None,
        total_evaluations=records,
        p10=0.5 if some else None,
        p50=0.85 if some else None,
        p90=0.9 if some else None,
        trend=tuple(
            QualityPoint(bucket=at, count=0, average_quality=None, p10=None, p50=None, p90=None)
            for at in BUCKETS
        ),
        by_model=(),
        scores={},
        decline=None,
        other_models=None,
    )


def _safety(records: int) -> SafetyAnswer:
    some = records > 0
    flags = {"pii_leak": FlagShare(count=7, rate=0.0056), "bias": FlagShare(count=1, rate=None)}
    return SafetyAnswer(
        time_period="15m",
        total_interactions=records,
        safety_violations=7 if some else 0,
        violation_rate=7 / records if some else None,
        average_safety_score=None,
        common_flags=("pii_leak",) if some else (),
        flags=flags if some else {},
        trend=tuple(
            SafetyPoint(bucket=at, count=0, violations=0, violation_rate=None, flags={}) for at in BUCKETS
        ),
        patterns=(),
    )


def _cost(records: int) -> CostReport:
    some = records > 0
    spent = Decimal("12.5")
    models = (
        ModelCost(model_name="free", requests=250, priced_requests=0, total_cost_usd=None, total_tokens=1),
        ModelCost(
            model_name="gpt-4", requests=1000, priced_requests=1000, total_cost_usd=spent, total_tokens=1
        ),
    )
    return CostReport(
        time_period="15m",
        total_cost_usd=spent if some else Decimal(0),
        avg_cost_per_request=Decimal("0.0126") if some else None,
        most_expensive_operations=(),
        optimization_suggestions=(),
        projected_monthly_cost=None,
        total_requests=records,
        unpriced_requests=250 if some else 0,
        total_tokens=0,
        trend=tuple(CostPoint(bucket=at, requests=records, total_cost_usd=Decimal(0)) for at in BUCKETS[:1]),
        by_model=models if some else (),
    )


def _relevance(records: int) -> RelevanceReport:
    return RelevanceReport(
        time_period="15m",
        total_evaluations=records,
        relevance_metrics=RelevanceMetrics.model_construct(**dict.fromkeys(RelevanceMetrics.model_fields)),
        topic_distribution={"programming": 900, "travel": 350} if records else {},
        quality_insights=QualityInsights(
            low_relevance_count=0, low_relevance_rate=None, most_problematic_topics=()
        ),
    )


LEDGER = ProjectLedger(
    project_id="default",
    accepted=2300,
    stored=1250,
    duplicate=1000,
    dead=2,
    in_flight=47,
    unaccounted=1,
)


CHANGED = WhatChanged(
    requests=1.5,
    quality=Change(before=0.86, after=0.81, low=-0.06, high=-0.04, certain=True),
    groups=(
        GroupChange(
            field="model",
            value="gpt-4",
            figure="quality",
            change=Change(before=0.8, after=0.6, low=-0.22, high=-0.18, certain=True),
            size=6.7,
        ),
    ),
)


def _overview(records: int, **changes: Any) -> Overview:
    overview = Overview(
        at=NOW,
        window=WINDOW,
        quality=_quality(records),
        safety=_safety(records),
        cost=_cost(records),
        relevance=_relevance(records),
        traces=[TRACE] if records else [],
        ledger=LEDGER,
        queue=QueueReport(records=47, jobs=1, oldest_age_seconds=1.5, workers=2),
        rate=Rate(accepted=90.0, stored=82.6),
        checked=990,
        changed=CHANGED,
    )
    return overview._replace(**changes)


def drawn(records: int = 1240, view: View | None = None, **changes: Any) -> dict[str, Any]:
    return overview_parts(_overview(records, **changes), view or View(), COLORS)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("tiles", "Requests1.2k+50 % per hour against the period before"),
        ("tiles", "Quality0.81▼ −0.05 (−0.06 to −0.04) against the period before"),  # noqa: RUF001 the sign for less
        ("tiles", "mean, median 0.85, of 1.2k calls"),
        ("tiles", "Flagged0.6 %nothing to compare with before7 of 990 checked calls"),
        ("tiles", "Cost$12.50nothing to compare with before$0.013 per priced request"),
        ("tiles", "990 of 1.2k priced; a month is known after an hour of traffic"),
        ("pipeline", "Stored per second82.6"),
        ("pipeline", "In the queue47"),
        ("pipeline", "2 workers, oldest record 1.5 s"),
        ("pipeline", "Since the beginning1.2k of 1.3k stored, from all sources"),
        ("pipeline", "Lost or dead3"),
        ("flags", "PII leak7 of 1.2k checked for it"),
        ("models", "gpt-4$12.50freeprice unknown"),
        ("topics", "Programming900Travel350"),
        ("alerts", "No alert rule is set. Alerts has ready ones."),
        ("moved", "Model gpt-4: quality 0.80 → 0.60 ▼ −0.20 (−0.22 to −0.18)"),  # noqa: RUF001 the sign for less
    ],
)
def test_every_figure_comes_from_a_report(part: str, words: str) -> None:
    assert words in text(drawn()[part])


def test_the_unknown_is_never_shown_as_zero() -> None:
    parts = drawn(0, ledger=None, queue=None, rate=None, checked=0, changed=WhatChanged())
    dash = "–"  # noqa: RUF001 what people are shown
    assert f"Quality{dash}" in text(parts["tiles"])
    assert f"Flagged{dash}" in text(parts["tiles"])
    assert f"Stored per second{dash}" in text(parts["pipeline"])
    assert "the queue does not answer" in text(parts["pipeline"])
    assert text(parts["moved"]) == "The period before has too few calls to compare with."


@pytest.mark.parametrize("records", [0, 1240])
def test_everything_can_be_sent_to_a_browser(records: int) -> None:
    parts = drawn(records)
    assert json.loads(to_json_plotly(parts)).keys() == parts.keys()


def test_a_month_says_what_it_is_based_on() -> None:
    cost = _overview(1240).cost.model_copy(update={"projected_monthly_cost": Decimal(30)})
    said = "$30.00 in the next month, at the rate of the last 30 days; 990 of 1.2k priced"
    assert said in text(drawn(cost=cost)["tiles"])


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        ([Decimal(i) if i else None for i in range(60)], "55 others$1,485, 1 calls unpriced"),
        ([Decimal(1)] * 5 + [None] * 3, "3 othersprice unknown"),
        ([Decimal(3), Decimal(2), None, None, None, None], "m2price unknown"),
    ],
    ids=["some", "none", "few models"],
)
def test_what_others_cost_is_unknown_where_no_price_is(prices: list[Decimal | None], said: str) -> None:
    models = tuple(
        ModelCost(
            model_name=f"m{i}",
            requests=1,
            priced_requests=int(price is not None),
            total_cost_usd=price,
            total_tokens=1,
        )
        for i, price in enumerate(prices)
    )
    cost = _overview(1240).cost.model_copy(update={"by_model": models})
    assert said in text(drawn(cost=cost)["models"])


def test_every_bar_and_change_leads_to_its_traces() -> None:
    parts = drawn(view=View(period="7d"))
    kept = "/traces?period=7d&filter="
    assert links(parts["flags"])[0] == ("PII leak", f"{kept}flag+%3D+%22pii_leak%22")
    assert links(parts["topics"])[0] == ("Programming", f"{kept}topic+%3D+%22programming%22")
    assert links(parts["models"])[0] == ("gpt-4", f"{kept}model+%3D+%22gpt-4%22")
    assert links(parts["moved"])[0] == ("gpt-4", f"{kept}model+%3D+%22gpt-4%22")


def test_a_fall_of_quality_names_its_hour_and_leads_to_its_place() -> None:
    decline = Falling(before=0.73, after=0.68, since=NOW - timedelta(hours=2))
    fell = Change(before=0.7, after=0.5, low=-0.23, high=-0.17, certain=True)
    values = ("orders <b>", None)
    worst = GroupScore(values=values, records=90, count=90, mean=0.5, change=fell, assessed=90, flagged=0)
    quality = _quality(1240).model_copy(update={"decline": decline})
    shown = partial(drawn, quality=quality, changed=WhatChanged())
    moved = shown(fallen=worst)["moved"]
    assert text(moved) == (
        "Quality fell from 0.73 to 0.68 at 10:00 UTC, most in orders <b> on no model: 0.70 → 0.50."
    )
    assert links(moved) == [("Quality fell", "/quality?by=template%2Cmodel")]
    assert text(shown()["moved"]).endswith("at 10:00 UTC.")


def test_a_filter_leaves_out_what_is_not_counted_with_it() -> None:
    parts = drawn(view=View(filter="is_safe"), relevance=None, changed=WhatChanged())
    assert text(parts["topics"]) == "Topics are counted without a filter only."
    assert text(parts["moved"]) == "Changes are compared without a filter only."


@pytest.mark.parametrize(
    ("view", "age", "period"),
    [
        (View(), timedelta(days=3), "7d"),
        (View(), timedelta(days=40), "90d"),
        (View(), timedelta(days=400), "3650d"),
        (View(period="1h"), timedelta(days=3), None),
        (View(start=NOW - timedelta(days=1)), timedelta(days=3), None),
    ],
)
def test_an_empty_usual_period_is_widened_to_the_newest_call(
    view: View, age: timedelta, period: str | None
) -> None:
    old = msgspec.structs.replace(TRACE, timestamp=NOW - age)
    found = wider_view(view, _overview(0, traces=[old]))
    assert (found and found.period) == period


def test_what_has_calls_or_nothing_at_all_is_not_widened() -> None:
    assert wider_view(View(), _overview(1240)) is None
    assert wider_view(View(), _overview(0)) is None


def alert(name: str, level: Any, **state: Any) -> StoredRule:
    groups = {"gpt-4": Group(level=level, since=NOW)}
    return StoredRule(
        project_id="default",
        rule_id=UUID(int=1),
        rule=Rule(name=name, metric="x", aggregation="average", direction="above", window=timedelta(hours=1)),
        channels=(),
        enabled=True,
        state=AlertState(groups=groups, alert_since=NOW - timedelta(minutes=5), **state),
        version=1,
        due_at=NOW,
        created_at=NOW,
        created_by="a",
        updated_at=NOW,
    )


def test_active_alerts_are_listed_the_worst_first() -> None:
    rules = [
        alert("slow", "warning"),
        alert("errors", "critical", acknowledged="critical"),
        alert("calm", None),
    ]
    shown = text(drawn(rules=rules)["alerts"])
    assert shown.startswith("critical errors in gpt-4 · since 5 min ago · acknowledgedwarning slow")
    assert "calm" not in shown
    assert text(drawn(rules=rules[2:])["alerts"]) == "None of 1 rules fires. Alerts"
    assert "1 rules cannot be evaluated." in text(drawn(rules=[alert("x", None, failing=True)])["alerts"])


def test_a_row_of_the_table_is_ready_to_be_drawn() -> None:
    (row,) = drawn(1)["traces"]
    assert row == {
        "id": "00000000-0000-0000-0000-000000000007",
        "timestamp": "2026-11-23T12:00:18Z",
        "ago": "12 s ago",
        "model": "gpt-4",
        "quality": None,
        "safety": 0.25,
        "flag": ["PII leak"],
        "state": "–",  # noqa: RUF001 what people are shown
        "failure": None,
        "latency": "–",  # noqa: RUF001 what people are shown
        "cost": "–",  # noqa: RUF001 what people are shown
        "prompt": "two lines",
    }
