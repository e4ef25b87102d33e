from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dash import html
from plotly.io.json import to_json_plotly

from app.reports.agreement import AgreementReport, Bounds, Comparison, RaterAgreement
from app.reports.one_score import GroupScore, OneScore
from app.reports.quality import Falling, QualityPoint
from dashboard.data.view import View
from dashboard.drawing.quality import QualityFound, quality_parts
from dashboard.drawing.theme import palette
from monitoring.statistics.changes import Change
from tests.unit.dashboard.components import links, text

NOW = datetime(2026, 11, 29, 19, 5, tzinfo=UTC)
FALL = datetime(2026, 11, 29, 14, tzinfo=UTC)
COLORS = palette("light")
FELL = Change(before=0.7, after=0.5, low=-0.23, high=-0.17, certain=True)
STEADY = Change(before=0.7, after=0.69, low=-0.03, high=0.01, certain=False)


def group(value: str | None, change: Change | None) -> GroupScore:
    return GroupScore(values=(value,), records=100, count=90, mean=0.5, change=change, assessed=80, flagged=2)


def score(**changes: Any) -> OneScore:
    point = QualityPoint(bucket=FALL, count=5, average_quality=0.7, p10=0.4, p50=0.7, p90=0.9)
    values: dict[str, Any] = {
        "score": "overall_quality",
        "count": 900,
        "mean": 0.68,
        "percentiles": (0.33, 0.7, 0.9),
        "change": STEADY,
        "trend": (point, point.model_copy(update={"bucket": FALL + timedelta(hours=1)})),
        "decline": None,
        "groups": (
            group("search <b>", FELL),
            group("sum", STEADY),
            group(None, None),
            group("(other)", None),
        ),
    }
    return OneScore(**values | changes)


NOBODY = AgreementReport(time_period="7d", labelled_calls=0, rated_calls=0, message="Nobody labelled.")


def drawn(
    *,
    harmful: bool = False,
    view: View | None = None,
    agreement: AgreementReport = NOBODY,
    **changes: Any,
) -> dict[str, Any]:
    scores = ["overall_quality", "relevance.topical"]
    read = QualityFound(score(**changes), "template", scores, harmful, NOW, agreement)
    return quality_parts(read, view or View(period="7d"), COLORS)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"decline": Falling(before=0.73, after=0.68, since=FALL), "since": FALL},
            (
                "Overall quality fell from 0.73 to 0.68 at 14:00 UTC. The clearest change for the worse is in "
                "the template search <b>: 0.70 before, 0.50 since."
            ),
        ),
        (
            {"decline": Falling(before=0.73, after=0.68), "groups": ()},
            "Overall quality fell from 0.73 to 0.68 over this period.",
        ),
        (
            {"groups": (group("sum", STEADY),)},
            "Overall quality shows no change that chance does not explain.",
        ),
        (
            {"change": FELL, "groups": ()},
            "Overall quality fell from 0.70 in the period before to 0.50.",
        ),
        (
            {"change": None, "groups": ()},
            (
                "Overall quality does not fall within this period. "
                "The period before has too few calls to compare with."
            ),
        ),
        (
            {"count": 0, "mean": None, "score": "mine.part_a"},
            "No call of this period has the score Mine: part a. Choose a longer period or another filter.",
        ),
    ],
    ids=["at a moment", "slowly", "chance", "since before", "nothing before", "nothing"],
)
def test_a_sentence_says_what_got_worse_and_where(changes: dict[str, Any], said: str) -> None:
    assert text(drawn(**changes)["said"]) == said


def test_a_rise_of_what_is_harmful_is_bad_news() -> None:
    rose = Change(before=0.1, after=0.3, low=0.17, high=0.23, certain=True)
    said = text(drawn(harmful=True, groups=(group("a", rose),))["said"])
    assert said.endswith("The clearest change for the worse is in the template a: 0.10 before, 0.30 now.")
    assert "clearest" not in text(drawn(harmful=True, groups=(group("a", FELL),))["said"])


def test_every_group_leads_to_its_calls() -> None:
    found = dict(links(drawn()["groups"]))
    assert found["search <b>"] == "/quality?period=7d&by=template&filter=template+%3D+%22search+%3Cb%3E%22"
    assert found["no template"] == "/quality?period=7d&by=template&filter=template+is+null"
    assert "(other)" not in found
    traces = [href for name, href in links(drawn()["groups"]) if name == "Traces"]
    assert traces[1] == "/traces?period=7d&filter=template+%3D+%22sum%22"
    assert len(traces) == 3


def test_a_choice_keeps_the_view() -> None:
    view = View(filter="is_safe", source="import")
    assert dict(links(drawn(view=view)["fields"])) == {
        "model": "/quality?source=import&filter=is_safe",
        "template and model": "/quality?source=import&filter=is_safe&by=template%2Cmodel",
        "tag": "/quality?source=import&filter=is_safe&by=tag",
        "user": "/quality?source=import&filter=is_safe&by=user",
    }


@pytest.mark.parametrize("empty", [False, True])
def test_everything_can_be_sent_to_a_browser(*, empty: bool) -> None:
    changes: dict[str, Any] = (
        {"count": 0, "mean": None, "percentiles": (None,) * 3, "trend": (), "groups": ()} if empty else {}
    )
    parts = drawn(**changes)
    assert json.loads(to_json_plotly(parts)).keys() == parts.keys()
    assert isinstance(parts["tiles"][0], html.Div)


def test_a_rate_stands_with_its_denominator_and_a_part_says_so() -> None:
    shown = text(drawn(calls_read=20_000)["groups"])
    assert "90 of 100" in shown
    assert "2.5 % of 80" in shown
    assert "at most 20k newest calls" in drawn(calls_read=20_000)["basis"]
    assert "14:00 UTC" in text(drawn(since=FALL)["groups"])


def comparison(evaluator: str, n: int, **changes: Any) -> Comparison:
    values: dict[str, Any] = {"against": "scores", "agreed": n, "positives": 1, "flagged": 1, "reasons": {}}
    return Comparison(evaluator=evaluator, n=n, sentence=f"{evaluator} says.", **values | changes)


def test_agreement_stands_with_its_number_and_the_chosen_score_comes_first() -> None:
    bounds = Bounds(estimate=0.4, low=0.1, high=0.7)
    report = AgreementReport(
        time_period="7d",
        labelled_calls=50,
        rated_calls=0,
        comparisons=(
            comparison("coherence", 50, rank_correlation=bounds, kappa=bounds),
            comparison("overall_quality", 1),
            comparison("pii", 40, against="findings", kappa=bounds),
        ),
        raters=(RaterAgreement(flag="<b>pii</b>", raters=2, findings=3, n=3, agreed=2, sentence="Too few."),),
    )
    shown = text(drawn(agreement=report)["agreement"])
    assert shown == (
        "Overall quality and scores1 calloverall_quality says."
        "Coherence and scores50 calls · rank correlation 0.40coherence says."
        "PII and verdicts40 calls · kappa 0.40pii says."
        "<b>PII</b>: two people3 pairsToo few."
    )


def test_without_labels_the_way_to_review_is_shown() -> None:
    assert ("Review some calls", "/review?period=7d") in links(drawn()["agreement"])
