"""The page of models says whether a difference of two is real, and shows names as texts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from plotly.io.json import to_json_plotly

from app.figures.measures import Counts
from app.reports.models import ModelsReport
from app.reports.side_by_side import Difference, differences, figures_of
from app.storage.traces.side_by_side import Measured, Times
from dashboard.data.view import View
from dashboard.drawing.models import ModelsFound, models_parts
from dashboard.drawing.theme import palette
from monitoring.statistics.intervals import Moments

HOSTILE = "<b>v2</b>\u202e=cmd()"


def measured(
    name: str, calls: int = 100, *, quality: float = 0.6, errors: int = 2, cost: float = 0.01
) -> Measured:
    return Measured(
        value=name,
        counts=Counts(records=calls, assessed=calls, quality_count=calls, quality_sum=calls * quality, priced=calls),
        errors=errors,
        quality=Moments(calls, quality, 0.01),
        cost=Moments(calls, cost, 1e-6),
        latency=Moments(calls, 900.0, 1e4),
        response_time=Times(calls, (800.0, 1500.0, 2100.0)),
        first_token=Times(0, (None, None, None)),
    )  # fmt: skip


def report(*sides: Measured, **fields: Any) -> ModelsReport:
    compared: tuple[Difference, ...] = tuple(differences(sides[0], sides[1], 0.99)) if len(sides) > 1 else ()
    shown = {
        "by": "template",
        "filter": None,
        "computed_from": "traces",
        "truncated": None,
        "time_period": "24h",
        "total_requests": sum(side.counts.records for side in sides),
        "total_models": len(sides),
        "models": tuple(figures_of(side, None, is_model=False) for side in sides),
        "differences": (),
        "compared": compared,
    }
    return ModelsReport(**shown | fields)


def drawn(found: ModelsReport, missing: str | None = None) -> dict[str, str]:
    parts = models_parts(ModelsFound(found, missing), View(), palette("dark"))
    return {
        name: json.dumps(json.loads(to_json_plotly(part)), ensure_ascii=False) for name, part in parts.items()
    }


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (
            measured("v1", quality=0.7),
            measured("v2"),
            (
                "v1 has better answers. This difference is real. Chance may explain the rest (flagged "
                "answers, errors, cost per call, response time)."
            ),
        ),
        (measured("v1"), measured("v2", quality=0.7), "v2 has better answers. This difference is real."),
        (
            measured("v1", quality=0.7, cost=0.02),
            measured("v2", errors=40),
            "v1 has better answers and fewer errors; v2 has cheaper calls. These differences are real.",
        ),
        (measured("v1"), measured("v2", quality=0.601), "No difference between v1 and v2 is real"),
        (measured("v1", 29, quality=0.9), measured("v2"), "No difference between v1 and v2 is real"),
    ],
)
def test_the_sentence_says_what_is_real(one: Measured, other: Measured, said: str) -> None:
    assert said in drawn(report(one, other))["verdict"]


def test_few_calls_are_no_difference() -> None:
    few = drawn(report(measured("v1", 29, quality=0.9), measured("v2")))
    assert few["figures"].count("too few calls") == 5
    assert "too few calls" not in drawn(report(measured("v1", 30), measured("v2")))["figures"]


def test_names_are_texts_and_link_to_their_calls() -> None:
    parts = drawn(report(measured(HOSTILE), measured("v1")))
    assert json.loads(parts["names"]) == [HOSTILE, "v1"]
    assert json.loads(parts["first"]) == HOSTILE
    assert "/traces?filter=template" in parts["table"]
    assert "&by=template" in parts["table"], "a narrowed page still compares templates"
    quality = json.loads(parts["quality"])
    assert HOSTILE in quality["data"][0].pop("customdata")[0], "this is set as text below the chart"
    assert "<b>" not in json.dumps(quality), "Plotly reads labels as HTML"


@pytest.mark.parametrize(
    ("found", "missing", "said"),
    [
        (report(), None, "No call of this period names a template"),
        (report(message="No interactions in the last 24h."), None, "No interactions"),
        (report(measured("v1")), "v7 or v1", "No calls of v7 or v1"),
        (report(measured("v1")), None, "null"),
    ],
)
def test_what_is_missing_is_said(found: ModelsReport, missing: str | None, said: str) -> None:
    assert said in drawn(found, missing)["notices"]
    assert "no two to compare" in drawn(found, missing)["verdict"]
