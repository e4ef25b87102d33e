"""What the API says about a period, and what SQL counts over the rows of that period."""

# ruff: noqa: S608 - fragments are constants of this module; what varies is a bound parameter

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx
import pytest

from app.reports.quality import MOST_MODELS
from monitoring.evaluation import find_evaluators
from monitoring.evaluator import Evaluator
from monitoring.overall_quality import NAME as OVERALL_QUALITY
from monitoring.statistics.histogram import GAMMA
from tests.e2e.stack import Stack

__all__ = ["check_cost", "check_quality", "check_relevance", "check_safety", "check_scores_complete", "read"]

QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}
FLAG_EVALUATORS = {"pii_leak": "pii"}
LIVE = "source = 'live' AND kind = 'llm'"
# The costs of faults are kept with the trace alone, and this value is counted as the column of the
# same name.
COUNTED = f"name <> '{OVERALL_QUALITY}'"
# Every value of every evaluator and of its parts, one row each.
VALUES = f"""
    SELECT name, CAST(score ->> 'value' AS double precision) AS value
    FROM traces, json_each(scores) AS each(name, score) WHERE {LIVE} AND {COUNTED} AND score ->> 'value' IS NOT NULL
    UNION ALL
    SELECT name || '.' || part, CAST(CAST(value AS text) AS double precision)
    FROM traces, json_each(scores) AS each(name, score), json_each(coalesce(score -> 'parts', '{{}}')) AS p(part, value)
    WHERE {LIVE} AND {COUNTED}
"""


@cache
def _evaluators() -> tuple[Evaluator, ...]:
    return find_evaluators()


def read(stack: Stack, name: str, period: str = "24h") -> dict[str, Any]:
    answer = httpx.get(f"{stack.api}/metrics/{name}", params={"time_period": period}, timeout=60)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def same(value: float) -> Any:
    """Tell whether two numbers are equal, except for the order in which floats were added."""
    return pytest.approx(float(value), rel=1e-9, abs=1e-12)


def check_percentiles(reported: Mapping[str, Any], exact: Mapping[str, Any], what: str) -> None:
    """Each reported percentile lies within one log bucket of `percentile_cont` over the rows."""
    for name in QUANTILES:
        value = exact[name]
        assert value / GAMMA - 1e-12 <= reported[name] <= value * GAMMA + 1e-12, (what, name, dict(exact))


def _percentiles(column: str) -> str:
    return ", ".join(
        f"percentile_cont({quantile}) WITHIN GROUP (ORDER BY {column}) AS {name}"
        for name, quantile in QUANTILES.items()
    )


def check_scores_complete(stack: Stack, number: int) -> None:
    """Check that every stored call has a score of every evaluator, and no Failure."""
    names = sorted(evaluator.name for evaluator in _evaluators())
    (row,) = stack.rows(
        f"SELECT count(*) AS rows, count(*) FILTER (WHERE scores::jsonb ?& $1::text[]) AS complete, "
        f"count(*) FILTER (WHERE jsonb_path_exists(scores::jsonb, '$.*.error')) AS failed FROM traces WHERE {LIVE}",
        names,
    )
    assert dict(row) == {"rows": number, "complete": number, "failed": 0}


def check_quality(stack: Stack) -> None:
    report = read(stack, "quality")
    (total,) = stack.rows(
        f"SELECT count(*) AS rows, avg(overall_quality) AS average, {_percentiles('overall_quality')} "
        f"FROM traces WHERE {LIVE}"
    )
    assert report["total_evaluations"] == total["rows"]
    assert report["average_quality"] == same(total["average"])
    check_percentiles(report, total, "overall_quality")
    _check_scores(stack, report["scores"])
    models = stack.rows(
        f"SELECT model_name, count(*) AS rows, avg(overall_quality) AS average FROM traces WHERE {LIVE} "
        "GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    shown, others = models[:MOST_MODELS], models[MOST_MODELS:]
    assert [(m["model_name"], m["count"], m["average_quality"]) for m in report["by_model"]] == [
        (m["model_name"], m["rows"], same(m["average"])) for m in shown
    ]
    assert ((report["other_models"] or {}).get("models", 0), sum(m["rows"] for m in others)) == (
        len(others),
        (report["other_models"] or {}).get("count", 0),
    )
    trend = stack.rows(
        "SELECT date_bin('1 hour', occurred_at, 'epoch') AS bucket, count(overall_quality) AS rows, "
        f"avg(overall_quality) AS average, {_percentiles('overall_quality')} FROM traces WHERE {LIVE} GROUP BY 1 ORDER BY 1"
    )
    points = [point for point in report["trend"] if point["count"]]
    assert [point["count"] for point in points] == [row["rows"] for row in trend]
    for point, row in zip(points, trend, strict=True):
        assert point["average_quality"] == same(row["average"])
        check_percentiles(point, row, f"trend at {row['bucket']}")


def _check_scores(stack: Stack, reported: Mapping[str, Mapping[str, Any]]) -> None:
    exact = {
        row["name"]: row
        for row in stack.rows(
            f"SELECT name, count(*) AS rows, avg(value) AS average, {_percentiles('value')} "
            f"FROM ({VALUES}) AS found GROUP BY name"
        )
    }
    assert reported.keys() == exact.keys()
    for name, row in exact.items():
        assert reported[name]["count"] == row["rows"], name
        assert reported[name]["average"] == same(row["average"]), name
        check_percentiles(reported[name], row, name)
    for evaluator in _evaluators():
        if evaluator.threshold is None or evaluator.name not in exact:
            continue
        beyond = "<" if evaluator.category == "quality" else ">="
        hits = stack.value(
            f"SELECT count(*) FROM ({VALUES}) AS found WHERE name = $1 AND value {beyond} $2",
            evaluator.name,
            evaluator.threshold,
        )
        assert reported[evaluator.name]["beyond_threshold"] == hits, evaluator.name


def check_safety(stack: Stack) -> None:
    report = read(stack, "safety")
    (total,) = stack.rows(
        "SELECT count(*) AS rows, count(*) FILTER (WHERE NOT is_safe) AS unsafe, count(safety_score) AS assessed, "
        f"avg(safety_score) AS average FROM traces WHERE {LIVE}"
    )
    assert report["total_interactions"] == total["rows"]
    assert report["safety_violations"] == total["unsafe"] > 0
    assert report["violation_rate"] == same(total["unsafe"] / total["assessed"])
    assert report["average_safety_score"] == same(total["average"])
    flags = dict(
        map(
            tuple,
            stack.rows(f"SELECT flag, count(*) FROM traces, unnest(flags) AS flag WHERE {LIVE} GROUP BY 1"),
        )
    )
    assert {name: flag["count"] for name, flag in report["flags"].items()} == flags
    assert report["common_flags"] == sorted(flags, key=lambda flag: (-flags[flag], flag))
    counts = dict(map(tuple, stack.rows(f"SELECT name, count(*) FROM ({VALUES}) AS found GROUP BY 1")))
    for flag, number in flags.items():
        looked_at = counts[FLAG_EVALUATORS.get(flag, flag)]
        assert report["flags"][flag]["rate"] == same(number / looked_at), flag
    assert sum(point["violations"] for point in report["trend"]) == total["unsafe"]
    patterns = stack.rows(
        f"SELECT flag, model_name, count(*) AS rows FROM traces, unnest(flags) AS flag WHERE {LIVE} "
        "GROUP BY 1, 2"
    )
    exact = {(row["flag"], row["model_name"]): row["rows"] for row in patterns}
    assert len(report["patterns"]) == min(len(exact), 50)
    for pattern in report["patterns"]:
        assert pattern["count"] == exact[pattern["flag"], pattern["model"]], pattern


def check_cost(stack: Stack) -> None:
    report = read(stack, "cost")
    (total,) = stack.rows(f"SELECT sum(cost_usd) AS cost, avg(cost_usd) AS average FROM traces WHERE {LIVE}")
    assert report["total_cost_usd"] == same(total["cost"])
    assert report["total_cost_usd"] > 0
    assert report["avg_cost_per_request"] == same(total["average"])
    models = stack.rows(
        "SELECT model_name, count(*) AS requests, count(cost_usd) AS priced, sum(cost_usd) AS cost, "
        f"sum(coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0)) AS tokens FROM traces WHERE {LIVE} GROUP BY 1"
    )
    assert {
        m["model_name"]: (m["requests"], m["priced_requests"], m["total_cost_usd"], m["total_tokens"])
        for m in report["by_model"]
    } == {
        m["model_name"]: (
            m["requests"],
            m["priced"],
            None if m["cost"] is None else same(m["cost"]),
            int(m["tokens"]),
        )
        for m in models
    }
    assert sum(point["total_cost_usd"] for point in report["trend"]) == same(total["cost"])


def check_relevance(stack: Stack) -> None:
    report = read(stack, "relevance")
    exact = {
        row["name"]: row
        for row in stack.rows(
            f"SELECT name, count(*) AS rows, avg(value) AS average FROM ({VALUES}) AS found "
            "WHERE name LIKE 'relevance%' GROUP BY 1"
        )
    }
    assert report["total_evaluations"] == exact["relevance"]["rows"]
    averages = report["relevance_metrics"]
    assert averages["average_overall_relevance"] == same(exact["relevance"]["average"])
    for part in ("topical", "contextual", "intent"):
        row = exact.get(f"relevance.{part}")
        assert averages[f"average_{part}_relevance"] == (same(row["average"]) if row else None), part
    (evaluator,) = [each for each in _evaluators() if each.name == "relevance"]
    assert evaluator.threshold is not None
    low = stack.value(
        f"SELECT count(*) FROM ({VALUES}) AS found WHERE name = 'relevance' AND value < $1",
        evaluator.threshold,
    )
    assert report["quality_insights"]["low_relevance_count"] == low
    topics = stack.rows(
        "SELECT scores -> 'topic_category' ->> 'label' AS topic, count(*) FROM traces "
        f"WHERE {LIVE} AND scores -> 'topic_category' ->> 'label' IS NOT NULL GROUP BY 1"
    )
    assert report["topic_distribution"] == dict(map(tuple, topics))
