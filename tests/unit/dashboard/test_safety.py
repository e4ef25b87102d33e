from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from plotly.io.json import to_json_plotly

from app.reports.answers import SafetyAnswer
from app.reports.findings import Findings, flagged
from app.reports.safety import FlagShare, SafetyPattern, SafetyPoint
from app.schemas.traces import Trace
from dashboard.data.view import View
from dashboard.drawing.safety import SafetyFound, safety_parts
from dashboard.drawing.theme import palette
from monitoring.marks import Mark
from monitoring.models import Evidence, Score
from tests.unit.dashboard.components import links, text

NOW = datetime(2026, 11, 29, 19, 5, tzinfo=UTC)
COLORS = palette("dark")
LONG = "x" * 500
TRACE = Trace(
    project_id="default",
    trace_id=UUID(int=7),
    job_id="job",
    source="live",
    kind="llm",
    pricing_status="unknown",
    occurred_at=NOW - timedelta(minutes=3),
    model_name="gpt-4o",
    template_id="<b>sum</b>",
    prompt="hello",
    response=f"{LONG} write to ada@lovelace.org <script>alert(1)</script> now",
    flags=("pii_leak",),
    hits=("pii", "relevance"),
    scores={
        "pii": Score(
            value=0.9,
            label="email",
            version="1",
            evidence=(Evidence("response", 510, 526, "EMAIL 0.90"),) * 5,
        ),
        "relevance": Score(value=0.1, label="off_topic", version="1"),
        "toxicity": Score(value=0.1, label="none", version="1"),
    },
)


def report(**changes: Any) -> SafetyAnswer:
    point = SafetyPoint(bucket=NOW, count=10, violations=2, violation_rate=0.2, flags={"pii_leak": 1})
    values: dict[str, Any] = {
        "time_period": "24h",
        "total_interactions": 1000,
        "safety_violations": 50,
        "violation_rate": 0.0625,
        "average_safety_score": 0.9,
        "common_flags": ("pii_leak",),
        "flags": {"pii_leak": FlagShare(count=40, rate=0.05), "mine": FlagShare(count=1, rate=None)},
        "trend": (point, point.model_copy(update={"bucket": NOW + timedelta(hours=1)})),
        "patterns": (
            SafetyPattern(
                flag="pii_leak",
                model="gpt-4o",
                template="sum",
                count=9,
                rate=0.3,
                example_trace_ids=(UUID(int=7),),
            ),
            SafetyPattern(
                flag="bias", model="gpt-4o", template=None, count=1, rate=None, example_trace_ids=()
            ),
        ),
    }
    return SafetyAnswer(**values | changes)


def drawn(
    flag: str | None = None, calls: tuple[Trace, ...] = (TRACE,), view: View | None = None, **changes: Any
) -> dict[str, Any]:
    findings = Findings(calls=calls, personal_data={"EMAIL_ADDRESS": 12}, injections={"context": 3})
    read = SafetyFound(report(**changes), findings, flag, 800, None, {"pii", "toxicity"}, NOW)
    return safety_parts(read, view or View(), COLORS)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("tiles", "Flagged6.2 %"),
        ("tiles", "50 of 800 checked calls"),
        ("tiles", "40 of 800 checked for it"),
        ("flags", "5 % · 40 of 800 checked for it"),
        ("personal", "Email address12 calls"),
        ("injections", "Context3 calls"),
        ("patterns", "PII leakgpt-4osum930 %1"),
        ("heading", "Latest flagged calls"),
    ],
)
def test_every_rate_stands_with_what_it_is_of(part: str, words: str) -> None:
    assert words in text(drawn()[part])


def test_a_finding_shows_what_was_found_where_and_why() -> None:
    shown = text(drawn()["findings"])
    assert "Pii 0.90 response: EMAIL 0.90… " in shown.replace("PII", "Pii")
    assert "ada@lovelace.org <script>alert(1)</script> now" in shown
    assert "2 more places" in shown
    assert LONG not in shown
    assert "Toxicity" not in shown, "its value is below its threshold"
    assert "Relevance" not in shown, "it is no finding about safety"
    assert ("19:02:00", "/safety?trace=00000000-0000-0000-0000-000000000007") in links(drawn()["findings"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"marks": (Mark.REDACTED,)}, "texts were redacted before they were stored"),
        ({"scores": {}, "response": "only this"}, "only this"),
        (
            {"scores": {"toxicity": Score(value=0.9, label="insult", version="1")}, "hits": ("toxicity",)},
            "insult",
        ),
    ],
    ids=["masked", "no evidence", "a label alone"],
)
def test_a_finding_without_a_place_still_says_something(changes: dict[str, Any], words: str) -> None:
    values = {name: getattr(TRACE, name) for name in Trace.__struct_fields__} | changes
    assert words in text(drawn(calls=(Trace(**values),))["findings"])


def test_a_chosen_flag_narrows_all_but_the_rates() -> None:
    parts = drawn("pii_leak")
    assert parts["heading"] == "Latest calls flagged PII leak"
    assert "Bias" not in text(parts["patterns"])
    assert "5 % · 40 of 800" in text(parts["flags"])
    assert parts["trend"]["data"][-1]["y"] == [0.1, 0.1]
    assert links(parts["more"])[0][1] == "/traces?filter=flag+%3D+%22pii_leak%22"


def test_links_keep_the_view() -> None:
    view = View(period="7d", filter="model = a or user = b")
    parts = drawn(view=view)
    kept = "period=7d&filter=model+%3D+a+or+user+%3D+b"
    assert (links(parts["flags"])[0][1]) == f"/safety?{kept}&flag=pii_leak"
    both = "period=7d&filter=%28model+%3D+a+or+user+%3D+b%29+and+is_safe+%3D+false"
    assert links(parts["more"])[0][1] == f"/traces?{both}"


def test_a_period_without_calls_says_so_and_can_be_sent() -> None:
    empty: dict[str, Any] = {
        "total_interactions": 0,
        "safety_violations": 0,
        "violation_rate": None,
        "flags": {},
        "trend": (),
        "patterns": (),
    }
    parts = drawn(calls=(), **empty)
    assert text(parts["findings"]) == "No call of this period was flagged."
    for one in (parts, drawn("bias")):
        assert json.loads(to_json_plotly(one)).keys() == one.keys()


@pytest.mark.parametrize(
    ("flag", "said"), [(None, "is_safe = false"), ("bias", 'flag = "bias"'), ('"', 'flag = "\\""')]
)
def test_flagged_calls_are_a_filter(flag: str | None, said: str) -> None:
    assert flagged(flag).to_text() == said
