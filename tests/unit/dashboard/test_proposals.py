"""Alert rules that charts and lists propose: metric, filter and group, for a person to check."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from app.api.alert_rules import AlertRuleIn
from app.figures.charted import MEASURES
from dashboard.alert_changes import rule_of
from dashboard.data.proposals import read_proposal


def propose(**fields: str) -> Any:
    return read_proposal(f"?{urlencode(fields)}")


@pytest.mark.parametrize(
    ("filter_", "metric", "aggregation", "warning", "left"),
    [
        ("", "requests", "sum", None, ""),
        ("status = error", "errors", "rate", None, ""),
        ("status = error and model = a", "errors", "rate", None, 'model = "a"'),
        ("not is_safe", "violations", "rate", None, ""),
        ("flag = pii_leak", "flag:pii_leak", "rate", None, ""),
        ("quality < 0.5 and tag = x", "quality", "average", 0.5, 'tag = "x"'),
        ("latency > 10000", "latency", "p95", 10000.0, ""),
        ("cost >= 0.1", "cost", "average", 0.1, ""),
        ("quality > 0.5", "requests", "sum", None, "quality > 0.5"),
        ("flag in (pii_leak, toxicity)", "requests", "sum", None, "flag in (pii_leak, toxicity)"),
        ("model = a or", "requests", "sum", None, "model = a or"),
    ],
)
def test_a_filter_of_a_list_becomes_a_metric_where_it_is_one(
    filter_: str, metric: str, aggregation: str, warning: float | None, left: str
) -> None:
    found = propose(new="listed", filter=filter_)
    assert (found["metric"], found["aggregation"], found.get("warning"), found["filter"]) == (
        metric,
        aggregation,
        warning,
        left,
    )


@pytest.mark.parametrize("name", [*MEASURES, "score:relevance", "flag:toxicity"])
@pytest.mark.parametrize("split", ["", "model", "user"])
def test_every_measure_of_a_chart_makes_a_rule_that_the_api_takes(name: str, split: str) -> None:
    found = propose(new=name, split=split, filter="model = a")
    assert found["group_by"] == ("model" if split == "model" else None)
    filter_ = None if split == "model" else found["filter"]  # a rule has a group or a filter
    rule = AlertRuleIn(**rule_of(found | {"window": "1h", "warning": 0.5, "filter": filter_}))
    assert rule.to_draft().rule.metric == found["metric"]


def test_other_addresses_propose_nothing() -> None:
    assert propose() is None
    assert propose(new="love") is None
    assert propose(new="score:") is None
