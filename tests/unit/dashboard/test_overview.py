from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from plotly.io.json import to_json_plotly

from app.reports.cost import CostPoint, CostReport, ModelCost
from app.reports.pipeline import ProjectLedger, QueueReport
from app.reports.quality import QualityPoint, QualityReport
from app.reports.relevance import QualityInsights, RelevanceMetrics, RelevanceReport
from app.reports.safety import FlagShare, SafetyPoint, SafetyReport
from app.schemas.listed import ListedTrace
from dashboard.data.queries import Overview
from dashboard.data.rates import Rate
from dashboard.drawing.overview import overview_parts
from dashboard.drawing.theme import palette
from monitoring.statistics.trends import window_of

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


def _quality(records: int) -> QualityReport:
    some = records > 0
    return QualityReport(
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
    )


def _safety(records: int) -> SafetyReport:
    some = records > 0
    flags = {"pii_leak": FlagShare(count=7, rate=0.0056), "bias": FlagShare(count=1, rate=None)}
    return SafetyReport(
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
    )
    return overview._replace(**changes)


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("rate-value", "82.6"),
        ("rate-remark", "1.2k of 1.3k stored, 3 lost or dead"),
        ("queue-value", "47"),
        ("queue-remark", "2 workers, oldest 1.5 s"),
        ("quality-value", "0.81"),
        ("quality-remark", "median 0.85 of 1.2k"),
        ("unsafe-value", "0.6 %"),
        ("unsafe-remark", "7 of 1.2k records"),
        ("cost-value", "$12.50"),
        ("cost-remark", "$0.013 per request"),
        ("month-value", "–"),  # noqa: RUF001 what people are shown
        ("month-remark", "known after an hour of traffic"),
        ("flags-text", "Safety flags: PII leak 7 (0.6 %); Bias 1 (–)."),  # noqa: RUF001 what people are shown
        ("models-text", "Cost by model: gpt-4 $12.50; free –."),  # noqa: RUF001 what people are shown
        ("topics-text", "Topics: Programming 900; Travel 350."),
    ],
)
def test_every_figure_comes_from_a_report(part: str, text: str) -> None:
    assert overview_parts(_overview(1240), COLORS)[part] == text


def test_the_unknown_is_never_shown_as_zero() -> None:
    parts = overview_parts(_overview(0, ledger=None, queue=None, rate=None), COLORS)
    dash = "–"  # noqa: RUF001 what people are shown
    names = ("rate-value", "rate-remark", "queue-value", "quality-value", "unsafe-value", "month-value")
    assert {name: parts[name] for name in names} == dict.fromkeys(names, dash)
    assert parts["queue-remark"] == "the queue does not answer"


@pytest.mark.parametrize("records", [0, 1240])
def test_everything_can_be_sent_to_a_browser(records: int) -> None:
    parts = overview_parts(_overview(records), COLORS)
    assert json.loads(to_json_plotly(parts)).keys() == parts.keys()


def test_a_known_month_says_how_much_of_it_is_known() -> None:
    overview = _overview(1240)
    cost = overview.cost.model_copy(update={"projected_monthly_cost": Decimal(30)})
    assert overview_parts(overview._replace(cost=cost), COLORS)["month-remark"] == "990 of 1.2k priced"


def test_many_models_end_in_what_the_others_cost() -> None:
    overview = _overview(1240)
    models = [
        ModelCost(
            model_name=f"m{i}",
            requests=1,
            priced_requests=1,
            total_cost_usd=Decimal(i) if i else None,
            total_tokens=1,
        )
        for i in range(60)
    ]
    cost = overview.cost.model_copy(update={"by_model": tuple(models)})
    shown = overview_parts(overview._replace(cost=cost), COLORS)["models-text"]
    assert shown == (
        "Cost by model: m59 $59.00; m58 $58.00; m57 $57.00; m56 $56.00; m55 $55.00; 55 others $1,485."
    )


def test_a_row_of_the_table_is_ready_to_be_drawn() -> None:
    (row,) = overview_parts(_overview(1), COLORS)["traces"]
    assert row == {
        "id": "00000000-0000-0000-0000-000000000007",
        "at": "2026-11-23T12:00:18Z",
        "clock": "12:00:18",
        "ago": "12 s ago",
        "model": "gpt-4",
        "quality": None,
        "safety": 0.25,
        "flags": ["PII leak"],
        "safe": "–",  # noqa: RUF001 what people are shown
        "cost": "–",  # noqa: RUF001 what people are shown
        "prompt": "two lines",
    }
